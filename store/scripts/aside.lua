-- aside: moves a member that cannot be read to another sorted set, with the name
-- of its set and its score, so that it can be put back.
--
-- KEYS[1] sorted set
-- KEYS[2] aside      relay:v1:{NN}:aside
-- ARGV[1] member
-- ARGV[2] name of the set
-- Returns verdict "aside" | "gone" | "kept"

local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then
  return {'verdict', 'gone'}
end
if not size(KEYS[2]) then
  return {'verdict', 'kept'}
end
redis.call('ZREM', KEYS[1], ARGV[1]) -- needs no memory, so a full Redis accepts the rest
redis.call('ZADD', KEYS[2], score, ARGV[2] .. ' ' .. ARGV[1])
return {'verdict', 'aside'}
