-- touch: writes to a callback without changing it. A WAIT that follows on the
-- same connection then counts the copies of all earlier writes. It needs no
-- memory, so a full Redis accepts it.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- Returns verdict "touched" | "missing"

local left = redis.call('PTTL', KEYS[1])
if left == -2 then
  return {'verdict', 'missing'}
end
if left == -1 then -- there is no time to live: set one, and remove it again
  redis.call('PEXPIRE', KEYS[1], 60000)
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], left)
end
return {'verdict', 'touched'}
