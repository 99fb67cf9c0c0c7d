-- census: counts the callbacks of one partition, and looks at those whose turn
-- is next.
--
-- KEYS[1] due        relay:v1:{NN}:due
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] created    relay:v1:{NN}:created
-- KEYS[4] aside      relay:v1:{NN}:aside
-- ARGV[1] how soon a deadline is near, in milliseconds
-- Returns {"counted", now, answered, pending, all, pending with a deadline that
--          is near, creation time of the first in deadline, first id in due,
--          entries that were set aside; "" without one}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function first(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', '+inf', 'LIMIT', '0', '1')[1] or ''
end
local function count(n)
  return string.format('%.0f', n)
end
local waits = first(KEYS[2])
local created = waits ~= '' and redis.call('ZSCORE', KEYS[3], waits) or ''
return {'counted', count(now),
  count(redis.call('ZCARD', KEYS[1])), count(redis.call('ZCARD', KEYS[2])), count(redis.call('ZCARD', KEYS[3])),
  count(redis.call('ZCOUNT', KEYS[2], '-inf', count(now + ARGV[1]))), created, first(KEYS[1]),
  count(redis.call('ZCARD', KEYS[4]))}
