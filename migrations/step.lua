-- step: changes the marker, or stores the progress of a migration, if this run
-- still holds the lock and the marker is as it expects.
--
-- KEYS[1] schema     relay:schema
-- KEYS[2] progress   relay:migration:{relay:schema}
-- KEYS[3] migrator   relay:migrator:{relay:schema}
-- ARGV[1] name of this run
-- ARGV[2] the expected marker, "0" for none
-- ARGV[3] the new marker
-- ARGV[4] "note", or "forget" to remove all earlier progress
-- ARGV[5] and following: fields and values of the progress to store
-- Returns {"done"} | {"lost", who holds the lock now or ""} | {"changed", marker}
--
-- A call that is repeated because its reply was lost finds the new marker, and
-- returns "done".

local holder = redis.call('GET', KEYS[3]) or ''
if holder ~= ARGV[1] then
  return {'lost', holder}
end
local marker = redis.call('GET', KEYS[1]) or '0'
if marker ~= ARGV[2] and marker ~= ARGV[3] then
  return {'changed', marker}
end

if ARGV[4] == 'forget' then
  redis.call('UNLINK', KEYS[2])
end
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
if marker ~= ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[3])
end
return {'done'}
