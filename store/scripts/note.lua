-- note: adds an entry to the history of a callback.
--
-- KEYS[1] callback   relay:v1:{NN}:cb:<id>
-- ARGV[1] number of the link
-- ARGV[2] verdict
-- ARGV[3] reason, or "-"
-- ARGV[4] bytes of the body
-- ARGV[5] sealed id of the event, or "-"
-- ARGV[6] number of the outcome that matched or failed, or "-"
-- Returns verdict "noted" | "missing"

local cb = read(KEYS[1], 'state', 'history')
if not cb.state then
  return missing
end
redis.call('HSET', KEYS[1], 'history', noted(cb.history, now(), ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]))
return {'verdict', 'noted'}
