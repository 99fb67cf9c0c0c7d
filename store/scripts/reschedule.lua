-- reschedule: gives a pending callback another deadline.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] deadline   relay:v1:{NN}:deadline
-- ARGV[1] id
-- ARGV[2] state in which it waits
-- ARGV[3] "in" or "at": how the deadline is given
-- ARGV[4] milliseconds from now, or since the epoch
-- ARGV[5] how far away the deadline may be, in milliseconds
-- Returns verdict "done" | "deadline past" | "deadline too far"
--         | "refused" with facts | "missing"

local cb = read(KEYS[1], 'state', 'registration', 'by', 'reason')
if not cb.state then
  return missing
end
local at = now()
local refused = refusal(cb, at, {waiting = ARGV[2]})
if refused then
  return refused
end
local ends, wrong = deadline(ARGV[3], ARGV[4], ARGV[5], at)
if wrong then
  return wrong
end

local created, _, spec = registered(cb.registration)
redis.call('HSET', KEYS[1], 'registration', created .. ' ' .. text(ends) .. ' ' .. spec)
redis.call('ZADD', KEYS[2], text(ends), ARGV[1])
return {'verdict', 'done'}
