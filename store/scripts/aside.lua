-- aside: takes what cannot be read out of a sorted set, and keeps it elsewhere
-- with the name of the set and its score, so that it can be put back.
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
if type(redis.pcall('ZCARD', KEYS[2])) ~= 'number' then
  return {'verdict', 'kept'} -- there is something else under that key
end
redis.call('ZREM', KEYS[1], ARGV[1]) -- needs no memory, so a full Redis lets the rest pass
redis.call('ZADD', KEYS[2], score, ARGV[2] .. ' ' .. ARGV[1])
return {'verdict', 'aside'}
