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
--   spent     it has reached a task, or was given up
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

-- is_used returns whether an event has been used, and is for nobody else.
local function is_used(e)
  return #e.waiting == 0 and #e.users > 0
end

-- is_over returns whether nobody needs an event any more.
local function is_over(m, e)
  return #e.waiting == 0 and (e.spent or e.ends <= m.at)
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

-- tidy forgets the events that are over, and, of the others, which waiters have passed
-- them over that do not wait any more.
local function tidy(m)
  local stays = {}
  for _, e in ipairs(m.ended) do
    forget(e)
  end
  for _, e in ipairs(m.events) do
    if is_over(m, e) then
      forget(e)
    else
      local done = {}
      for _, waiter in ipairs(e.done) do
        if place(m.waiters, waiter) then
          done[#done + 1] = waiter
        end
      end
      e.done = done
      stays[#stays + 1] = e
    end
  end
  m.events, m.ended = stays, {}
end

-- trim gives up the oldest events of a kind, if there are more than most of this kind, and
-- returns how many these are.
local function trim(m, kind, most)
  local all = {}
  for _, e in ipairs(m.events) do
    if kind(e) and not is_over(m, e) then
      all[#all + 1] = e
    end
  end
  for i = 1, #all - most do
    all[i].spent = true
  end
  return math.max(#all - most, 0)
end

-- size_in returns the bytes that an event takes, from its name or its member of KEYS[4].
local function size_in(member)
  return tonumber(string.match(member, '%-(%d+)$') or 0)
end

-- list puts the events into KEYS[4] that are free, and takes the others out. m.freed is
-- then the size of the event that has become free, or nil.
local function list(m)
  for _, e in ipairs(m.events) do
    local member = ARGV[1] .. ' ' .. e.name
    if is_free(e) and not e.free then
      redis.call('ZADD', KEYS[4], text(e.ends), member)
      lasts(KEYS[4], m.at)
      e.free, m.freed = true, size_in(e.name)
    elseif e.free and not is_free(e) then
      redis.call('ZREM', KEYS[4], member)
      e.free = nil
    end
  end
end

-- write stores the index. What is assigned never ends by itself.
local function write(m)
  if #m.events == 0 then
    redis.call('HDEL', KEYS[1], 'index', 'sender')
    return
  end
  redis.call('HSET', KEYS[1], 'index', cjson.encode(m.events))
  local latest = m.at
  for _, e in ipairs(m.events) do
    latest = math.max(latest, #e.waiting > 0 and math.huge or e.ends)
  end
  if latest == math.huge then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIRE', KEYS[1], text(latest - m.at))
  end
end

-- schedule says in KEYS[3] when somebody must look at the digest: at the end of the lease
-- if events are assigned, after look milliseconds if events are only used. An earlier time
-- stays, unless anew is true.
local function schedule(m, lease, look, anew)
  local wait = nil
  for _, e in ipairs(m.events) do
    if #e.waiting > 0 then
      wait = lease
    elseif #e.users > 0 then
      wait = wait or look
    end
  end
  if not wait then
    redis.call('ZREM', KEYS[3], ARGV[1])
    return
  end
  local before = redis.call('ZSCORE', KEYS[3], ARGV[1])
  if anew or not before or tonumber(before) > m.at + wait then
    redis.call('ZADD', KEYS[3], text(m.at + wait), ARGV[1])
  end
end

-- keep stores what the digest has now. A script after which an event may be free that was
-- not free before calls keep_within instead.
local function keep(m, lease, look, anew)
  tidy(m)
  list(m)
  write(m)
  schedule(m, lease, look, anew)
end

-- crowd appends to a reply, if an event has become free, oldest for each event of the
-- sender that must go from this partition, with its digest and name: a script must not
-- touch other digests. The sender may have most free events there.
--
-- Adding up their bytes is slow, so it is done only for an event that takes more than its
-- share of them. So in all they take at most twice as many.
local function crowd(reply, m, most, bytes)
  local many = m.freed and redis.call('ZCARD', KEYS[4]) - most or 0
  local large = m.freed and m.freed * most > bytes
  if many <= 0 and not large then
    return
  end
  local oldest, total = redis.call('ZRANGE', KEYS[4], 0, large and -1 or many - 1), 0
  for _, member in ipairs(oldest) do
    total = total + size_in(member)
  end
  for i, member in ipairs(oldest) do
    if i > many and total <= bytes then
      break
    end
    add(reply, {oldest = member}, 'oldest')
    total = total - size_in(member)
  end
end

-- keep_within is keep, within the bounds of free events: how many the digest may have, and
-- how many the sender in this partition, with how many bytes. It appends to a reply dropped,
-- with how many events of the digest have made room, and what crowd appends.
local function keep_within(reply, m, lease, look, of_digest, of_sender, bytes)
  local dropped = trim(m, is_free, tonumber(of_digest))
  keep(m, lease, look)
  add(reply, {dropped = text(dropped)}, 'dropped')
  crowd(reply, m, tonumber(of_sender), tonumber(bytes))
end

-- matched appends to a reply, for each event that is assigned, assigned with its name, and
-- for each that is used, used with its name; at with its time follows, and for each waiter
-- waiter with its text.
local function matched(reply, m)
  for _, e in ipairs(m.events) do
    for what, waiters in pairs({assigned = e.waiting, used = e.users}) do
      if #waiters > 0 then
        add(reply, {[what] = e.name, at = text(e.at)}, what, 'at')
        for _, waiter in ipairs(waiters) do
          add(reply, {waiter = waiter}, 'waiter')
        end
      end
    end
  end
  return reply
end
