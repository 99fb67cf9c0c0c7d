-- settle: records how an attempt ended, if its lease is still the last one.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] fence of the lease
-- ARGV[3] state to leave
-- ARGV[4] state to enter: the same one again means another attempt
-- ARGV[5] reason: the error's code, or ""
-- ARGV[6] "1" when Step Functions itself confirmed
-- ARGV[7] another attempt: milliseconds until then
-- ARGV[8] how many unclear attempts fewer
-- ARGV[9] how many attempts fewer
-- ARGV[10] final state: retention in milliseconds
-- ARGV[11] name of the lease: a failover can have taken a fence back, and given
--          it to another
-- Returns {"settled"} | {"stale"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'fence', 'leased', 'unclear', 'attempts')
if not cb[1] or cb[2] ~= ARGV[2] then
  return {'stale'}
end
if not cb[3] then
  return {'settled'} -- the client repeats a call whose answer was lost
end
if cb[1] ~= ARGV[3] or cb[3] ~= ARGV[11] then
  return {'stale'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- HDEL comes first: it needs no memory, so a full Redis lets the rest pass.
if ARGV[4] == ARGV[3] then
  redis.call('HDEL', KEYS[1], 'leased')
  redis.call('HSET', KEYS[1], 'lastError', ARGV[5],
    'unclear', string.format('%.0f', tonumber(cb[4]) - tonumber(ARGV[8])),
    'attempts', string.format('%.0f', tonumber(cb[5]) - tonumber(ARGV[9])))
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[7])), ARGV[1])
  return {'settled'}
end
redis.call('HDEL', KEYS[1], 'taskToken', 'outcome', 'leased', 'content', 'trace')
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'reason', ARGV[5], 'confirmed', ARGV[6],
  'settled', string.format('%.0f', now))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[10])
return {'settled'}
