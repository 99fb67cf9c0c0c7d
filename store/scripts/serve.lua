-- serve: records what became of an event for a waiter.
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
-- ARGV[1] digest
-- ARGV[2] name of the event, or ""
-- ARGV[3] waiter
-- ARGV[4] what became of the event: "passed", "answered" or "spent"
-- ARGV[5] "1" if the waiter waits no more
-- ARGV[6] lease in milliseconds
-- ARGV[7] when to look again whether a used event has reached its task, in milliseconds
-- ARGV[8] how many used events at most
-- ARGV[9] how many free events of the digest at most
-- ARGV[10] how many free events of the sender in this partition at most
-- ARGV[11] how many bytes these may take when an event becomes free that takes more than
--          its share
-- Returns verdict "served" with assigned, used, waiter, dropped and oldest, see keep_within

local at = now()
local m = matching(at)
redis.call('PERSIST', KEYS[1]) -- needs no memory, so a full Redis accepts the rest
if ARGV[5] == '1' then
  redis.call('ZREM', KEYS[2], ARGV[3])
  strike(m.waiters, ARGV[3])
end
for _, e in ipairs(m.events) do
  if e.name == ARGV[2] then
    strike(e.waiting, ARGV[3])
    strike(e.users, ARGV[3])
    strike(e.done, ARGV[3])
    if ARGV[4] == 'answered' then
      e.users[#e.users + 1] = ARGV[3]
    elseif ARGV[4] == 'spent' then
      e.spent = true
    else
      e.done[#e.done + 1] = ARGV[3]
    end
    offer(m, e)
  end
end
trim(m, is_used, tonumber(ARGV[8]))
local reply = {'verdict', 'served'}
keep_within(reply, m, tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[9], ARGV[10], ARGV[11])
return matched(reply, m)
