-- check1: tells whether a callback is as version 1 of the keyspace has it.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] due        relay:v1:{NN}:due
-- KEYS[4] created    relay:v1:{NN}:created
-- ARGV[1] id
-- Returns {"ok"} | {"wrong", why}

local cb = redis.pcall('HMGET', KEYS[1], 'state', 'registration', 'taskToken', 'outcome')
if cb.err then
  return {'wrong', 'is no hash'}
end
local state = cb[1]
if not state then
  return {'ok'} -- its retention is over, and the janitor will be here
end
if not cb[2] then
  return {'wrong', 'has no registration'}
end
local pending, answered = state == 'pending', state == 'answered'
if pending ~= (redis.call('ZSCORE', KEYS[2], ARGV[1]) ~= false) then
  return {'wrong', pending and 'is pending and in no deadline set' or 'has a deadline and is not pending'}
end
if answered ~= (redis.call('ZSCORE', KEYS[3], ARGV[1]) ~= false) then
  return {'wrong', answered and 'is answered and in no due set' or 'is due and not answered'}
end
if (pending or answered) ~= (cb[3] ~= false) then
  return {'wrong', 'a task token is missing, or kept too long'}
end
if answered ~= (cb[4] ~= false) then
  return {'wrong', 'an outcome is missing, or kept too long'}
end
if (pending or answered) ~= (redis.call('PTTL', KEYS[1]) == -1) then
  return {'wrong', 'what waits has a time to live, or what is over has none'}
end
return {'ok'}
