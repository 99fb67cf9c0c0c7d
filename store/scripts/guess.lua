-- guess: counts a wrong code, and closes the link after too many.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] number of the link
-- ARGV[2] "1" when the code was right
-- ARGV[3] how many wrong ones close the link
-- ARGV[4] kind of the link
-- ARGV[5] generation of the link
-- Returns {"left", how many more there may be} | {"closed"} | {"unknown"}
--          | {"missing"}
--
-- A wrong code whose answer was lost is counted twice when the client repeats
-- the call: to err on that side gives nobody another try.

local cb = redis.call('HMGET', KEYS[1], 'state', 'revoked', 'wrong', 'registration')
if not cb[1] then
  return {'missing'}
end
if not has(cb[4], ARGV[1], ARGV[4], ARGV[5]) then
  return {'unknown'}
end
local link, revoked, wrong = ' ' .. ARGV[1] .. ' ', cb[2] or '', cb[3] or ''
if string.find(revoked, link, 1, true) then
  return {'closed'}
end
-- The field has " 3 " for each wrong code at link 3.
local _, before = string.gsub(wrong, link, '')
if ARGV[2] == '1' then
  return {'left', string.format('%.0f', ARGV[3] - before)}
end

if before + 1 >= tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'wrong', wrong .. link, 'revoked', revoked .. link)
  return {'closed'}
end
redis.call('HSET', KEYS[1], 'wrong', wrong .. link)
return {'left', string.format('%.0f', ARGV[3] - before - 1)}
