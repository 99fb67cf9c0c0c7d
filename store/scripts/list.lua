-- list: reads the next members of sorted sets. Members are ordered by score,
-- and by their bytes where scores are equal, as Redis orders them.
--
-- KEYS[1] sorted set   further keys are further sets
-- ARGV[1] "up", or "down" for the highest score first
-- ARGV[2] how many members of each set at most
-- ARGV[3] score of the last member that may be listed, or ""
-- ARGV[4] score of the member after which to begin in the first set, or ""
-- ARGV[5] that member
-- ARGV[6] the last member of that set that may be listed; each further set has
--         three more such arguments
-- Returns {number of the set in KEYS, member, score, …} for each member, and
--         {number of the set, '', '', …} for each key that is not a sorted set
--
-- Members come without names, because one reply can hold thousands of them.

-- before counts the members of a set that are below the given one, which need not
-- be in the set. With inclusive, the given one counts too.
local function before(key, score, member, inclusive)
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', key, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local found = redis.call('ZRANGE', key, middle, middle)[1]
    if found < member or (inclusive and found == member) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local up = ARGV[1] == 'up'
local found = {}
for number, key in ipairs(KEYS) do
  local score, member, last = ARGV[1 + 3 * number], ARGV[2 + 3 * number], ARGV[3 + 3 * number]
  local begins, ends = 0, size(key)
  if not ends then
    found[#found + 1], found[#found + 2], found[#found + 3] = text(number), '', ''
    ends = 0
  elseif up then
    if score ~= '' then
      begins = before(key, score, member, true)
    end
    if ARGV[3] ~= '' then
      ends = before(key, ARGV[3], last, true)
    end
    ends = math.min(ends, begins + ARGV[2])
  else
    if score ~= '' then
      ends = before(key, score, member)
    end
    if ARGV[3] ~= '' then
      begins = before(key, ARGV[3], last)
    end
    begins = math.max(begins, ends - ARGV[2])
  end
  if begins < ends then
    local members = redis.call('ZRANGE', key, begins, ends - 1, 'WITHSCORES')
    for i = 1, #members, 2 do
      local at = up and i or #members - i
      found[#found + 1] = text(number)
      found[#found + 1] = members[at]
      found[#found + 1] = members[at + 1]
    end
  end
end
return found
