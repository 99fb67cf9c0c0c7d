-- census: counts the callbacks of partitions, and looks at those whose turn is
-- next.
--
-- KEYS[1] due         relay:v1:{NN}:due
-- KEYS[2] deadline    relay:v1:{NN}:deadline
-- KEYS[3] aside       relay:v1:{NN}:aside
-- KEYS[4] delivered   relay:v1:{NN}:delivered
-- KEYS[5] refused     relay:v1:{NN}:refused
-- KEYS[6] expired     relay:v1:{NN}:expired
-- KEYS[7] cancelled   relay:v1:{NN}:cancelled
-- KEYS[8] created     relay:v1:{NN}:created
--         the next eight keys are those of the next partition, and so on
-- ARGV[1] how soon a deadline is near, in milliseconds
-- Returns verdict "counted" with now, answered, pending, aside (entries that were
--         set aside), delivered, refused, expired, cancelled, near (pending,
--         with a deadline that is near), oldest (of the callbacks that are first
--         in a deadline set, when the oldest was created), and a next for the
--         first id in each due set

local names = {'answered', 'pending', 'aside', 'delivered', 'refused', 'expired', 'cancelled'}
local at = now()
local latest = text(at + ARGV[1])
local reply, counts, near, oldest = {'verdict', 'counted', 'now', text(at)}, {}, 0, nil

local function first(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', '+inf', 'LIMIT', '0', '1')[1]
end

for base = 0, #KEYS - 1, #names + 1 do
  for i, name in ipairs(names) do
    counts[name] = (counts[name] or 0) + redis.call('ZCARD', KEYS[base + i])
  end
  near = near + redis.call('ZCOUNT', KEYS[base + 2], '-inf', latest)
  local waits = first(KEYS[base + 2])
  local created = waits and redis.call('ZSCORE', KEYS[base + 8], waits)
  if created and (not oldest or tonumber(created) < tonumber(oldest)) then
    oldest = created
  end
  add(reply, {next = first(KEYS[base + 1])}, 'next')
end

for _, name in ipairs(names) do
  add(reply, {[name] = text(counts[name])}, name)
end
return add(reply, {near = text(near), oldest = oldest}, 'near', 'oldest')
