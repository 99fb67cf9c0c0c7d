-- revoke: closes one link of a callback.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] number of the link
-- Returns {"done"} | {"missing"}

local cb = redis.call('HMGET', KEYS[1], 'state', 'revoked')
if not cb[1] then
  return {'missing'}
end
local link, revoked = ' ' .. ARGV[1] .. ' ', cb[2] or ''
if not string.find(revoked, link, 1, true) then
  redis.call('HSET', KEYS[1], 'revoked', revoked .. link)
end
return {'done'}
