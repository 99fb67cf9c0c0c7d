-- lock: takes the lock for migrations, or renews it.
--
-- KEYS[1] migrator   relay:migrator:{relay:schema}
-- ARGV[1] name of this run
-- ARGV[2] how long the lock lasts unless it is renewed, in milliseconds
-- Returns {"held"} | {"other", who holds it}

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {'other', holder}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'held'}
