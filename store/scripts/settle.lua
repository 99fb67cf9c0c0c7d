-- settle: records how an attempt ended, if its lease is still the last one.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- KEYS[3] ended      relay:v1:{NN}:<final state>, of a final state to enter
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
-- Returns verdict "settled" | "stale"

local cb = read(KEYS[1], 'state', 'fence', 'leased', 'unclear', 'attempts')
if not cb.state or cb.fence ~= ARGV[2] then
  return {'verdict', 'stale'}
end
if not cb.leased then
  return {'verdict', 'settled'} -- the client repeats a call whose answer was lost
end
if cb.state ~= ARGV[3] or cb.leased ~= ARGV[11] then
  return {'verdict', 'stale'}
end
local at = now()

-- HDEL comes first: it needs no memory, so a full Redis lets the rest pass.
if ARGV[4] == ARGV[3] then
  redis.call('HDEL', KEYS[1], 'leased')
  redis.call('HSET', KEYS[1], 'lastError', ARGV[5],
    'unclear', text(cb.unclear - ARGV[8]),
    'attempts', text(cb.attempts - ARGV[9]))
  redis.call('ZADD', KEYS[2], text(at + ARGV[7]), ARGV[1])
  return {'verdict', 'settled'}
end
redis.call('HDEL', KEYS[1], 'taskToken', 'outcome', 'leased', 'content', 'trace')
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'reason', ARGV[5], 'confirmed', ARGV[6],
  'settled', text(at))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], text(at + ARGV[10]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[10])
return {'verdict', 'settled'}
