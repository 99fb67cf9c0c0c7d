-- check1: checks whether a callback has the form of keyspace version 1.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] due        relay:v1:{NN}:due
-- KEYS[4] created    relay:v1:{NN}:created
-- ARGV[1] id
-- Returns {"ok"} | {"wrong", why}

local cb = redis.pcall('HMGET', KEYS[1], 'state', 'registration', 'taskToken', 'outcome')
if cb.err then
  return {'wrong', 'is not a hash'}
end
local state = cb[1]
if not state then
  return {'ok'} -- its retention has ended, and the janitor will trim it
end
if not cb[2] then
  return {'wrong', 'has no registration'}
end
local pending, answered = state == 'pending', state == 'answered'
if pending ~= (redis.call('ZSCORE', KEYS[2], ARGV[1]) ~= false) then
  return {'wrong', pending and 'is pending but in no deadline set' or 'is in a deadline set but not pending'}
end
if answered ~= (redis.call('ZSCORE', KEYS[3], ARGV[1]) ~= false) then
  return {'wrong', answered and 'is answered but in no due set' or 'is in a due set but not answered'}
end
if (pending or answered) ~= (cb[3] ~= false) then
  return {'wrong', 'has no task token, or still has one after its end'}
end
if answered ~= (cb[4] ~= false) then
  return {'wrong', 'has no outcome, or has one while it should not'}
end
if (pending or answered) ~= (redis.call('PTTL', KEYS[1]) == -1) then
  return {'wrong', 'has a time to live while it waits, or none after its end'}
end
return {'ok'}
