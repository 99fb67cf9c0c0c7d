-- event: stores an event of a hook, assigned to all who wait for it, or free.
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
-- KEYS[5] seen      relay:v1:{NN}:seen:<digest>
-- ARGV[1] digest
-- ARGV[2] name of the event, new for each call
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
-- ARGV[15] and further: waiters that the event is not for
-- Returns verdict "matched" | "kept" with assigned, used, waiter, dropped (how many free
--         events of the digest made room) and, if the partition has too many free events,
--         oldest (its digest and name) | "duplicate" with assigned, used, waiter
--         | "nobody" | "full"; and present, once for each who waits
--
-- If its writes were lost with the reply, the sender posts the event again. So even a
-- duplicate writes something, for the WAIT that follows.

local at = now()
local m = matching(at)
local seen = redis.call('ZSCORE', KEYS[5], ARGV[3])
local verdict = seen and tonumber(seen) > at and 'duplicate'
local free, assigned = 0, 0
for _, e in ipairs(m.events) do
  free, assigned = free + (is_free(e) and 1 or 0), assigned + (#e.waiting > 0 and 1 or 0)
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
  name = ARGV[2], at = at, ends = at + ARGV[7], bytes = #ARGV[5], label = ARGV[6], waiting = {}, users = {}, done = {unpack(ARGV, 15)},
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
keep(m, tonumber(ARGV[9]), tonumber(ARGV[9]))
redis.call('ZADD', KEYS[5], text(e.ends + ARGV[8]), ARGV[3])
lasts(KEYS[5], at)
local many = redis.call('ZCARD', KEYS[5]) - ARGV[13]
if many > 0 then
  redis.call('ZREM', KEYS[5], unpack(redis.call('ZRANGE', KEYS[5], 0, many - 1)))
end
local stored = add(reply(e.free and 'kept' or 'matched'), {dropped = text(dropped)}, 'dropped')
if redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[14]) then
  add(stored, {oldest = redis.call('ZRANGE', KEYS[4], 0, 0)[1]}, 'oldest')
end
return matched(stored, m)
