-- waiting: tells whether a callback still waits, and returns its task token.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] number of the link
-- ARGV[3] its kind
-- ARGV[4] its generation
-- Returns {"waiting", task token, sealed summary or "", sealed, what stays of
--          the links that were added, or ""} | {"state", state, "", by, reason}
--          | {"overdue"} | {"closed"} | {"unknown"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'taskToken', 'by', 'reason', 'revoked', 'summary', 'added')
local state = cb[1]
if not state then
  return {'missing'}
end
if not has(cb[2], ARGV[2], ARGV[3], ARGV[4]) then
  return {'unknown'}
end
if string.find(cb[6] or '', ' ' .. ARGV[2] .. ' ', 1, true) then
  return {'closed'}
end
if state ~= ARGV[1] then
  return {'state', state, '', cb[4] or '', cb[5] or ''}
end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(string.match(cb[2], '^%d+ (%d+) ')) then
  return {'overdue'}
end
return {'waiting', cb[3], cb[7] or '', cb[8] or ''}
