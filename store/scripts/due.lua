-- due: lists the due members of sorted sets, the oldest of each set first.
--
-- KEYS[1] sorted set   scored in milliseconds; further keys are further sets
-- ARGV[1] how many members of each set at most
-- Returns {number of the set in KEYS, member, score, …} for each member, and
--         {number of the set, '', '', …} for each key that is not a sorted set
--
-- Members come without names, because one reply can hold thousands of them.
-- One call asks all partitions, so a key of another type must not fail it.

local latest = text(now())
local found = {}
for number, key in ipairs(KEYS) do
  local members = redis.pcall('ZRANGEBYSCORE', key, '-inf', latest, 'WITHSCORES', 'LIMIT', '0', ARGV[1])
  if members.err then
    members = {'', ''}
  end
  for i = 1, #members, 2 do
    found[#found + 1] = text(number)
    found[#found + 1] = members[i]
    found[#found + 1] = members[i + 1]
  end
end
return found
