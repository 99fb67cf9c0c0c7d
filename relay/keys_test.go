package relay_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"callback-relay/relay"
)

func TestParseKeyRing(t *testing.T) {
	good, err := relay.NewMasterKey("k1")
	if err != nil {
		t.Fatal(err)
	}
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for _, c := range []struct{ in, want string }{
		{"", "entry 1: want name:base64"},
		{"k1", "no colon"},
		{":AAAA", "1 to 16 characters"},
		{"K1:AAAA", "1 to 16 characters"},
		{"k1:????", "standard base64"},
		{"k1:" + short, "want 32 bytes, got 31"},
		{good + "," + good, `entry 2: the name "k1" is taken`},
		{good + ",", "entry 2"},
	} {
		_, err := relay.ParseKeyRing(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.in, err, c.want)
			continue
		}
		if secret := strings.TrimPrefix(good, "k1:"); strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a key: %v", err)
		}
	}
	if _, err := relay.ParseKeyRing(" " + good + " "); err != nil {
		t.Errorf("with blanks around: %v", err)
	}
	// All mistakes at once.
	_, err = relay.ParseKeyRing("a,b")
	if err == nil || !strings.Contains(err.Error(), "entry 1") || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("two mistakes: %v", err)
	}
	if _, err := relay.NewMasterKey("Not good"); err == nil {
		t.Error("a key with an unusable name was made")
	}
}

// The derivation is part of the keyspace: a release that changes it would break every
// existing link.
func TestDerivationIsStable(t *testing.T) {
	ring := keys(t, "k1")
	identity := ring.Identify("task")[0]
	link := ring.LinkKey(identity.ID, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}, Number: 3}, "k1")
	if got, want := string(identity.ID), "ed55mp72lqcv7lxk2qk533kau4"; got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	if got, want := link.Reveal(), "ed55mp72lqcv7lxk2qk533kau4b5zp6atgbsqiucaamtn3u4uq3a"; got != want {
		t.Errorf("link key %s, want %s", got, want)
	}
	link = ring.LinkKey(identity.ID, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}, Number: 3, Generation: "00c0ffee"}, "k1")
	if got, want := link.Reveal(), "ed55mp72lqcv7lxk2qk533kau4bqbqh75z2bo34p32sao4mbmrk52juyim"; got != want {
		t.Errorf("link key with a generation %s, want %s", got, want)
	}
}

func TestResolve(t *testing.T) {
	t.Run("with a generation", func(t *testing.T) { testResolve(t, relay.NewGeneration(), 58) })
	t.Run("without one", func(t *testing.T) { testResolve(t, "", 52) })
}

func testResolve(t *testing.T, generation relay.Generation, chars int) {
	ring := keys(t, "k2", "k1")
	id := ring.Identify("task")[1].ID // k1's
	webhook := relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}, Number: 7, Generation: generation}
	key := ring.LinkKey(id, webhook, "k1").Reveal()
	if len(key) != chars || key != strings.ToLower(key) {
		t.Fatalf("link key has the form %q", key)
	}

	for name, spelled := range map[string]string{"as made": key, "in upper case": strings.ToUpper(key)} {
		ref, err := ring.Resolve(spelled, []relay.LinkKind{{Type: relay.LinkHeartbeat}, {Type: relay.LinkWebhook}})
		if err != nil || ref.ID != id || ref.Number != 7 || ref.Type != relay.LinkWebhook || ref.Generation != generation {
			t.Errorf("%s: %v, %v", name, ref, err)
		}
	}
	// Any change makes a key invalid. The last character has unused bits, and other
	// spellings of the same bytes must not work either.
	for at := range key {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
			forged := key[:at] + string(c) + key[at+1:]
			if forged == key {
				continue
			}
			if _, err := ring.Resolve(forged, []relay.LinkKind{{Type: relay.LinkWebhook}, {Type: relay.LinkHeartbeat}}); !errors.Is(err, relay.ErrNotFound) {
				t.Fatalf("with %c at %d: %v", c, at, err)
			}
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "short": key[1:], "long": key + "a", "padding": key[:chars-1] + "=",
		"the other length": (key + key)[:52+58-chars],
		"line end":         key[:chars-1] + "\n", "digit 1": "1" + key[1:], "not ASCII": "ä" + key[2:],
	} {
		if _, err := ring.Resolve(bad, []relay.LinkKind{{Type: relay.LinkWebhook}}); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ring.Resolve(key, []relay.LinkKind{{Type: relay.LinkHeartbeat}}); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("as a link of another type: %v", err)
	}
	if _, err := keys(t, "k2").Resolve(key, []relay.LinkKind{{Type: relay.LinkWebhook}}); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("without its master key: %v", err)
	}
	// The key has left the ring: links are made with the newest key, and they work.
	again := keys(t, "k2").LinkKey(id, webhook, "k1").Reveal()
	if ref, err := keys(t, "k2").Resolve(again, []relay.LinkKind{{Type: relay.LinkWebhook}}); err != nil || ref.ID != id {
		t.Errorf("made anew: %v, %v", ref, err)
	}
}

