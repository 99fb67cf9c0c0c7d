package relay_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"callback-relay/relay"
)

// everyKind lists all kinds of link.
var everyKind = slices.Concat(relay.MachineLinks, relay.PageLinks)

// made returns link keys of every type, made by a ring of k2 and k1 under both keys.
func made(t testing.TB) []string {
	ring := keys(t, "k2", "k1")
	var links []string
	for _, identity := range ring.Identify("task") {
		for number, kind := range everyKind {
			for _, generation := range []relay.Generation{"", "00c0ffee"} {
				link := relay.Link{LinkKind: kind, Number: byte(number), Generation: generation}
				links = append(links, ring.LinkKey(identity.ID, link, identity.Key).Reveal())
			}
		}
	}
	return links
}

// Row 2: of all texts in place of a link key, only keys that the ring itself makes
// resolve, in lower or upper case, and each to the link that it was made for.
func FuzzResolve(f *testing.F) {
	ring := keys(f, "k2", "k1")
	for _, key := range made(f) {
		f.Add(key)
		f.Add(strings.ToUpper(key))
		f.Add(key[:26] + strings.ToUpper(key[26:]))
		f.Add(key[:len(key)-1])
		f.Add(key + "a")
		f.Add(key[:len(key)-1] + "\n")
		f.Add(key[:40] + "\r\n" + key[40:])
		f.Add(key[:len(key)-1] + "=")
		f.Add(key[:52])
		f.Add((key + key)[:58])
		// Letters whose lower case is ASCII: the Kelvin sign and the dotted I.
		f.Add(strings.NewReplacer("k", "\u212a", "i", "\u0130").Replace(key))
	}
	f.Add("")
	f.Add(strings.Repeat("a", 52))
	f.Add(strings.Repeat("7", 52))
	f.Add(strings.Repeat("\xff", 52))
	f.Add(strings.Repeat("a", 58))
	f.Add(strings.Repeat("7", 58))
	f.Fuzz(func(t *testing.T, key string) {
		ref, err := ring.Resolve(key, everyKind)
		if err != nil {
			if !errors.Is(err, relay.ErrNotFound) || err.Error() != relay.ErrNotFound.Error() {
				t.Errorf("%q: the error tells more than that there is none: %v", key, err)
			}
			if ref.ID != "" || ref.Type != "" || ref.Number != 0 {
				t.Errorf("%q: refused, and yet a link: %s %s", key, ref.ID, ref.Type)
			}
		} else {
			of := relay.Link{LinkKind: ref.LinkKind, Number: ref.Number, Generation: ref.Generation}
			lower := strings.ToLower(key)
			if lower != ring.LinkKey(ref.ID, of, "k1").Reveal() && lower != ring.LinkKey(ref.ID, of, "k2").Reveal() {
				t.Errorf("%q is not what the ring makes for the link", key)
			}
			if strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz234567") != "" || len(key) != len(lower) {
				t.Errorf("%q resolves and is outside of the alphabet", key)
			}
		}
		if isASCII(key) {
			for _, spelled := range []string{strings.ToLower(key), strings.ToUpper(key)} {
				again, otherErr := ring.Resolve(spelled, everyKind)
				if again != ref || (otherErr == nil) != (err == nil) {
					t.Errorf("%q and %q are different links", key, spelled)
				}
			}
		}
	})
}

// Row 2: changing a character never turns a valid key into the key of another link.
func FuzzForgedLink(f *testing.F) {
	for at := range uint8(58) {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
			f.Add("task", uint8(0), uint8(0), false, at, string(c))
			f.Add("task", uint8(0), uint8(0), true, at, string(c))
		}
	}
	f.Add("task", uint8(15), uint8(3), false, uint8(51), "q")
	f.Add("task", uint8(15), uint8(3), true, uint8(57), "q")
	f.Add("a task token", uint8(255), uint8(0), true, uint8(26), "77")
	f.Add("", uint8(1), uint8(3), false, uint8(25), "")
	f.Add("task", uint8(3), uint8(0), false, uint8(20), "\u017f")
	f.Fuzz(func(t *testing.T, task string, number uint8, kind uint8, generation bool, at uint8, instead string) {
		ring := keys(t, "k2", "k1")
		identity := ring.Identify(relay.TaskToken(task))[number%2]
		link := relay.Link{LinkKind: everyKind[int(kind)%len(everyKind)], Number: number}
		if generation {
			link.Generation = "00c0ffee"
		}
		key := ring.LinkKey(identity.ID, link, identity.Key).Reveal()
		ref, err := ring.Resolve(key, everyKind)
		if err != nil || ref.ID != identity.ID || ref.LinkKind != link.LinkKind || ref.Number != number || ref.Generation != link.Generation {
			t.Fatalf("a good key resolves to %s %s %d, %v", ref.ID, ref.Type, ref.Number, err)
		}
		for _, other := range everyKind {
			if _, err := ring.Resolve(key, []relay.LinkKind{other}); (err == nil) != (other == link.LinkKind) {
				t.Errorf("a %s link where %s links go: %v", link.LinkKind, other, err)
			}
		}
		cut := int(at) % len(key)
		forged := key[:cut] + instead + key[min(cut+max(len(instead), 1), len(key)):]
		if isASCII(forged) && strings.EqualFold(forged, key) {
			return
		}
		if ref, err := ring.Resolve(forged, everyKind); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("with %q at %d it resolves to %s %s %d: %v", instead, cut, ref.ID, ref.Type, ref.Number, err)
		}
	})
}

func isASCII(s string) bool {
	for _, b := range []byte(s) {
		if b >= 0x80 {
			return false
		}
	}
	return true
}

// An id has one spelling, and names a partition that exists.
func FuzzParseCallbackID(f *testing.F) {
	f.Add(string(keys(f, "k1").Identify("task")[0].ID))
	f.Add("")
	f.Add(strings.Repeat("a", 26))
	f.Add(strings.Repeat("7", 26))
	f.Add(strings.Repeat("A", 26))
	f.Add(strings.Repeat("a", 25) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := relay.ParseCallbackID(text)
		if err != nil {
			if !errors.Is(err, relay.ErrNotFound) || id != "" {
				t.Errorf("%q: %v, and the id %q", text, err, id)
			}
			return
		}
		if string(id) != text || len(text) != 26 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("%q is taken for an id", text)
		}
		if p := id.Partition(); p < 0 || p >= relay.Partitions {
			t.Errorf("partition %d", p)
		}
	})
}
