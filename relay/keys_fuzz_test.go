package relay_test

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"

	"callback-relay/relay"
)

// ringMistake matches every error that reading a key ring may return. The only text of
// the operator's that it may quote is a name where a name belongs: somebody may have put
// a key in the wrong place.
var ringMistake = regexp.MustCompile(`^entry \d+: (want name:base64, found no colon` +
	`|want a name of 1 to 16 characters a-z, 0-9 or - before the colon` +
	`|key "[a-z0-9-]{1,16}": want standard base64 of 32 bytes` +
	`|key "[a-z0-9-]{1,16}": want 32 bytes, got \d+` +
	`|the name "[a-z0-9-]{1,16}" is taken by an earlier entry)$`)

// A text that is accepted as a ring works as one: each key makes ids and links that the
// whole ring recognises, and opens what it sealed. A text that is refused is not quoted.
func FuzzParseKeyRing(f *testing.F) {
	key := func(name, fill string) string {
		return name + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
	}
	for _, text := range []string{
		key("k1", "a"), key("k2", "b") + "," + key("k1", "a"), " " + key("k1", "a") + "\n", key("a-name-of-16-cha", "\xff"),
		key("k1", "a") + "," + key("k1", "b"), key("k1", "a") + ",", ",", "", ":", "k1", "k1:", "K1:AAAA", key("k1", "aa"),
		strings.TrimRight(key("k1", "a"), "="), strings.Replace(key("k1", "a"), ":", "::", 1),
		key("k1", "a")[3:] + ":k1", "k1:" + strings.Repeat("YWFh\n", 10) + "YWE=", strings.ReplaceAll(key("k1", "\xff"), "/", "_"),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := relay.ParseKeyRing(text)
		if err != nil {
			if ring != nil {
				t.Error("a mistake, and yet a ring")
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !ringMistake.MatchString(line) {
					t.Errorf("the error may quote a key: %q", line)
				}
			}
			return
		}
		ids := ring.Identify("task")
		if want := strings.Count(text, ",") + 1; len(ids) != want {
			t.Fatalf("%d keys of %d entries", len(ids), want)
		}
		names := map[string]bool{}
		for _, identity := range ids {
			if names[identity.Key] {
				t.Errorf("two keys are called %q", identity.Key)
			}
			names[identity.Key] = true
			if _, err := relay.ParseCallbackID(string(identity.ID)); err != nil {
				t.Errorf("id %q: %v", identity.ID, err)
			}
			link := relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}, Number: 3}
			ref, err := ring.Resolve(ring.LinkKey(identity.ID, link, identity.Key).Reveal(), []relay.LinkKind{{Type: relay.LinkWebhook}})
			if err != nil || ref.ID != identity.ID || ref.Number != 3 {
				t.Errorf("a link of %q: %s %d, %v", identity.Key, ref.ID, ref.Number, err)
			}
		}
		plain, err := ring.Open(ids[0].ID, "f", ring.Seal(ids[0].ID, "f", []byte("plain")))
		if err != nil || string(plain) != "plain" {
			t.Errorf("what it sealed opens as %q, %v", plain, err)
		}
	})
}

// Only values that the ring sealed for the same callback and field open.
func FuzzOpen(f *testing.F) {
	ring := keys(f, "k2", "k1")
	id := ring.Identify("task")[0].ID
	sealed := ring.Seal(id, "taskToken", []byte("plain"))
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add(append([]byte("k1"), sealed[2:]...))
	f.Add([]byte("k2:"))
	f.Add([]byte("k3:" + strings.Repeat("x", 40)))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, box []byte) {
		plain, err := ring.Open(id, "taskToken", box)
		switch {
		case err == nil && string(plain) != "plain": // sealed by the seeds of this run or of another
			t.Errorf("%q opens as %q", box, plain)
		case err != nil && (!errors.Is(err, relay.ErrSealed) || plain != nil):
			t.Errorf("%v, with %d bytes", err, len(plain))
		}
		if _, err := ring.Open(id, "outcome", box); !errors.Is(err, relay.ErrSealed) {
			t.Errorf("it opens in another field: %v", err)
		}
	})
}
