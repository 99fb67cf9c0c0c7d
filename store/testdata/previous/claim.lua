-- claim: leases a due delivery to the caller and records the attempt.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] state in which a callback has a delivery
-- ARGV[3] lease in milliseconds
-- ARGV[4] name of the lease, new for each call
-- Returns {"claimed", fence, attempt, earlier unclear attempts, created,
--          answered, now, task token, type, error, payload, trace context of
--          what led to the outcome or ""}
--          | {"taken"} | {"gone"} | {"malformed"}

local cb = redis.pcall('HMGET', KEYS[1], 'state', 'leased', 'fence', 'attempts', 'unclear',
  'registration', 'answered', 'taskToken', 'type', 'error', 'outcome', 'trace')
if cb.err then
  return {'malformed'} -- it is no hash
end
if cb[1] ~= ARGV[2] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {'gone'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fence, attempts, unclear = tonumber(cb[3] or ''), tonumber(cb[4] or ''), tonumber(cb[5] or '')
local created = string.match(cb[6] or '', '^%d+')
if not (fence and attempts and unclear and created and cb[7] and cb[8] and cb[9] and cb[10] and cb[11]) then
  return {'malformed'}
end

-- A client that repeats a call whose answer was lost finds its own lease.
if cb[2] ~= ARGV[4] then
  local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not due or tonumber(due) > now then
    return {'taken'}
  end
  fence, attempts, unclear = fence + 1, attempts + 1, unclear + 1
  redis.call('PERSIST', KEYS[1]) -- needs no memory, so a full Redis lets the rest pass
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
  redis.call('HSET', KEYS[1], 'leased', ARGV[4], 'fence', string.format('%.0f', fence),
    'attempts', string.format('%.0f', attempts), 'unclear', string.format('%.0f', unclear))
end
return {'claimed', string.format('%.0f', fence), string.format('%.0f', attempts),
  string.format('%.0f', unclear - 1), created, cb[7], string.format('%.0f', now),
  cb[8], cb[9], cb[10], cb[11], cb[12] or ''}
