-- decline: records that somebody says that a link is not for them. It decides nothing.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] number of the link
-- ARGV[3] kind of the link
-- ARGV[4] generation of the link
-- ARGV[5] sealed list of those who said so, as it was read, or ""
-- ARGV[6] sealed list with this one
-- ARGV[7] verdict for the history
-- ARGV[8] sealed note for the history, or "-"; kept if there is the field remains
-- Returns verdict "noted" | "refused" with facts (meanwhile: the list has changed)
--         | "missing"
--
-- If the reply is lost and the client repeats the call, the list has changed. The caller
-- then records the same once more, which only the count in the history shows.

local cb = read(KEYS[1], 'state', 'registration', 'by', 'reason', 'revoked', 'declined', 'history', 'remains')
if not cb.state then
  return missing
end
local at = now()
local refused = refusal(cb, at, {
  waiting = ARGV[1], link = ARGV[2], kind = ARGV[3], generation = ARGV[4], meanwhile = (cb.declined or '') ~= ARGV[5],
})
if refused then
  return refused
end

redis.call('HSET', KEYS[1], 'declined', ARGV[6],
  'history', noted(cb.history, at, ARGV[2], ARGV[7], '-', '0', cb.remains and ARGV[8] or '-', '-'))
return {'verdict', 'noted'}
