-- event: stores an event of a hook, assigned to all who wait for it, or free.
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
-- KEYS[5] seen      relay:v1:{NN}:seen:<digest>
-- ARGV[1] digest
-- ARGV[2] name of the event, new for each call, ending with its size
-- ARGV[3] digest of the event's id
-- ARGV[4] sender
-- ARGV[5] sealed content
-- ARGV[6] sealed id and type
-- ARGV[7] how long the event is kept, in milliseconds
-- ARGV[8] how much longer its id is remembered, in milliseconds
-- ARGV[9] lease in milliseconds
-- ARGV[10] what to do if nobody waits: "keep" the event, "drop" it, or "" to do nothing
--          but to say whether it is a duplicate
-- ARGV[11] how many free events of the digest at most
-- ARGV[12] how many assigned ones
-- ARGV[13] how many ids are remembered
-- ARGV[14] how many free events of the sender in this partition at most
-- ARGV[15] how many bytes these may take when an event is added that takes more than
--          its share
-- ARGV[16] and further: waiters that the event is not for
-- Returns verdict "matched" | "kept" with assigned, used, waiter, dropped (how many free
--         events of the digest made room) and, if the partition has too many free events
--         or too large ones, oldest once for each that must go (its digest and name) | "duplicate" with assigned, used, waiter
--         | "nobody" | "full"; and present, once for each who waits
--
-- Adding up how much the free events take is slow. It is done only for events that take
-- more than their share of ARGV[15]; so in all they take at most twice that.
--
-- If its writes were lost with the reply, the sender posts the event again. So even a
-- duplicate writes something, for the WAIT that follows.

-- size_in returns the bytes that an event takes, from its name or its member of KEYS[4].
local function size_in(member)
  return tonumber(string.match(member, '%-(%d+)$') or 0)
end

local at = now()
local m = matching(at)
local seen = redis.call('ZSCORE', KEYS[5], ARGV[3])
local verdict = seen and tonumber(seen) > at and 'duplicate'
local free, assigned = 0, 0
for _, e in ipairs(m.events) do
  free, assigned = free + (is_free(e) and 1 or 0), assigned + (#e.waiting > 0 and 1 or 0)
  if e.id == ARGV[3] then
    verdict = 'duplicate'
  end
  if e.name == ARGV[2] then -- the client repeats a call whose reply was lost
    verdict = e.free and 'kept' or 'matched'
  end
end
local function reply(what)
  local all = {'verdict', what}
  for _, waiter in ipairs(m.waiters) do
    add(all, {present = waiter}, 'present')
  end
  return all
end
if verdict then
  lasts(KEYS[5], at)
  return matched(reply(verdict), m)
end
local e = {
  name = ARGV[2], id = ARGV[3], at = at, ends = at + ARGV[7], bytes = #ARGV[5], label = ARGV[6],
  waiting = {}, users = {}, done = {unpack(ARGV, 16)},
}
offer(m, e)
if ARGV[10] == '' or #e.waiting == 0 and ARGV[10] == 'drop' then
  return reply('nobody')
end
if #e.waiting > 0 and assigned >= tonumber(ARGV[12]) then
  return {'verdict', 'full'}
end

redis.call('HSET', KEYS[1], 'body:' .. e.name, ARGV[5], 'sender', ARGV[4])
local dropped = 0
if #e.waiting == 0 and free >= tonumber(ARGV[11]) then
  for i, oldest in ipairs(m.events) do
    if is_free(oldest) then
      forget(oldest)
      table.remove(m.events, i)
      dropped = 1
      break
    end
  end
end
m.events[#m.events + 1] = e
remember(m, KEYS[5], tonumber(ARGV[8]), tonumber(ARGV[13]))
keep(m, tonumber(ARGV[9]), tonumber(ARGV[9]))
local stored = add(reply(e.free and 'kept' or 'matched'), {dropped = text(dropped)}, 'dropped')
local many = e.free and redis.call('ZCARD', KEYS[4]) - ARGV[14] or 0
local large = e.free and size_in(e.name) * ARGV[14] > tonumber(ARGV[15])
if many > 0 or large then
  local oldest, bytes = redis.call('ZRANGE', KEYS[4], 0, large and -1 or many - 1), 0
  for _, one in ipairs(oldest) do
    bytes = bytes + size_in(one)
  end
  for i, one in ipairs(oldest) do
    if i > many and bytes <= tonumber(ARGV[15]) then
      break
    end
    add(stored, {oldest = one}, 'oldest')
    bytes = bytes - size_in(one)
  end
end
return matched(stored, m)
