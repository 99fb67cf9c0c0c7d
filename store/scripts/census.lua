-- census: counts the callbacks of partitions, and reports those that are next.
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
-- ARGV[1] how far away a near deadline may be, in milliseconds
-- Returns verdict "counted" with now, answered, pending, aside (entries that were
--         set aside), delivered, refused, expired, cancelled, near (pending
--         callbacks with a near deadline), oldest (when the oldest of the
--         callbacks that are first in a deadline set was created), next, once
--         for the first id in each due set, and broken, once for the number in
--         KEYS of each key that is not a sorted set
--
-- One call asks all partitions, so a key of another type must not fail it.

local names = {'answered', 'pending', 'aside', 'delivered', 'refused', 'expired', 'cancelled', 'created'}
local at = now()
local latest = text(at + ARGV[1])
local reply, counts, near, oldest = {'verdict', 'counted', 'now', text(at)}, {}, 0, nil

local function first(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', '+inf', 'LIMIT', '0', '1')[1]
end

for base = 0, #KEYS - 1, #names do
  local keys = {} -- of the sets with members, by name
  for i, name in ipairs(names) do
    local key = KEYS[base + i]
    local members = size(key)
    if not members then
      add(reply, {broken = text(base + i)}, 'broken')
    elseif members > 0 then
      keys[name] = key
    end
    counts[name] = (counts[name] or 0) + (members or 0)
  end
  local waits = keys.pending and first(keys.pending)
  local created = waits and keys.created and redis.call('ZSCORE', keys.created, waits)
  if created and (not oldest or tonumber(created) < tonumber(oldest)) then
    oldest = created
  end
  if keys.pending then
    near = near + redis.call('ZCOUNT', keys.pending, '-inf', latest)
  end
  add(reply, {next = keys.answered and first(keys.answered)}, 'next')
end

for _, name in ipairs(names) do
  add(reply, {[name] = text(counts[name])}, name)
end
return add(reply, {near = text(near), oldest = oldest}, 'near', 'oldest')
