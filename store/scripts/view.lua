-- view: reads all that a page shows of a callback, at one moment.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] number of the link
-- ARGV[3] its kind
-- ARGV[4] its generation
-- Returns {"found", now, score in due, fields in the order below, absent ones
--          as ""} | {"unknown"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'type', 'error', 'by', 'answered',
  'attempts', 'reason', 'lastError', 'confirmed', 'settled', 'approvers', 'revoked', 'decisions', 'added',
  'content', 'summary', 'remarks')
if not cb[1] then
  return {'missing'}
end
if not has(cb[2], ARGV[2], ARGV[3], ARGV[4]) then
  return {'unknown'}
end
local time = redis.call('TIME')
local view = {'found', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)),
  redis.call('ZSCORE', KEYS[2], ARGV[1]) or ''}
for _, value in ipairs(cb) do
  view[#view + 1] = value or ''
end
return view
