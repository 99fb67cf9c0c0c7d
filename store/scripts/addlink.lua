-- addlink: gives a pending callback one more link, and closes those that it
-- replaces.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] state in which it waits
-- ARGV[2] spec (JSON), as it was read
-- ARGV[3] spec with the new link
-- ARGV[4] sealed content, with what the new link does
-- ARGV[5] sealed, what remains of all added links, including the new one
-- ARGV[6] numbers of the links that it replaces, in the form of the field
--         revoked
-- ARGV[7] number of the new link
-- ARGV[8] its sealed guard, or "" for none
-- ARGV[9] sealed remains of the content, with those of the new link, or "" for none
-- Returns verdict "done" | "refused" with facts (meanwhile: the spec has changed)
--         | "missing"

local cb = read(KEYS[1], 'state', 'registration', 'by', 'reason', 'revoked')
if not cb.state then
  return missing
end
local created, due, spec = registered(cb.registration)
local refused = refusal(cb, now(), {waiting = ARGV[1], meanwhile = spec ~= ARGV[2]})
if refused then
  return refused
end

redis.call('HSET', KEYS[1], 'registration', created .. ' ' .. due .. ' ' .. ARGV[3],
  'content', ARGV[4], 'added', ARGV[5])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'revoked', (cb.revoked or '') .. ARGV[6])
end
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'guard:' .. ARGV[7], ARGV[8])
end
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[1], 'remains', ARGV[9])
end
return {'verdict', 'done'}
