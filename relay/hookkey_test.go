package relay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"callback-relay/relay"
)

// A hook's key is found among the configured hooks, whichever master key of the ring made
// it. Nothing else is.
func TestHookKeys(t *testing.T) {
	names := []string{"github", "slack", "stripe"}
	before, rotated, after := keys(t, "k1"), keys(t, "k2", "k1"), keys(t, "k2")
	key := before.HookKey("stripe").Reveal()
	if !regexp.MustCompile(`^[a-z2-7]{52}$`).MatchString(key) || strings.Contains(key, "stripe") {
		t.Errorf("key %q", key)
	}
	for ring, finds := range map[*relay.KeyRing]bool{before: true, rotated: true, after: false} {
		for _, text := range []string{key, strings.ToUpper(key)} {
			if got, err := ring.ParseHookKey(text, names); (got == "stripe") != finds || finds == errors.Is(err, relay.ErrNotFound) {
				t.Errorf("%q, %v, found: %v", got, err, finds)
			}
		}
	}
	if before.HookKey("stripe") != keys(t, "k1").HookKey("stripe") || before.HookKey("stripe") == before.HookKey("slack") ||
		rotated.HookKey("stripe") != after.HookKey("stripe") {
		t.Error("keys of hooks are not derived from the newest master key and the name")
	}
	if got, err := before.ParseHookKey(key, names[:2]); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("no longer configured: %q, %v", got, err)
	}
	id := before.Identify("t")[0].ID
	link := before.LinkKey(id, relay.Link{LinkKind: kind(relay.LinkWebhook)}, "k1").Reveal()
	flipped := []byte(key)
	flipped[20] ^= 1
	for _, forged := range []string{"", "stripe", key[:51], key + "a", string(flipped), strings.Repeat("a", 52), strings.Repeat("1", 52), link, key[:51] + "K"} {
		if got, err := before.ParseHookKey(forged, names); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%q: %q, %v", forged, got, err)
		}
		if _, err := before.Resolve(key, relay.MachineLinks); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("a hook's key as that of a link: %v", err)
		}
	}
	text, err := json.Marshal(before.HookKey("stripe"))
	for _, shown := range []string{fmt.Sprintf("%s %v %q %d", before.HookKey("stripe"), before.HookKey("stripe"), before.HookKey("stripe"), before.HookKey("stripe")), string(text), slog.AnyValue(before.HookKey("stripe")).Resolve().String()} {
		if strings.Contains(shown, key[:10]) || err != nil {
			t.Errorf("shown: %s, %v", shown, err)
		}
	}
}

// Waiters are read as they were written, and nothing else is.
func TestWaiters(t *testing.T) {
	id := keys(t, "k1").Identify("t")[0].ID
	for _, w := range []relay.Waiter{{ID: id, Number: 255, Generation: "01234567", Key: "k1"}, {ID: id, Key: "a-2"}} {
		if got, err := relay.ParseWaiter(w.String()); got != w || err != nil {
			t.Errorf("%+v: %+v, %v", w, got, err)
		}
	}
	for _, text := range []string{"", "a b c d", string(id), string(id) + " 256 - k1", string(id) + " -1 - k1", string(id) + " 1 - k1 x"} {
		if got, err := relay.ParseWaiter(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Whoever knows the sender and the key cannot compute where they are kept, and no two
// pairs share a place.
func TestAwaitKeys(t *testing.T) {
	ring := keys(t, "k2", "k1")
	seen := map[relay.AwaitDigest]string{}
	for _, pair := range [][2]string{{"stripe", "pi_1"}, {"stripe", "pi_2"}, {"github", "pi_1"}, {"stripep", "i_1"}, {"strip", "epi_1"}} {
		for i, key := range ring.AwaitKeys(pair[0], pair[1]) {
			what := fmt.Sprint(pair, i)
			if other, taken := seen[key.Digest]; taken {
				t.Errorf("%s and %s share a digest", what, other)
			}
			seen[key.Digest] = what
			if _, err := relay.ParseCallbackID(string(key.Digest)); err != nil || key.Digest.Partition() >= relay.Partitions {
				t.Errorf("digest %s: %v", key.Digest, err)
			}
			if older := keys(t, "k1").AwaitKeys(pair[0], pair[1])[0]; (i == 1) != (older.Digest == key.Digest) {
				t.Errorf("%s under k1: %s, %s", what, older.Digest, key.Digest)
			}
		}
	}
	sealed := ring.SealFor("a", "body", []byte("x"))
	if _, err := ring.OpenFor("b", "body", sealed); !errors.Is(err, relay.ErrSealed) {
		t.Errorf("moved: %v", err)
	}
	if got, err := keys(t, "k3", "k2").OpenFor("a", "body", sealed); string(got) != "x" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}
