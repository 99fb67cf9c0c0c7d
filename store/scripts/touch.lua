-- touch: writes to a callback and changes nothing, so that a WAIT that follows
-- on the same connection vouches for all that was written before it. It needs
-- no memory, so a full Redis lets it pass.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- Returns verdict "touched" | "missing"

local left = redis.call('PTTL', KEYS[1])
if left == -2 then
  return {'verdict', 'missing'}
end
if left == -1 then -- it has no end yet: give it one, and take it away again
  redis.call('PEXPIRE', KEYS[1], 60000)
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], left)
end
return {'verdict', 'touched'}
