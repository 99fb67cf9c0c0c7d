-- prelude: stands in front of every other script.

-- has tells whether a registration, as its field holds it, has the link of the
-- number with this kind, and is of this generation ("" for none). The key of a
-- link proves only that the relay made it: perhaps for an earlier registration.
local function has(registration, number, kind, generation)
  local asked = cjson.decode(string.match(registration, '^%d+ %d+ (.*)$'))
  local place = tonumber(number) + 1
  local link = asked.links[place] or (asked.added or {})[place - #asked.links]
  return link ~= nil and link[2] == kind and (asked.generation or '') == generation
end
