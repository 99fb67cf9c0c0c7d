-- trim: takes a callback that is gone out of the sorted sets.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] created    relay:v1:{NN}:created
-- KEYS[3] deadline   relay:v1:{NN}:deadline
-- KEYS[4] due        relay:v1:{NN}:due
-- ARGV[1] id
-- Returns verdict "trimmed" | "exists"

if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'verdict', 'exists'}
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return {'verdict', 'trimmed'}
