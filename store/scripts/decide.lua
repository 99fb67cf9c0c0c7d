-- decide: records a decision that does not complete the callback yet.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] number of the link
-- ARGV[3] number of decisions before this one
-- ARGV[4] sealed decisions, including this one
-- ARGV[5] sealed remarks, one for each decision
-- ARGV[6] kind of the link
-- ARGV[7] generation of the link
-- ARGV[8] sealed comments, one for each decision; kept if there is the field remains
-- Returns verdict "recorded" | "refused" with facts | "missing"
--
-- A call that is repeated because its reply was lost gets the fact meanwhile, and
-- its caller then finds its own decision.

local cb = read(KEYS[1], 'state', 'registration', 'by', 'reason', 'revoked', 'decided', 'remains')
if not cb.state then
  return missing
end
local refused = refusal(cb, now(), {
  waiting = ARGV[1], link = ARGV[2], kind = ARGV[6], generation = ARGV[7],
  meanwhile = (cb.decided or '0') ~= ARGV[3],
})
if refused then
  return refused
end

redis.call('HSET', KEYS[1], 'decided', text(ARGV[3] + 1), 'decisions', ARGV[4], 'remarks', ARGV[5])
if cb.remains then
  redis.call('HSET', KEYS[1], 'comments', ARGV[8])
end
return {'verdict', 'recorded'}
