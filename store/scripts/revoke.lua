-- revoke: closes one link of a callback.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] number of the link
-- Returns verdict "done" | "missing"

local cb = read(KEYS[1], 'state', 'revoked')
if not cb.state then
  return missing
end
if not closed(cb.revoked, ARGV[1]) then
  redis.call('HSET', KEYS[1], 'revoked', (cb.revoked or '') .. ' ' .. ARGV[1] .. ' ')
end
return {'verdict', 'done'}
