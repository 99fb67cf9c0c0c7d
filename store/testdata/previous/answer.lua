-- answer: records the first answer of a pending callback and leases its
-- delivery to the caller, the first attempt included.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] state to leave
-- ARGV[3] state to enter
-- ARGV[4] outcome's type
-- ARGV[5] outcome's error name
-- ARGV[6] sealed payload
-- ARGV[7] digest of the outcome
-- ARGV[8] number of the link
-- ARGV[9] lease in milliseconds
-- ARGV[10] name of the lease, new for each call
-- ARGV[11] of an answer by decision: how many decisions there were before it,
--          else ""
-- ARGV[12] of an answer by decision: sealed decisions, this one included
-- ARGV[13] trace context of the answer, or ""
-- ARGV[14] kind of the link
-- ARGV[15] generation of the link
-- Returns {"recorded", fence, attempt, earlier unclear attempts, created,
--          answered, now, task token, sealed summary or "", trace context of
--          the registration or "", sealed, what stays of the links that were
--          added, or ""}
--          | {"state", state, digest, by, reason, sealed summary or "", the
--          same of the links that were added}
--          | {"overdue"} | {"closed"} | {"meanwhile"} | {"unknown"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'taskToken', 'revoked', 'decided', 'summary', 'trace',
  'added')
local state = cb[1]
if not state then
  return {'missing'}
end
if not has(cb[2], ARGV[8], ARGV[14], ARGV[15]) then
  return {'unknown'}
end
local closed = string.find(cb[4] or '', ' ' .. ARGV[8] .. ' ', 1, true)
local created, deadline = string.match(cb[2], '^(%d+) (%d+) ')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowText = string.format('%.0f', now)
if state ~= ARGV[2] then
  local first = redis.call('HMGET', KEYS[1], 'digest', 'by', 'reason', 'leased', 'answered')
  if first[4] == ARGV[10] then
    -- The client repeats a call whose answer was lost.
    return {'recorded', '1', '1', '0', created, first[5], nowText, cb[3], cb[6] or '', '', cb[8] or ''}
  end
  -- A closed link may still ask what became of its own answer.
  if closed and (first[2] ~= ARGV[8] or first[1] ~= ARGV[7]) then
    return {'closed'}
  end
  return {'state', state, first[1] or '', first[2] or '', first[3] or '', cb[6] or '', cb[8] or ''}
end
if closed then
  return {'closed'}
end
if now >= tonumber(deadline) then
  return {'overdue'}
end
if ARGV[11] ~= '' and (cb[5] or '0') ~= ARGV[11] then
  return {'meanwhile'}
end

redis.call('HSET', KEYS[1], 'state', ARGV[3], 'type', ARGV[4], 'error', ARGV[5], 'outcome', ARGV[6],
  'digest', ARGV[7], 'by', ARGV[8], 'answered', nowText,
  'fence', '1', 'attempts', '1', 'unclear', '1', 'leased', ARGV[10])
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[1], 'decided', string.format('%.0f', ARGV[11] + 1), 'decisions', ARGV[12])
end
if ARGV[13] ~= '' then
  redis.call('HSET', KEYS[1], 'trace', ARGV[13])
end
redis.call('HDEL', KEYS[1], 'remarks') -- the outcome has them
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[9])), ARGV[1])
return {'recorded', '1', '1', '0', created, nowText, nowText, cb[3], cb[6] or '', cb[7] or '', cb[8] or ''}
