-- touch: writes to the first key that exists, without changing it. A WAIT that follows
-- on the same connection then counts the copies of all earlier writes. It needs no
-- memory, so a full Redis accepts it.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>, or another key; further keys are further ones
-- Returns verdict "touched" | "missing"

for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left == -1 then -- there is no time to live: set one, and remove it again
    redis.call('PEXPIRE', key, 60000)
    redis.call('PERSIST', key)
  elseif left ~= -2 then
    redis.call('PEXPIRE', key, left)
  end
  if left ~= -2 then
    return {'verdict', 'touched'}
  end
end
return {'verdict', 'missing'}
