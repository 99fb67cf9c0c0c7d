-- raise: notes that a migration is complete. The version never goes down, so
-- two processes that migrate at once cannot undo each other.
--
-- KEYS[1] schema   relay:schema
-- ARGV[1] number of the completed migration
-- Returns 1 when the version was raised, 0 when it was that high already;
--         an error reply when the key holds no number
--
-- A repeated call, after a lost answer, changes nothing and returns 0.

local current = tonumber(redis.call('GET', KEYS[1]) or '0')
if not current then
  return redis.error_reply('ERR the schema key holds no number')
end
if current >= tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
