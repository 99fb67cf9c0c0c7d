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
-- Returns verdict "matched" | "kept" with assigned, used, waiter, dropped and oldest, see
--         keep_within | "duplicate" with assigned, used, waiter | "nobody" | "full"; and
--         present, once for each who waits
--
-- If its writes were lost with the reply, the sender posts the event again. So even a
-- duplicate writes something, for the WAIT that follows.

local at = now()
local m = matching(at)
local seen = redis.call('ZSCORE', KEYS[5], ARGV[3])
local verdict = seen and tonumber(seen) > at and 'duplicate'
local assigned = 0
for _, e in ipairs(m.events) do
  assigned = assigned + (#e.waiting > 0 and 1 or 0)
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
m.events[#m.events + 1] = e
remember(m, KEYS[5], tonumber(ARGV[8]), tonumber(ARGV[13]))
local lease = tonumber(ARGV[9])
local stored = reply(is_free(e) and 'kept' or 'matched')
keep_within(stored, m, lease, lease, ARGV[11], ARGV[14], ARGV[15])
return matched(stored, m)
