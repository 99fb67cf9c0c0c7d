package relay_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"callback-relay/relay"
)

// keys makes a ring of keys with the given names, newest first. The same name always
// gives the same key.
func keys(t testing.TB, names ...string) *relay.KeyRing {
	t.Helper()
	entries := make([]string, len(names))
	for i, name := range names {
		entries[i] = name + ":" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-32s", name))
	}
	ring, err := relay.ParseKeyRing(strings.Join(entries, ","))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}
