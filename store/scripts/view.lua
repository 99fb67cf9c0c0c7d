-- view: reads everything that a page shows of a callback, as one snapshot.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- KEYS[2] due        relay:v1:{NN}:due
-- ARGV[1] id
-- ARGV[2] number of the link
-- ARGV[3] its kind
-- ARGV[4] its generation
-- ARGV[5] and further: fields to read
-- Returns verdict "read" with now, due (its score in that set) and these fields
--         | "refused" with the facts unknown or guarded | "missing"
--
-- It does not look at revoked: a closed link still shows what was done through it.

local cb = read(KEYS[1], 'state', 'registration')
if not cb.state then
  return missing
end
local at = now()
local refused = refusal(cb, at, {link = ARGV[2], kind = ARGV[3], generation = ARGV[4]})
if refused then
  return refused
end
local reply = add({'verdict', 'read', 'now', text(at)}, {due = redis.call('ZSCORE', KEYS[2], ARGV[1])}, 'due')
return add(reply, read(KEYS[1], unpack(ARGV, 5)), unpack(ARGV, 5))
