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

-- wipe removes what a final state does not keep: the named fields of a callback, and what
-- people wrote who declined, unless the callback keeps what people read.
local function wipe(key, ...)
  redis.call('HDEL', key, ...)
  if not read(key, 'remains').remains then
    redis.call('HDEL', key, 'declined')
  end
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
-- out the rest. For the same reason an entry with the verdict not-for-me, which has what
-- somebody wrote in the place of the event's id, replaces the earlier one of its link.
local function noted(history, at, link, verdict, reason, bytes, event, rule)
  local lines, verdicts = {}, {}
  rule = rule == '-' and '' or rule
  local what = link .. ' ' .. verdict .. ' ' .. string.gsub(reason, '%s', '_')
  local first, count = text(at), 0
  local written = verdict == 'not-for-me'
  for line in string.gmatch(history or '', '[^\n]+') do
    local begun, before, same, its_event, its_rule = string.match(line, '^(%d+) %d+ (%d+) (%S+ %S+ %S+) %S+ (%S+) ?(%S*)$')
    if (written or event == '-' and its_event == '-') and same == what and its_rule == rule then
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
