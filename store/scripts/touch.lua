-- touch: writes to a callback and changes nothing. A WAIT that follows on the
-- same connection then counts the copies of all that was written before. It
-- needs no memory, so a full Redis lets it pass.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- Returns verdict "touched" | "missing"

local left = redis.call('PTTL', KEYS[1])
if left == -2 then
  return {'verdict', 'missing'}
end
if left == -1 then -- it has no time to live: set one, and remove it again
  redis.call('PEXPIRE', KEYS[1], 60000)
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], left)
end
return {'verdict', 'touched'}
