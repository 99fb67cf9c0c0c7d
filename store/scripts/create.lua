-- create: keeps a new callback, unless its id is taken.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] created    relay:v1:{NN}:created
-- ARGV[1] id
-- ARGV[2] first state
-- ARGV[3] "in" or "at": how the deadline is given
-- ARGV[4] milliseconds from now, or since the epoch
-- ARGV[5] how far away the deadline may be, in milliseconds
-- ARGV[6] spec (JSON)
-- ARGV[7] sealed task token
-- ARGV[8] sealed content, or ""
-- ARGV[9] sealed names of approvers, or ""
-- ARGV[10] sealed summary of the content, or ""
-- ARGV[11] trace context of the registration, or ""
-- Returns {"created", created, deadline} | {"exists"} | {"past"} | {"far"}

if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'exists'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline = tonumber(ARGV[4])
if ARGV[3] == 'in' then
  deadline = now + deadline
end
if deadline <= now then
  return {'past'}
end
if deadline - now > tonumber(ARGV[5]) then
  return {'far'}
end

local nowText, deadlineText = string.format('%.0f', now), string.format('%.0f', deadline)
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'taskToken', ARGV[7],
  'registration', nowText .. ' ' .. deadlineText .. ' ' .. ARGV[6])
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'content', ARGV[8], 'summary', ARGV[10])
end
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[1], 'approvers', ARGV[9])
end
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[1], 'trace', ARGV[11])
end
redis.call('ZADD', KEYS[2], deadlineText, ARGV[1])
redis.call('ZADD', KEYS[3], nowText, ARGV[1])
return {'created', nowText, deadlineText}
