-- join: adds a waiter to a digest, and assigns the free events to it.
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
-- KEYS[5] seen      relay:v1:{NN}:seen:<digest>
-- ARGV[1] digest
-- ARGV[2] waiter
-- ARGV[3] until when it waits, in milliseconds since 1970
-- ARGV[4] lease in milliseconds
-- ARGV[5] how many waiters at most
-- ARGV[6] how much longer the ids of events are remembered, in milliseconds
-- ARGV[7] how many ids are remembered
-- Returns verdict "joined" with assigned, used, waiter
--         | "full" with waiter, once for each waiter

local at = now()
local m = matching(at)
if tonumber(ARGV[3]) <= at then
  return matched({'verdict', 'joined'}, m) -- its time is over
end
if not place(m.waiters, ARGV[2]) then
  if #m.waiters >= tonumber(ARGV[5]) then
    local reply = {'verdict', 'full'}
    for _, waiter in ipairs(m.waiters) do
      add(reply, {waiter = waiter}, 'waiter')
    end
    return reply
  end
  m.waiters[#m.waiters + 1] = ARGV[2]
end

redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
lasts(KEYS[2], at)
for _, e in ipairs(m.events) do
  offer(m, e)
end
remember(m, KEYS[5], tonumber(ARGV[6]), tonumber(ARGV[7]))
keep(m, tonumber(ARGV[4]), tonumber(ARGV[4]))
return matched({'verdict', 'joined'}, m)
