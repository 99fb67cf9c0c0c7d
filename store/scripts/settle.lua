-- settle: records how an attempt ended, while its lease is held.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- KEYS[3] ended      relay:v1:{NN}:<final state>, of a final state to enter
-- ARGV[1] id
-- ARGV[2] name of the lease
-- ARGV[3] state to leave
-- ARGV[4] state to enter; the state to leave means another attempt
-- ARGV[5] reason: the error's code, or ""
-- ARGV[6] "1" if Step Functions itself confirmed the delivery
-- ARGV[7] before another attempt: milliseconds until then
-- ARGV[8] by how much to lower the count of unclear attempts
-- ARGV[9] by how much to lower the count of attempts
-- ARGV[10] in a final state: retention in milliseconds
-- Returns verdict "settled" | "lease lost"

local cb = read(KEYS[1], 'state', 'leased', 'released', 'unclear', 'attempts', 'history')
if not cb.leased and cb.released == ARGV[2] then
  return {'verdict', 'settled'} -- the client repeats a call whose reply was lost
end
if cb.state ~= ARGV[3] or cb.leased ~= ARGV[2] then
  return {'verdict', 'lease lost'}
end
local at = now()

-- HDEL comes first: it needs no memory, so a full Redis accepts the rest.
if ARGV[4] == ARGV[3] then
  -- A count that is no number must fail the script before the first write.
  local unclear, attempts = text(cb.unclear - ARGV[8]), text(cb.attempts - ARGV[9])
  redis.call('HDEL', KEYS[1], 'leased')
  redis.call('HSET', KEYS[1], 'released', ARGV[2], 'lastError', ARGV[5],
    'unclear', unclear, 'attempts', attempts,
    'history', noted(cb.history, at, '-', 'attempt', ARGV[5] ~= '' and ARGV[5] or '-', '0', '-', '-'))
  redis.call('ZADD', KEYS[2], text(at + ARGV[7]), ARGV[1])
  return {'verdict', 'settled'}
end
wipe(KEYS[1], 'taskToken', 'outcome', 'leased', 'content', 'trace')
redis.call('HSET', KEYS[1], 'released', ARGV[2], 'state', ARGV[4], 'reason', ARGV[5], 'confirmed', ARGV[6],
  'settled', text(at))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], text(at + ARGV[10]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[10])
return {'verdict', 'settled'}
