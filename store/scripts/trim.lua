-- trim: removes a callback whose retention has ended from the sorted sets.
--
-- KEYS[1] callback    relay:v1:{NN}:cb:<id>
-- KEYS[2] created     relay:v1:{NN}:created
-- KEYS[3] deadline    relay:v1:{NN}:deadline
-- KEYS[4] due         relay:v1:{NN}:due
-- KEYS[5] delivered   relay:v1:{NN}:delivered
-- KEYS[6] refused     relay:v1:{NN}:refused
-- KEYS[7] expired     relay:v1:{NN}:expired
-- KEYS[8] cancelled   relay:v1:{NN}:cancelled
-- ARGV[1] id
-- ARGV[2] state of the callbacks in KEYS[5], and so on up to ARGV[5]
-- Returns verdict "trimmed" | "exists" | "malformed"

local is_hash, cb = pcall(read, KEYS[1], 'state')
if not is_hash then
  return {'verdict', 'malformed'}
end
if not cb.state then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    return {'verdict', 'malformed'}
  end
  for i = 2, #KEYS do
    redis.call('ZREM', KEYS[i], ARGV[1])
  end
  return {'verdict', 'trimmed'}
end

-- The callback was registered again, or somebody changed its time to live.
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = 3600000 -- it never expires: look again in an hour
end
local ended
for i = 5, #KEYS do
  if ARGV[i - 3] == cb.state then
    ended = KEYS[i]
  else
    redis.call('ZREM', KEYS[i], ARGV[1]) -- needs no memory, so a full Redis accepts the rest
  end
end
if ended then
  redis.call('ZADD', ended, text(now() + left), ARGV[1])
end
return {'verdict', 'exists'}
