-- addlink: gives a pending callback one more link, and closes those that it
-- replaces.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] spec (JSON), as it was read
-- ARGV[3] spec with the new link
-- ARGV[4] sealed content, with what the new link does
-- ARGV[5] sealed, what stays of the links that were added, the new one included
-- ARGV[6] numbers of the links that it replaces, in the form of the field
--         revoked
-- Returns {"done"} | {"state", state, "", by, reason} | {"overdue"}
--          | {"meanwhile"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'registration', 'by', 'reason', 'revoked')
local state = cb[1]
if not state then
  return {'missing'}
end
if state ~= ARGV[1] then
  return {'state', state, '', cb[3] or '', cb[4] or ''}
end
local created, deadline, spec = string.match(cb[2], '^(%d+) (%d+) (.*)$')
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(deadline) then
  return {'overdue'}
end
if spec ~= ARGV[2] then
  return {'meanwhile'}
end

redis.call('HSET', KEYS[1], 'registration', created .. ' ' .. deadline .. ' ' .. ARGV[3],
  'content', ARGV[4], 'added', ARGV[5])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'revoked', (cb[5] or '') .. ARGV[6])
end
return {'done'}
