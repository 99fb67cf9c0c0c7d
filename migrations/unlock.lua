-- unlock: releases the lock for migrations, if this run still holds it.
--
-- KEYS[1] migrator   relay:migrator:{relay:schema}
-- ARGV[1] name of this run
-- Returns {"free"} | {"other", who holds it}

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {'other', holder}
end
redis.call('UNLINK', KEYS[1])
return {'free'}
