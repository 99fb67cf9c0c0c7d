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
--         | "refused" with the fact unknown | "missing"

local cb = read(KEYS[1], 'state', 'registration')
if not cb.state then
  return missing
end
if not has(cb.registration, ARGV[2], ARGV[3], ARGV[4]) then
  return {'verdict', 'refused', 'unknown', '1'}
end
local reply = add({'verdict', 'read', 'now', text(now())}, {due = redis.call('ZSCORE', KEYS[2], ARGV[1])}, 'due')
return add(reply, read(KEYS[1], unpack(ARGV, 5)), unpack(ARGV, 5))
