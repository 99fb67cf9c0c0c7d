package relay

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
)

// An id keeps its rank when it is mapped to another partition, and is unchanged when it
// is mapped back.
func TestIDsInOtherPartitions(t *testing.T) {
	for range 20_000 {
		raw := make([]byte, 2*idBytes)
		_, _ = rand.Read(raw)
		copy(raw[2:idBytes], raw[idBytes+2:]) // the ids differ only in their first characters
		raw[idBytes] = raw[idBytes]&^0x3f | raw[0]&0x3f
		a, b := CallbackID(base32Lower.EncodeToString(raw[:idBytes])), CallbackID(base32Lower.EncodeToString(raw[idBytes:]))
		to := int(raw[5]) % Partitions
		if got := a.In(to); got.Partition() != to || got.In(a.Partition()) != a {
			t.Fatalf("%s in partition %d is %s of %d, and back %s", a, to, got, got.Partition(), got.In(a.Partition()))
		}
		if before, after := strings.Compare(string(a), string(b)), strings.Compare(string(a.In(to)), string(b.In(to))); before != after {
			t.Fatalf("%s and %s compare as %d, in partition %d as %d", a, b, before, to, after)
		}
	}
	if strange := CallbackID("x"); strange.In(3) != strange {
		t.Error("what is no id was changed")
	}
	// One id of each partition: in order, no partition repeats before all have appeared.
	var all []CallbackID
	first := CallbackID(base32Lower.EncodeToString(make([]byte, idBytes)))
	for p := range Partitions {
		all = append(all, first.In(p))
	}
	if slices.Sort(all); len(slices.Compact(all)) != Partitions {
		t.Error("two partitions have one id")
	}
}
