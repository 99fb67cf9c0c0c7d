package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"callback-relay/relay"
)

// payload makes a JSON document that would not survive being decoded and
// encoded again (row 29). No two are alike.
func payload(rnd *rand.Rand) []byte {
	head := fmt.Sprintf("{\"id\" :\t\"%016x\", \"n\":%d%d, \"n\": 1e999,\r\n \"lone\":\"\\ud800\", \"esc\":\"\\u00e9é\", \"pad\":\"",
		rnd.Uint64(), rnd.Uint64()|1, rnd.Uint64())
	const tail = "\" , \"z\":[ ] }\n"
	var size int
	switch n := rnd.IntN(100); {
	case n < 80:
		size = rnd.IntN(2 << 10)
	case n < 96:
		size = rnd.IntN(32 << 10)
	case n < 98:
		size = rnd.IntN(relay.MaxOutputBytes)
	default:
		size = relay.MaxOutputBytes // exactly the limit
	}
	size = max(size, len(head)+len(tail))
	return []byte(head + strings.Repeat("x", size-len(head)-len(tail)) + tail)
}

func TestPayload(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	largest := 0
	for range 2000 {
		body := payload(rnd)
		largest = max(largest, len(body))
		if !json.Valid(body) {
			t.Fatalf("not JSON: %s", body[:100])
		}
	}
	if largest != relay.MaxOutputBytes {
		t.Errorf("largest %d", largest)
	}
}
