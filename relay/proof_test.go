package relay_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"callback-relay/relay"
)

// ringOf returns a ring of master keys, each made of one letter.
func ringOf(t *testing.T, letters string) *relay.KeyRing {
	t.Helper()
	var entries []string
	for _, letter := range letters {
		secret := strings.Repeat(string(letter), 32)
		entries = append(entries, string(letter)+":"+base64.StdEncoding.EncodeToString([]byte(secret)))
	}
	ring, err := relay.ParseKeyRing(strings.Join(entries, ","))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// TestProof: relays with the same master keys recognise each other, even while a key is
// being rotated, and recognise nobody else.
func TestProof(t *testing.T) {
	const nonce = "0123456789abcdef"
	for _, tt := range []struct {
		proves, checks string
		want           bool
	}{
		{"a", "a", true},
		{"a", "ab", true},
		{"ba", "ab", true},
		{"a", "b", false},
		{"ca", "ab", false},
	} {
		proof, ok := ringOf(t, tt.proves).Prove(nonce)
		if got := ringOf(t, tt.checks).Proves(nonce, proof); !ok || got != tt.want {
			t.Errorf("%s recognises %s: %v, want %v", tt.checks, tt.proves, got, tt.want)
		}
	}
	ring := ringOf(t, "a")
	proof, _ := ring.Prove(nonce)
	if ring.Proves(nonce+"0", proof) || ring.Proves(nonce, "") || ring.Proves(nonce, proof+"A") {
		t.Error("a proof of something else is taken")
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 65), "0123456789abcde ", "0123456789abcdé"} {
		if _, ok := ring.Prove(bad); ok {
			t.Errorf("%q is taken for a nonce", bad)
		}
	}
}