func TestDigest(t *testing.T) {
	ring := keys(t, "k1")
	ref := func(task relay.TaskToken, number byte) relay.LinkRef {
		link := relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}, Number: number}
		got, err := ring.Resolve(ring.LinkKey(ring.Identify(task)[0].ID, link, "k1").Reveal(), []relay.LinkKind{link.LinkKind})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	success := relay.NewOutcome(relay.OutcomeSuccess, "", []byte(`"x"`))
	digest := ref("task", 0).Digest(success)
	if digest != ref("task", 1).Digest(success) {
		t.Error("two links of a callback disagree about the same outcome")
	}
	for name, other := range map[string]string{
		"another callback": ref("task2", 0).Digest(success),
		"another output":   ref("task", 0).Digest(relay.NewOutcome(relay.OutcomeSuccess, "", []byte(`"y"`))),
		"a failure":        ref("task", 0).Digest(relay.NewOutcome(relay.OutcomeFailure, "", []byte(`"x"`))),
		"an error's name":  ref("task", 0).Digest(relay.NewOutcome(relay.OutcomeFailure, `"x"`, nil)),
	} {
		if other == digest {
			t.Errorf("%s has the same digest", name)
		}
	}
}

func TestSeal(t *testing.T) {
	old, both, gone := keys(t, "k1"), keys(t, "k2", "k1"), keys(t, "k2")
	id, other := old.Identify("a")[0].ID, old.Identify("b")[0].ID
	sealed := old.Seal(id, "outcome", []byte("payload"))
	if strings.Contains(string(sealed), "payload") {
		t.Fatal("sealing leaves the value in the clear")
	}
	if again := old.Seal(id, "outcome", []byte("payload")); string(again) == string(sealed) {
		t.Error("sealing the same twice gives the same: the nonce is not random")
	}
	if plain, err := both.Open(id, "outcome", sealed); err != nil || string(plain) != "payload" {
		t.Errorf("after a rotation: %q, %v", plain, err)
	}
	tampered := append([]byte(nil), sealed...)
	tampered[len(tampered)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another callback": func() ([]byte, error) { return old.Open(other, "outcome", sealed) },
		"another field":    func() ([]byte, error) { return old.Open(id, "taskToken", sealed) },
		"tampered":         func() ([]byte, error) { return old.Open(id, "outcome", tampered) },
		"no master key":    func() ([]byte, error) { return gone.Open(id, "outcome", sealed) },
		"empty":            func() ([]byte, error) { return old.Open(id, "outcome", nil) },
		"cut":              func() ([]byte, error) { return old.Open(id, "outcome", sealed[:5]) },
	} {
		if plain, err := open(); !errors.Is(err, relay.ErrSealed) || plain != nil {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
}

func TestCallbackID(t *testing.T) {
	id := keys(t, "k1").Identify("task")[0].ID
	if got, err := relay.ParseCallbackID(string(id)); got != id || err != nil {
		t.Errorf("%s: %s, %v", id, got, err)
	}
	for _, bad := range []string{"", "abc", strings.ToUpper(string(id)), string(id) + "a", string(id[:25]) + "b", string(id[:25]) + "!"} {
		if _, err := relay.ParseCallbackID(bad); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	seen := map[int]bool{}
	for i := range 4096 {
		seen[keys(t, "k1").Identify(relay.TaskToken(strings.Repeat("x", i+1)))[0].ID.Partition()] = true
	}
	if len(seen) != relay.Partitions {
		t.Errorf("4096 ids fall into %d partitions, want all %d", len(seen), relay.Partitions)
	}
}
