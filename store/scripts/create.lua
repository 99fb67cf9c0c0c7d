-- create: stores a new callback, unless its id is taken.
--
-- KEYS[1] callback    relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline    relay:v1:{NN}:deadline
-- KEYS[3] created     relay:v1:{NN}:created
-- KEYS[4] delivered   relay:v1:{NN}:delivered
-- KEYS[5] refused     relay:v1:{NN}:refused
-- KEYS[6] expired     relay:v1:{NN}:expired
-- KEYS[7] cancelled   relay:v1:{NN}:cancelled
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
-- ARGV[12] sealed remains of the content, or ""
-- ARGV[13] and further, for each guarded link: its number, and its sealed guard
-- Returns verdict "created" with created, deadline | "exists"
--         | "deadline past" | "deadline too far"

if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'verdict', 'exists'}
end
local at = now()
local ends, wrong = deadline(ARGV[3], ARGV[4], ARGV[5], at)
if wrong then
  return wrong
end

redis.call('HSET', KEYS[1], 'state', ARGV[2], 'taskToken', ARGV[7],
  'registration', text(at) .. ' ' .. text(ends) .. ' ' .. ARGV[6])
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'content', ARGV[8], 'summary', ARGV[10])
end
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[1], 'approvers', ARGV[9])
end
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[1], 'trace', ARGV[11])
end
if ARGV[12] ~= '' then
  redis.call('HSET', KEYS[1], 'remains', ARGV[12])
end
for i = 13, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'guard:' .. ARGV[i], ARGV[i + 1])
end
redis.call('ZADD', KEYS[2], text(ends), ARGV[1])
if redis.call('ZADD', KEYS[3], text(at), ARGV[1]) == 0 then
  -- An earlier callback of the task token has expired but is not trimmed yet.
  for i = 4, #KEYS do
    redis.call('ZREM', KEYS[i], ARGV[1])
  end
end
return {'verdict', 'created', 'created', text(at), 'deadline', text(ends)}
