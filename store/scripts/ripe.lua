-- ripe: lists members of a sorted set whose time has come, oldest first.
--
-- KEYS[1] sorted set scored in milliseconds
-- ARGV[1] how many at most
-- Returns {member, score, member, score, …}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now),
  'WITHSCORES', 'LIMIT', '0', ARGV[1])
