package relay_test

import (
	"strings"
	"testing"
)

// What a callback awaits is shown under the newest master key. Without the key that seals it,
// the rest of the callback can still be shown.
func TestAwaitsOfACallback(t *testing.T) {
	f := newFleet(t)
	older, both, newer := f.replica("k1"), f.replica("k2", "k1"), f.replica("k2")
	cb := older.register("task", "pi_1")
	awaits := both.Awaits(t.Context(), cb)
	if len(awaits) != 1 || awaits["paid"].Key != "pi_1" || both.AwaitDigest(awaits["paid"]) != newer.AwaitDigest(awaits["paid"]) ||
		both.AwaitDigest(awaits["paid"]) == older.AwaitDigest(awaits["paid"]) {
		t.Errorf("with both keys: %+v", awaits)
	}
	if awaits := newer.Awaits(t.Context(), cb); len(awaits) != 0 || !strings.Contains(newer.log.String(), string(cb.ID)) {
		t.Errorf("without the key: %+v, log %s", awaits, newer.log)
	}
}
