-- cancel: withdraws a pending callback.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] ended      relay:v1:{NN}:<final state>, of the state to enter
-- ARGV[1] id
-- ARGV[2] state to leave
-- ARGV[3] state to enter
-- ARGV[4] retention in milliseconds
-- Returns verdict "done" | "refused" with facts | "missing"

local cb = read(KEYS[1], 'state', 'registration', 'by', 'reason')
if not cb.state then
  return missing
end
if cb.state == ARGV[3] then
  return {'verdict', 'done'}
end
local at = now()
local refused = refusal(cb, at, {waiting = ARGV[2]})
if refused then
  return refused
end

wipe(KEYS[1], 'taskToken', 'remarks', 'content', 'trace')
redis.call('HSET', KEYS[1], 'state', ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], text(at + ARGV[4]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'verdict', 'done'}
