-- matching: what the scripts of awaits share. It is put in front of each, behind the
-- prelude. All have these keys first, and the digest as ARGV[1]:
--
-- KEYS[1] events    relay:v1:{NN}:events:<digest>
-- KEYS[2] await     relay:v1:{NN}:await:<digest>
-- KEYS[3] matches   relay:v1:{NN}:matches
-- KEYS[4] free      relay:v1:{NN}:free:<sender>
--
-- The field index of KEYS[1] is a JSON array of the events, in the order in which they
-- arrived. An event is an object:
--
--   name      of the event; body:<name> is its sealed content. It ends with how many
--             bytes the event takes, after a hyphen
--   id        keyed digest of the id that its sender gave it
--   at, ends  when it arrived, and until when it is kept if it is not assigned
--   bytes, label   of its content, and its sealed id and type, for lists
--   waiting   the waiters that it is for and that were not served yet: it is assigned
--   users     the waiters whose callbacks it has answered, and Step Functions may still
--             refuse these outcomes: it is used
--   done      the waiters that have passed it over
--   known     its id is remembered beyond the event itself
--   spent     it has reached a task
--   free      none of these: it is in KEYS[4]

-- place returns the index of a text in a list, or nil.
local function place(list, one)
  for i, each in ipairs(list) do
    if each == one then
      return i
    end
  end
end

-- strike removes a text from a list.
local function strike(list, one)
  local at = place(list, one)
  if at then
    table.remove(list, at)
  end
end

-- matching reads what the digest has: its events, those whose end has passed, and its
-- waiters.
local function matching(at)
  local m = {at = at, events = {}, ended = {}, waiters = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(at), '+inf')}
  for _, e in ipairs(cjson.decode(read(KEYS[1], 'index').index or '[]')) do
    local list = (#e.waiting > 0 or e.ends > at) and m.events or m.ended
    list[#list + 1] = e
  end
  return m
end

-- is_free returns whether nobody has used an event, and it is for nobody.
local function is_free(e)
  return #e.waiting == 0 and #e.users == 0 and not e.spent
end

-- offer assigns a free event to the waiters that have not passed it over.
local function offer(m, e)
  if is_free(e) and e.ends > m.at then
    for _, waiter in ipairs(m.waiters) do
      if not place(e.done, waiter) then
        e.waiting[#e.waiting + 1] = waiter
      end
    end
  end
end

-- lasts gives a sorted set that is scored by ends a time to live up to the last of them,
-- and removes the members whose end has passed.
local function lasts(key, at)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(at))
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIRE', key, text(last - at))
  end
end

-- remember keeps the ids of events that somebody gets, for longer than these events and
-- at most as many of one digest. An event that nobody has got needs no such memory: until
-- it ends it is found by its id, and if it then comes again, nothing is done twice.
local function remember(m, key, longer, most)
  local some = false
  for _, e in ipairs(m.events) do
    if #e.waiting > 0 and not e.known then
      redis.call('ZADD', key, text(e.ends + longer), e.id)
      e.known, some = true, true
    end
  end
  if some then
    lasts(key, m.at)
    redis.call('ZREMRANGEBYRANK', key, 0, -most - 1)
  end
end

-- forget removes what is stored of an event beside the index.
local function forget(e)
  redis.call('HDEL', KEYS[1], 'body:' .. e.name)
  if e.free then
    redis.call('ZREM', KEYS[4], ARGV[1] .. ' ' .. e.name)
  end
end

-- keep writes the events back, and says in KEYS[3] when somebody must look at the digest:
-- at the end of the lease if events are assigned, after look milliseconds if events are
-- only used. An earlier time stays, unless anew is true.
local function keep(m, lease, look, anew)
  local stays, assigned, used, latest = {}, false, false, m.at
  for _, e in ipairs(m.ended) do
    forget(e)
  end
  for _, e in ipairs(m.events) do
    if #e.waiting == 0 and (e.spent or e.ends <= m.at) then
      forget(e)
    else
      local done = {}
      for _, waiter in ipairs(e.done) do
        if place(m.waiters, waiter) then
          done[#done + 1] = waiter
        end
      end
      e.done = done
      if is_free(e) and not e.free then
        redis.call('ZADD', KEYS[4], text(e.ends), ARGV[1] .. ' ' .. e.name)
        lasts(KEYS[4], m.at)
        e.free = true
      elseif e.free and not is_free(e) then
        redis.call('ZREM', KEYS[4], ARGV[1] .. ' ' .. e.name)
        e.free = nil
      end
      assigned, used = assigned or #e.waiting > 0, used or #e.users > 0
      latest = math.max(latest, e.ends)
      stays[#stays + 1] = e
    end
  end
  m.events = stays
  if #stays == 0 then
    redis.call('HDEL', KEYS[1], 'index', 'sender')
  else
    redis.call('HSET', KEYS[1], 'index', cjson.encode(stays))
  end
  if assigned then
    redis.call('PERSIST', KEYS[1]) -- what is assigned never ends by itself
  elseif #stays > 0 then
    redis.call('PEXPIRE', KEYS[1], text(latest - m.at))
  end
  if assigned or used then
    local next = m.at + (assigned and lease or look)
    local before = redis.call('ZSCORE', KEYS[3], ARGV[1])
    if anew or not before or tonumber(before) > next then
      redis.call('ZADD', KEYS[3], text(next), ARGV[1])
    end
  else
    redis.call('ZREM', KEYS[3], ARGV[1])
  end
end

-- matched appends to a reply, for each event that is assigned, assigned with its name, and
-- for each that is used, used with its name; for each waiter follows waiter with its text.
local function matched(reply, m)
  for _, e in ipairs(m.events) do
    for what, waiters in pairs({assigned = e.waiting, used = e.users}) do
      if #waiters > 0 then
        add(reply, {[what] = e.name}, what)
        for _, waiter in ipairs(waiters) do
          add(reply, {waiter = waiter}, 'waiter')
        end
      end
    end
  end
  return reply
end
