package relay

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"callback-relay/rules"
)

// checkAwaits checks the names and the keys of awaits. [Service.checkAwaits] checks the
// rest.
func (m *mistakes) checkAwaits(r *Registration) {
	if total := len(r.Links) + len(r.Awaits); len(r.Awaits) > 0 && total > MaxLinks {
		m.add("awaits", "and links have %d entries together, but at most %d are allowed", total, MaxLinks)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Awaits)) {
		at, await := "awaits."+name+".", r.Awaits[name]
		switch _, taken := r.Links[name]; {
		case !linkName.MatchString(name):
			m.add("awaits", "has a name that is not 1 to 64 characters a-z, 0-9 or - that begin with a letter: choose one such as paid")
		case name == ByExpiry:
			m.add("awaits."+name, "is a reserved name: choose another one")
		case taken:
			m.add("awaits."+name, "is the name of a link too: choose another one")
		}
		switch {
		case await.Key == "":
			m.add(at+"key", `is required: it says which events of the sender are meant, such as "pi_3N"`)
		case !utf8.ValidString(await.Key):
			m.add(at+"key", "is not valid UTF-8")
		case utf8.RuneCountInString(await.Key) > rules.MaxEventChars:
			m.add(at+"key", "has %d characters, but at most %d are allowed", utf8.RuneCountInString(await.Key), rules.MaxEventChars)
		}
	}
}

// checkAwaits returns every mistake in the senders and rules of awaits, each an
// [*InvalidFieldError].
func (s *Service) checkAwaits(awaits map[string]Guard) []error {
	var m mistakes
	for _, name := range slices.Sorted(maps.Keys(awaits)) {
		at, await := "awaits."+name+".", awaits[name]
		hook, found := s.hooks.Hook(await.Sender)
		switch {
		case await.Inline != nil:
			m.add(at+"sender", "must be the name of a sender with a hook, not an object")
		case await.Sender == "":
			m.add(at+"sender", "is required: %s", s.namesOfHooks())
		case !found:
			// Its text is not repeated: it may be a secret in the wrong place.
			m.add(at+"sender", "is not the name of a sender that has a hook in the relay's configuration file: %s", s.namesOfHooks())
		default:
			s.checkRules(&m, at, &await, hook.Sender)
		}
	}
	return m
}

// namesOfHooks lists the names that an await can give, for a mistake.
func (s *Service) namesOfHooks() string {
	const most = 20
	var names []string
	for _, hook := range s.hooks.Hooks() {
		names = append(names, hook.Name)
	}
	if len(names) == 0 {
		return "no sender has one"
	}
	slices.Sort(names)
	if len(names) > most {
		names = append(names[:most:most], "...")
	}
	return "use one of " + strings.Join(names, ", ")
}
