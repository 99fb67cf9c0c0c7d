-- beat: gives a sign of life of a replica and counts the live ones.
--
-- KEYS[1] replicas   relay:v1:replicas
-- ARGV[1] the replica's name
-- ARGV[2] how long a sign of life counts, in milliseconds
-- ARGV[3] how the names of those end that know generations
-- Returns verdict "live" with replicas (how many), know (how many of them know
--         generations)

local at = now()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(at - ARGV[2]))
redis.call('ZADD', KEYS[1], text(at), ARGV[1])
local live, know = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf'), 0
for _, name in ipairs(live) do
  if string.sub(name, -#ARGV[3]) == ARGV[3] then
    know = know + 1
  end
end
return {'verdict', 'live', 'replicas', text(#live), 'know', text(know)}
