-- ripe: lists members of a sorted set whose time has come, oldest first.
--
-- KEYS[1] sorted set scored in milliseconds
-- ARGV[1] how many at most
-- Returns {member, score, member, score, …}

return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now()),
  'WITHSCORES', 'LIMIT', '0', ARGV[1])
