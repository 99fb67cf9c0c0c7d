-- decide: records a decision that does not end it yet.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] number of the link
-- ARGV[3] how many decisions there were before this one
-- ARGV[4] sealed decisions, this one included
-- ARGV[5] sealed remarks, one for each decision
-- ARGV[6] kind of the link
-- ARGV[7] generation of the link
-- Returns {"recorded"} | {"state", state, "", by, reason} | {"overdue"}
--          | {"closed"} | {"meanwhile"} | {"unknown"} | {"missing"}
--
-- A call that is repeated because its answer was lost is told "meanwhile", and
-- its caller then finds its own decision.

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'by', 'reason', 'revoked', 'decided')
local state = cb[1]
if not state then
  return {'missing'}
end
if not has(cb[2], ARGV[2], ARGV[6], ARGV[7]) then
  return {'unknown'}
end
if string.find(cb[5] or '', ' ' .. ARGV[2] .. ' ', 1, true) then
  -- This very decision may be what was recorded before the link was closed: then
  -- the caller looks again.
  return {(cb[6] or '0') ~= ARGV[3] and 'meanwhile' or 'closed'}
end
if state ~= ARGV[1] then
  return {'state', state, '', cb[3] or '', cb[4] or ''}
end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(string.match(cb[2], '^%d+ (%d+) ')) then
  return {'overdue'}
end
if (cb[6] or '0') ~= ARGV[3] then
  return {'meanwhile'}
end

redis.call('HSET', KEYS[1], 'decided', string.format('%.0f', ARGV[3] + 1), 'decisions', ARGV[4], 'remarks', ARGV[5])
return {'recorded'}
