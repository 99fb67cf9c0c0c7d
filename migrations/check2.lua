-- check2: checks whether a callback has the form of keyspace version 2.
--
-- KEYS[1] callback    relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline    relay:v1:{NN}:deadline
-- KEYS[3] due         relay:v1:{NN}:due
-- KEYS[4] created     relay:v1:{NN}:created
-- KEYS[5] delivered   relay:v1:{NN}:delivered
-- KEYS[6] refused     relay:v1:{NN}:refused
-- KEYS[7] expired     relay:v1:{NN}:expired
-- KEYS[8] cancelled   relay:v1:{NN}:cancelled
-- ARGV[1] id
-- Returns {"ok"} | {"wrong", why} | {"damaged", why}

local cb = redis.pcall('HMGET', KEYS[1], 'state', 'registration', 'taskToken', 'outcome')
if cb.err then
  return {'damaged', 'is not a hash'}
end
if #ARGV[1] ~= 26 or string.find(ARGV[1], '[^a-z2-7]') then
  return {'damaged', 'is not a callback id'}
end
local state = cb[1]
local sets = {pending = KEYS[2], answered = KEYS[3],
  delivered = KEYS[5], refused = KEYS[6], expired = KEYS[7], cancelled = KEYS[8]}
local found = {}
for name, key in pairs(sets) do
  found[name] = redis.call('ZSCORE', key, ARGV[1]) ~= false
end
if not state then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    return {'damaged', 'has no state'}
  end
  -- Retention has removed it. The janitor finds it in any of these sets.
  for name in pairs(sets) do
    if found[name] then
      return {'ok'}
    end
  end
  return {'wrong', 'is gone, but in no set in which it would be found'}
end
for _, final in ipairs({'delivered', 'refused', 'expired', 'cancelled'}) do
  if found[final] ~= (state == final) then
    return {'wrong', 'is ' .. state .. (found[final] and ' but listed as ' .. final or ' but not listed as such')}
  end
end

local pending, answered = state == 'pending', state == 'answered'
if not cb[2] then
  return {'damaged', 'has no registration'}
end
if found.pending ~= pending then
  return {'damaged', pending and 'is pending but in no deadline set' or 'is in a deadline set but not pending'}
end
if found.answered ~= answered then
  return {'damaged', answered and 'is answered but in no due set' or 'is in a due set but not answered'}
end
if (pending or answered) ~= (cb[3] ~= false) then
  return {'damaged', 'has no task token, or still has one after its end'}
end
if answered ~= (cb[4] ~= false) then
  return {'damaged', 'has no outcome, or has one while it should not'}
end
if (pending or answered) ~= (redis.call('PTTL', KEYS[1]) == -1) then
  return {'damaged', 'has a time to live while it waits, or none after its end'}
end
return {'ok'}
