-- guess: counts a wrong code, and closes the link after too many.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] number of the link
-- ARGV[2] "1" if the code was right
-- ARGV[3] how many wrong codes close the link
-- ARGV[4] kind of the link
-- ARGV[5] generation of the link
-- Returns verdict "open" with left (how many tries are left)
--         | "refused" with facts | "missing"
--
-- If the reply to a wrong code is lost and the client repeats the call, the code
-- is counted twice. This errs on the safe side: it gives nobody an extra try.

local cb = read(KEYS[1], 'state', 'registration', 'revoked', 'wrong')
if not cb.state then
  return missing
end
local refused = refusal(cb, now(), {link = ARGV[1], kind = ARGV[4], generation = ARGV[5]})
if refused then
  return refused
end
-- The field contains " 3 " once for each wrong code at link 3.
local link, wrong = ' ' .. ARGV[1] .. ' ', cb.wrong or ''
local _, before = string.gsub(wrong, link, '')
if ARGV[2] == '1' then
  return {'verdict', 'open', 'left', text(ARGV[3] - before)}
end

if before + 1 >= tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'wrong', wrong .. link, 'revoked', (cb.revoked or '') .. link)
  return {'verdict', 'refused', 'closed', '1'}
end
redis.call('HSET', KEYS[1], 'wrong', wrong .. link)
return {'verdict', 'open', 'left', text(ARGV[3] - before - 1)}
