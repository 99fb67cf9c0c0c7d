-- beat: gives a sign of life of a replica and counts the live ones.
--
-- KEYS[1] replicas   relay:v1:replicas
-- ARGV[1] the replica's name
-- ARGV[2] how long a sign of life counts, in milliseconds
-- Returns {"live", how many}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - tonumber(ARGV[2])))
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
return {'live', string.format('%.0f', redis.call('ZCARD', KEYS[1]))}
