-- drop: removes a free event.
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
-- ARGV[1] digest
-- ARGV[2] name of the event
-- ARGV[3] lease in milliseconds
-- ARGV[4] sender; the events of another one are not touched
-- Returns verdict "dropped" | "gone"

local reply = {'verdict', 'gone'}
local sender = read(KEYS[1], 'sender').sender
if sender and sender ~= ARGV[4] then
  return reply
end
local m = matching(now())
redis.call('PERSIST', KEYS[1]) -- needs no memory, so a full Redis accepts the rest
redis.call('ZREM', KEYS[4], ARGV[1] .. ' ' .. ARGV[2]) -- even if the event is gone
for _, e in ipairs(m.events) do
  if e.name == ARGV[2] and is_free(e) then
    e.spent = true
    reply = {'verdict', 'dropped'}
  end
end
keep(m, tonumber(ARGV[3]), tonumber(ARGV[3]))
return reply
