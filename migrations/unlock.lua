-- unlock: gives the lock for migrations back, if it is still ours.
--
-- KEYS[1] migrator   relay:migrator:{relay:schema}
-- ARGV[1] who we are
-- Returns {"free"} | {"other", who holds it}

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {'other', holder}
end
redis.call('UNLINK', KEYS[1])
return {'free'}
