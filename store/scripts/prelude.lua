-- prelude: the functions that scripts share. It is prepended to each script.

-- now returns the time by the clock of Redis, in milliseconds since 1970.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- text writes a whole number without an exponent.
local function text(number)
  return string.format('%.0f', number)
end

-- read returns the named fields of a hash as a table; absent ones are nil.
local function read(key, ...)
  local values, fields = redis.call('HMGET', key, ...), {}
  for i, name in ipairs({...}) do
    fields[name] = values[i] or nil
  end
  return fields
end

-- add appends the named fields to a reply, each after its name, and leaves out
-- absent ones.
local function add(reply, fields, ...)
  for _, name in ipairs({...}) do
    if fields[name] then
      reply[#reply + 1] = name
      reply[#reply + 1] = fields[name]
    end
  end
  return reply
end

-- size returns how many members a sorted set has, 0 if there is no such key, and
-- nil if the key cannot be read as a sorted set.
local function size(key)
  local members = redis.pcall('ZCARD', key)
  return type(members) == 'number' and members or nil
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

-- registered splits the field registration into three values: when the callback
-- was created, its deadline (both in milliseconds, as text), and the spec (JSON).
local function registered(registration)
  return string.match(registration or '', '^(%d+) (%d+) (.*)$')
end

-- has returns whether a registration has a link of this number, kind and
-- generation ("" for none). This check is needed because the key of a link proves
-- only that the relay made it, perhaps for an earlier registration. The second
-- result is the version of the link's guard: the third element of the link, nil for
-- a link without a guard.
local function has(registration, number, kind, generation)
  local _, _, spec = registered(registration)
  local asked = cjson.decode(spec)
  local place = tonumber(number) + 1
  local link = asked.links[place] or (asked.added or {})[place - #asked.links]
  if link == nil or link[2] ~= kind or (asked.generation or '') ~= generation then
    return false
  end
  if link[3] == cjson.null then
    return true, nil
  end
  return true, link[3]
end

-- The versions of guards that this release can check, and the latest of them.
local known_guards = {[1] = true, [2] = true}
local latest_guards = 2

-- closed returns whether the link of this number is closed.
local function closed(revoked, number)
  return string.find(revoked or '', ' ' .. number .. ' ', 1, true) ~= nil
end

-- refusal returns the reply with which a script refuses, or nil if the script may
-- continue. The verdict is "guarded" if the link has a guard that the caller can
-- check and has not checked, otherwise "refused". These facts follow:
--
--   state, by, reason   of the callback, as stored
--   overdue             its deadline has passed
--   unknown, closed     it has no such link; the link is closed
--   guarded             the link has a guard that cannot be checked here
--   guard               with the verdict "guarded": the sealed guard
--   meanwhile           another caller changed the callback first
--
-- asked.waiting is the state that the script needs. asked.link is the number of a
-- link that must have asked.kind and asked.generation. asked.passed is up to which
-- version the caller has checked the link's guard, or "" for not at all; without it, the
-- script takes no guarded link. asked.meanwhile is a fact that the script found
-- itself. What is not asked is not checked. relay.Facts says what the facts mean to
-- a caller.
local function refusal(cb, at, asked)
  local overdue, known, guarded, guard, unguarded, is_closed
  if asked.waiting then
    local _, ends = registered(cb.registration)
    overdue = at >= tonumber(ends)
  end
  if asked.link then
    local version
    known, version = has(cb.registration, asked.link, asked.kind, asked.generation)
    is_closed = closed(cb.revoked, asked.link)
    local sealed = cb['guard:' .. asked.link]
    if known_guards[version] and sealed and asked.passed then
      guard = asked.passed ~= text(latest_guards) and sealed
    else
      guarded = version ~= nil
    end
    -- A caller has checked a guard that the link does not have: that cannot happen,
    -- and must not complete a task.
    unguarded = version == nil and (asked.passed or '') ~= ''
  end
  if not (asked.waiting and cb.state ~= asked.waiting or overdue or asked.link and not known or guarded or guard
      or unguarded or is_closed or asked.meanwhile) then
    return nil
  end
  return add(add({'verdict', guard and 'guarded' or 'refused'}, cb, 'state', 'by', 'reason'), {
    overdue = overdue and '1', unknown = asked.link and not known and '1', guarded = guarded and '1', guard = guard,
    closed = is_closed and '1', meanwhile = asked.meanwhile and '1',
  }, 'overdue', 'unknown', 'guarded', 'guard', 'closed', 'meanwhile')
end

-- deadline returns the requested deadline, in milliseconds since 1970. form is "in"
-- (milliseconds from now) or "at" (milliseconds since 1970). If the deadline is
-- not in the future, or more than most milliseconds away, it returns nil and the
-- reply that says so.
local function deadline(form, milliseconds, most, at)
  local wanted = tonumber(milliseconds)
  if form == 'in' then
    wanted = at + wanted
  end
  if wanted <= at then
    return nil, {'verdict', 'deadline past'}
  end
  if wanted - at > tonumber(most) then
    return nil, {'verdict', 'deadline too far'}
  end
  return wanted
end

-- How many entries a history keeps, and the verdicts that give way first: they are the
-- ordinary course of events, of which there can be many.
local history_entries = 50
local ordinary = {ignored = true, heartbeat = true, duplicate = true, handshake = true}

-- noted returns a history with one more entry. A history is lines, in the order of their
-- last times:
--
--   <first time> <last time> <count> <link> <verdict> <reason> <bytes> <sealed event id> <rule>
--
-- with "-" for what there is not. The rule is left out if there is none, as in lines of
-- earlier releases, which cannot read lines that have it. An entry without an
-- event counts up the one that has the same link, verdict, reason and rule, if there is
-- one: whoever has a link can post without end what is not proven, and must not push
-- out the rest.
local function noted(history, at, link, verdict, reason, bytes, event, rule)
  local lines, verdicts = {}, {}
  rule = rule == '-' and '' or rule
  local what = link .. ' ' .. verdict .. ' ' .. string.gsub(reason, '%s', '_')
  local first, count = text(at), 0
  for line in string.gmatch(history or '', '[^\n]+') do
    local begun, before, same, its_event, its_rule = string.match(line, '^(%d+) %d+ (%d+) (%S+ %S+ %S+) %S+ (%S+) ?(%S*)$')
    if event == '-' and its_event == '-' and same == what and its_rule == rule then
      first, count = begun, before
    else
      lines[#lines + 1] = line
      verdicts[#lines] = string.match(line, '^%S+ %S+ %S+ %S+ (%S+)') or ''
    end
  end
  local line = table.concat({first, text(at), text(count + 1), what, bytes, event}, ' ')
  lines[#lines + 1] = rule == '' and line or line .. ' ' .. rule
  while #lines > history_entries do
    local goes = 1
    for i, its in ipairs(verdicts) do
      if ordinary[its] then
        goes = i
        break
      end
    end
    table.remove(lines, goes)
    table.remove(verdicts, goes)
  end
  return table.concat(lines, '\n')
end

local missing = {'verdict', 'missing'}
