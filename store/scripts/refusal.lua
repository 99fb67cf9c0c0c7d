-- refusal: what the scripts share that can refuse. It is put in front of each, behind the
-- prelude; the others need not load it.

-- has returns whether the spec of a registration has a link of this number, kind and
-- generation ("" for none). This check is needed because the key of a link proves
-- only that the relay made it, perhaps for an earlier registration. The second
-- result is the version of the link's guard: the third element of the link, nil for
-- a link without a guard. The mark approval2 is for earlier releases: they do not know what
-- an approval of version 2 asks for, and take the mark for a guard that they cannot check.
local function has(spec, number, kind, generation)
  local asked = cjson.decode(spec)
  local place = tonumber(number) + 1
  local link = asked.links[place] or (asked.added or {})[place - #asked.links]
  if link == nil or link[2] ~= kind or (asked.generation or '') ~= generation then
    return false
  end
  if link[3] == cjson.null or link[3] == 'approval2' then
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
  local _, ends, spec = registered(cb.registration)
  if asked.waiting then
    overdue = at >= tonumber(ends)
  end
  if asked.link then
    local version
    known, version = has(spec, asked.link, asked.kind, asked.generation)
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
