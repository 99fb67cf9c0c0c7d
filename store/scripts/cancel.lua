-- cancel: withdraws a pending callback.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- ARGV[1] id
-- ARGV[2] state to leave
-- ARGV[3] state to enter
-- ARGV[4] retention in milliseconds
-- Returns {"done"} | {"state", state, "", by, reason} | {"overdue"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'by', 'reason')
local state = cb[1]
if not state then
  return {'missing'}
end
if state == ARGV[3] then
  return {'done'}
end
if state ~= ARGV[2] then
  return {'state', state, '', cb[3] or '', cb[4] or ''}
end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(string.match(cb[2], '^%d+ (%d+) ')) then
  return {'overdue'}
end

redis.call('HDEL', KEYS[1], 'taskToken', 'remarks', 'content', 'trace')
redis.call('HSET', KEYS[1], 'state', ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'done'}
