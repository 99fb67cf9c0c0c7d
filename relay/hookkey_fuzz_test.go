package relay_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"callback-relay/relay"
)

// A text is the key of a hook only if it is one of those that the ring makes, in whichever
// case.
func FuzzParseHookKey(f *testing.F) {
	ring, names := keys(f, "k2", "k1"), []string{"github", "stripe"}
	var made []string
	for _, master := range []string{"k1", "k2"} {
		for _, name := range names {
			made = append(made, keys(f, master).HookKey(name).Reveal())
		}
	}
	link := ring.LinkKey(ring.Identify("t")[0].ID, relay.Link{LinkKind: kind(relay.LinkWebhook)}, "k1").Reveal()
	for _, text := range append(slices.Clone(made), "", "stripe", link, strings.ToUpper(made[0]), made[0][:51], made[0][:50]+"\n\n", made[0]+"a", strings.Repeat("\u212a", 52)) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ring.ParseHookKey(text, names)
		at := slices.IndexFunc(made, func(key string) bool { return len(text) == len(key) && strings.EqualFold(text, key) })
		switch {
		case at < 0 && !errors.Is(err, relay.ErrNotFound):
			t.Errorf("%q: %q, %v", text, name, err)
		case at >= 0 && (err != nil || name != names[at%2]):
			t.Errorf("%q: %q, %v, want %q", text, name, err, names[at%2])
		}
	})
}
