-- reschedule: gives a pending callback another deadline.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- ARGV[1] id
-- ARGV[2] state in which it waits
-- ARGV[3] "in" or "at": how the deadline is given
-- ARGV[4] milliseconds from now, or since the epoch
-- ARGV[5] how far away the deadline may be, in milliseconds
-- Returns {"done"} | {"past"} | {"far"} | {"state", state, "", by, reason}
--          | {"overdue"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'by', 'reason')
local state = cb[1]
if not state then
  return {'missing'}
end
if state ~= ARGV[2] then
  return {'state', state, '', cb[3] or '', cb[4] or ''}
end
local created, deadline, spec = string.match(cb[2], '^(%d+) (%d+) (.*)$')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(deadline) then
  return {'overdue'}
end
local wanted = tonumber(ARGV[4])
if ARGV[3] == 'in' then
  wanted = now + wanted
end
if wanted <= now then
  return {'past'}
end
if wanted - now > tonumber(ARGV[5]) then
  return {'far'}
end

local text = string.format('%.0f', wanted)
redis.call('HSET', KEYS[1], 'registration', created .. ' ' .. text .. ' ' .. spec)
redis.call('ZADD', KEYS[2], text, ARGV[1])
return {'done'}
