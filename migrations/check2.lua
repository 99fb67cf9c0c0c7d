-- check2: tells whether a callback is as version 2 of the keyspace has it.
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
  return {'damaged', 'is no hash'}
end
if #ARGV[1] ~= 26 or string.find(ARGV[1], '[^a-z2-7]') then
  return {'damaged', 'is no callback id'}
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
  -- Retention has removed it. From any of these sets the janitor learns of it.
  for name in pairs(sets) do
    if found[name] then
      return {'ok'}
    end
  end
  return {'wrong', 'is gone, and nobody would learn of it'}
end
for _, final in ipairs({'delivered', 'refused', 'expired', 'cancelled'}) do
  if found[final] ~= (state == final) then
    return {'wrong', 'is ' .. state .. (found[final] and ' and listed as ' .. final or ' and not listed as that')}
  end
end

local pending, answered = state == 'pending', state == 'answered'
if not cb[2] then
  return {'damaged', 'has no registration'}
end
if found.pending ~= pending then
  return {'damaged', pending and 'is pending and in no deadline set' or 'has a deadline and is not pending'}
end
if found.answered ~= answered then
  return {'damaged', answered and 'is answered and in no due set' or 'is due and not answered'}
end
if (pending or answered) ~= (cb[3] ~= false) then
  return {'damaged', 'a task token is missing, or kept too long'}
end
if answered ~= (cb[4] ~= false) then
  return {'damaged', 'an outcome is missing, or kept too long'}
end
if (pending or answered) ~= (redis.call('PTTL', KEYS[1]) == -1) then
  return {'damaged', 'what waits has a time to live, or what is over has none'}
end
return {'ok'}
