-- step: moves the marker, or notes how far a migration has come, if the lock is
-- still ours and the marker what we take it for.
--
-- KEYS[1] schema     relay:schema
-- KEYS[2] progress   relay:migration:{relay:schema}
-- KEYS[3] migrator   relay:migrator:{relay:schema}
-- ARGV[1] who we are
-- ARGV[2] the marker as it is, "0" for none
-- ARGV[3] the marker as it is to be
-- ARGV[4] "note", or "forget" to remove all progress
-- ARGV[5] and following: fields and values of the progress to note
-- Returns {"done"} | {"lost", who holds the lock now or ""} | {"changed", marker}
--
-- A repeated call, after a lost answer, finds the marker moved: that is "done".

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
