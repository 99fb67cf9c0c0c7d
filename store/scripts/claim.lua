-- claim: leases a due delivery to the caller and records the attempt.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] state in which a callback has a delivery
-- ARGV[3] lease in milliseconds
-- ARGV[4] name of the lease, new for each call
-- Returns verdict "claimed" with attempts, unclear (earlier ones), created,
--         answered, now, taskToken, type, error, outcome, trace
--         | "taken" | "gone" | "malformed"
--
-- The name alone identifies a lease. The previous release also compares the field
-- fence, which counts leases, so this release still increments it. Otherwise the
-- previous release could not claim, and would mistake a lost lease for a settled
-- one. Once no replica of that release can be running, fence can be removed.

local is_hash, cb = pcall(read, KEYS[1], 'state', 'leased', 'fence', 'attempts', 'unclear',
  'registration', 'answered', 'taskToken', 'type', 'error', 'outcome', 'trace')
if not is_hash then
  return {'verdict', 'malformed'}
end
if cb.state ~= ARGV[2] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {'verdict', 'gone'}
end
local attempts, unclear, fence = tonumber(cb.attempts or ''), tonumber(cb.unclear or ''), tonumber(cb.fence or '0')
cb.created = registered(cb.registration)
if not (attempts and unclear and fence and cb.created and cb.answered and cb.taskToken and cb.type and cb.error
    and cb.outcome) then
  return {'verdict', 'malformed'}
end

local at = now()
-- A client that repeats a call whose reply was lost finds its own lease.
if cb.leased ~= ARGV[4] then
  local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not due or tonumber(due) > at then
    return {'verdict', 'taken'}
  end
  attempts, unclear = attempts + 1, unclear + 1
  redis.call('PERSIST', KEYS[1]) -- needs no memory, so a full Redis accepts the rest
  redis.call('ZADD', KEYS[2], text(at + ARGV[3]), ARGV[1])
  redis.call('HSET', KEYS[1], 'leased', ARGV[4], 'attempts', text(attempts), 'unclear', text(unclear),
    'fence', text(fence + 1))
end
local reply = {'verdict', 'claimed', 'attempts', text(attempts), 'unclear', text(unclear - 1), 'now', text(at)}
return add(reply, cb, 'created', 'answered', 'taskToken', 'type', 'error', 'outcome', 'trace')
