-- answer: records the first answer of a pending callback, and leases its delivery
-- to the caller for the first attempt.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- KEYS[3] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] state to leave
-- ARGV[3] state to enter
-- ARGV[4] outcome's type
-- ARGV[5] outcome's error name
-- ARGV[6] sealed payload
-- ARGV[7] digest of the outcome
-- ARGV[8] number of the link
-- ARGV[9] lease in milliseconds
-- ARGV[10] name of the lease, new for each call
-- ARGV[11] of an answer by decision: the number of decisions before this one,
--          otherwise ""
-- ARGV[12] of an answer by decision: sealed decisions, including this one
-- ARGV[13] trace context of the answer, or ""
-- ARGV[14] kind of the link
-- ARGV[15] generation of the link
-- ARGV[16] version of the link's guard that the answer has passed, or "" for none
-- ARGV[17] digest of the event's id, or "" for none
-- ARGV[18] of an answer by decision: sealed comments, one for each decision; kept if
--          there is the field remains
-- Returns verdict "recorded" with attempts, unclear (earlier ones), created,
--         answered, now, taskToken, summary, trace (of the registration), added
--         | "refused" with facts, summary, added, event and same (the first answer
--         has the same digest, or was the same event)
--         | "guarded" with these and guard | "missing"

local cb = read(KEYS[1], 'state', 'registration', 'taskToken', 'revoked', 'decided', 'summary', 'trace', 'added',
  'digest', 'event', 'by', 'reason', 'leased', 'answered', 'guard:' .. ARGV[8])
if not cb.state then
  return missing
end
local at = now()
local function recorded(answered)
  local reply = {'verdict', 'recorded', 'attempts', '1', 'unclear', '0', 'created', string.match(cb.registration, '^%d+'),
    'answered', answered, 'now', text(at)}
  return add(reply, cb, 'taskToken', 'summary', 'added', 'trace')
end
if cb.state ~= ARGV[2] and cb.leased == ARGV[10] then
  cb.trace = nil -- it is already the trace of the answer
  return recorded(cb.answered) -- the client repeats a call whose reply was lost
end
local refused = refusal(cb, at, {
  waiting = ARGV[2], link = ARGV[8], kind = ARGV[14], generation = ARGV[15], passed = ARGV[16],
  meanwhile = ARGV[11] ~= '' and (cb.decided or '0') ~= ARGV[11],
})
if refused then
  -- Decisions are never duplicates: two people can decide with the same words.
  -- If both events have an id, it decides: senders repeat an event with other bytes,
  -- and two events can have the same outcome.
  local same = cb.digest == ARGV[7]
  if cb.event and ARGV[17] ~= '' then
    same = cb.event == ARGV[17]
  end
  cb.same = ARGV[11] == '' and same and '1'
  return add(refused, cb, 'same', 'event', 'summary', 'added')
end

redis.call('HSET', KEYS[1], 'state', ARGV[3], 'type', ARGV[4], 'error', ARGV[5], 'outcome', ARGV[6],
  'digest', ARGV[7], 'by', ARGV[8], 'answered', text(at), 'attempts', '1', 'unclear', '1', 'leased', ARGV[10],
  'fence', '1') -- for the previous release: see claim
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[1], 'decided', text(ARGV[11] + 1), 'decisions', ARGV[12])
  if read(KEYS[1], 'remains').remains then
    redis.call('HSET', KEYS[1], 'comments', ARGV[18])
  end
end
if ARGV[13] ~= '' then
  redis.call('HSET', KEYS[1], 'trace', ARGV[13])
end
if ARGV[17] ~= '' then
  redis.call('HSET', KEYS[1], 'event', ARGV[17])
end
if cb.decided then
  redis.call('HDEL', KEYS[1], 'remarks') -- of earlier decisions; the outcome contains them
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], text(at + ARGV[9]), ARGV[1])
return recorded(text(at))
