-- waiting: returns the task token of a callback that still waits.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] number of the link
-- ARGV[3] its kind
-- ARGV[4] its generation
-- ARGV[5] version of its guard that the post has passed, or "" for none
-- Returns verdict "waiting" with taskToken, summary, added
--         | "refused" with facts | "guarded" with facts, guard, summary, added and event
--         | "missing"

local cb = read(KEYS[1], 'state', 'registration', 'taskToken', 'by', 'reason', 'revoked', 'summary', 'added', 'event',
  'guard:' .. ARGV[2])
if not cb.state then
  return missing
end
local refused = refusal(cb, now(), {
  waiting = ARGV[1], link = ARGV[2], kind = ARGV[3], generation = ARGV[4], passed = ARGV[5],
})
if refused then
  return add(refused, cb, 'event', 'summary', 'added')
end
return add({'verdict', 'waiting'}, cb, 'taskToken', 'summary', 'added')
