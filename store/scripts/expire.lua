-- expire: ends a pending callback whose deadline has passed. Its registration
-- says whether there is an outcome to deliver.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] due        relay:v1:{NN}:due
-- KEYS[4] ended      relay:v1:{NN}:<final state>, of the state to enter with
--                    onExpiry=ignore
-- ARGV[1] id
-- ARGV[2] state to leave
-- ARGV[3] state to enter with onExpiry=fail
-- ARGV[4] state to enter with onExpiry=ignore
-- ARGV[5] outcome's type
-- ARGV[6] outcome's error name
-- ARGV[7] sealed payload
-- ARGV[8] who answered
-- ARGV[9] retention in milliseconds
-- Returns verdict "failed" | "ignored" | "not pending" | "not due" | "malformed"
--
-- Checks come first and writes last: Redis does not undo a script that fails half way.

local is_hash, cb = pcall(read, KEYS[1], 'state', 'registration')
if not is_hash then
  return {'verdict', 'malformed'}
end
if cb.state ~= ARGV[2] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {'verdict', 'not pending'}
end
local _, ends, spec = registered(cb.registration)
local readable, asked = pcall(cjson.decode, spec or '')
if not readable or type(asked) ~= 'table' then
  return {'verdict', 'malformed'}
end
local at = now()
if at < tonumber(ends) then
  redis.call('ZADD', KEYS[2], ends, ARGV[1])
  return {'verdict', 'not due'}
end

redis.call('PERSIST', KEYS[1]) -- needs no memory, so a full Redis accepts the rest
redis.call('ZREM', KEYS[2], ARGV[1])
if asked['onExpiry'] == 'ignore' then
  wipe(KEYS[1], 'taskToken', 'remarks', 'content', 'trace')
  redis.call('HSET', KEYS[1], 'state', ARGV[4])
  redis.call('ZADD', KEYS[4], text(at + ARGV[9]), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[9])
  return {'verdict', 'ignored'}
end
redis.call('HDEL', KEYS[1], 'remarks')
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'type', ARGV[5], 'error', ARGV[6], 'outcome', ARGV[7],
  'by', ARGV[8], 'answered', text(at), 'attempts', '0', 'unclear', '0',
  'fence', '0') -- for the previous release: see claim
redis.call('ZADD', KEYS[3], text(at), ARGV[1])
return {'verdict', 'failed'}
