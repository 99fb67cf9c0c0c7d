-- markawaited: remembers that callbacks may await events of a sender's hook.
--
-- KEYS[1] awaited   relay:v1:awaited
-- ARGV[1] sender
-- ARGV[2] until when, in milliseconds since 1970
-- Returns verdict "marked"

local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not before or tonumber(before) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
end
lasts(KEYS[1], now())
return {'verdict', 'marked'}
