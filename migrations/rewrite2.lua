-- rewrite2: adds a callback that has ended to the set of its final state, and
-- removes one whose retention has ended from all sets.
--
-- KEYS[1] callback    relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline    relay:v1:{NN}:deadline
-- KEYS[3] due         relay:v1:{NN}:due
-- KEYS[4] created     relay:v1:{NN}:created
-- KEYS[5] delivered   relay:v1:{NN}:delivered
-- KEYS[6] refused     relay:v1:{NN}:refused
-- KEYS[7] expired     relay:v1:{NN}:expired
-- KEYS[8] cancelled   relay:v1:{NN}:cancelled
-- ARGV[1] id
-- Returns {"changed"} | {"same"}

local cb = redis.pcall('HMGET', KEYS[1], 'state')
if cb.err or #ARGV[1] ~= 26 or string.find(ARGV[1], '[^a-z2-7]') then
  return {'same'} -- this is not a callback, so the relay will set it aside
end
local state, changed = cb[1], 0
if not state then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    for i = 2, #KEYS do
      changed = changed + redis.call('ZREM', KEYS[i], ARGV[1])
    end
  end
  return {changed > 0 and 'changed' or 'same'}
end

local sets = {delivered = KEYS[5], refused = KEYS[6], expired = KEYS[7], cancelled = KEYS[8]}
for _, final in ipairs({'delivered', 'refused', 'expired', 'cancelled'}) do
  if final ~= state then
    changed = changed + redis.call('ZREM', sets[final], ARGV[1])
  elseif not redis.call('ZSCORE', sets[final], ARGV[1]) then
    local left = redis.call('PTTL', KEYS[1])
    if left < 0 then
      left = 3600000 -- it never expires: the janitor looks again in an hour
    end
    local time = redis.call('TIME')
    local forgotten = time[1] * 1000 + math.floor(time[2] / 1000) + left
    changed = changed + redis.call('ZADD', sets[final], string.format('%.0f', forgotten), ARGV[1])
  end
end
return {changed > 0 and 'changed' or 'same'}
