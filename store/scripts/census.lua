-- census: counts the callbacks of one partition, and looks at those whose turn
-- is next.
--
-- KEYS[1] due        relay:v1:{NN}:due
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] created    relay:v1:{NN}:created
-- KEYS[4] aside      relay:v1:{NN}:aside
-- ARGV[1] how soon a deadline is near, in milliseconds
-- Returns verdict "counted" with now, answered, pending, all, near (pending, with
--         a deadline that is near), oldest (when the first in deadline was
--         created), next (the first id in due), aside (entries that were set
--         aside)

local at = now()
local function first(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', '+inf', 'LIMIT', '0', '1')[1]
end
local function count(key)
  return text(redis.call('ZCARD', key))
end
local waits = first(KEYS[2])
return add({'verdict', 'counted', 'now', text(at), 'answered', count(KEYS[1]), 'pending', count(KEYS[2]),
  'all', count(KEYS[3]), 'near', text(redis.call('ZCOUNT', KEYS[2], '-inf', text(at + ARGV[1]))), 'aside', count(KEYS[4])},
  {oldest = waits and redis.call('ZSCORE', KEYS[3], waits), next = first(KEYS[1])}, 'oldest', 'next')
