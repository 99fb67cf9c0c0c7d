-- take: leases a digest whose time to be looked at has come.
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
-- ARGV[1] digest
-- ARGV[2] lease in milliseconds
-- Returns verdict "taken" with assigned, used, waiter | "leased" | "malformed"
--
-- An event that is only used is looked at ever less often, after a quarter of its age.

local at = now()
local score = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not score or tonumber(score) > at then
  return {'verdict', 'leased'}
end
local readable, m = pcall(matching, at)
if not readable then
  return {'verdict', 'malformed'}
end
local lease, youngest = tonumber(ARGV[2]), nil
for _, e in ipairs(m.events) do
  youngest = #e.users > 0 and math.max(youngest or 0, e.at) or youngest
end

redis.call('PERSIST', KEYS[1]) -- needs no memory, so a full Redis accepts the rest
keep(m, lease, math.max(lease, math.floor((at - (youngest or at)) / 4)), true)
return matched({'verdict', 'taken'}, m)
