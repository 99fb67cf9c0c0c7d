-- announce: counts a replica as alive, and returns all live replicas.
--
-- KEYS[1] replicas   relay:v1:replicas
-- ARGV[1] the replica's name
-- ARGV[2] for how long it counts as alive, in milliseconds
-- Returns verdict "live" with replica, once for the name of each live replica

local at = now()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(at - ARGV[2]))
redis.call('ZADD', KEYS[1], text(at), ARGV[1])
local reply = {'verdict', 'live'}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do
  add(reply, {replica = name}, 'replica')
end
return reply
