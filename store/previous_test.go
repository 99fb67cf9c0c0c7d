package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// previous is a script of the previous release: testdata/previous has what
// commit f172353 had in store/scripts.
func (r *redisUnderTest) previous(name string, cb relay.Callback, args ...any) []any {
	r.t.Helper()
	source := ""
	for _, file := range []string{"prelude", name} {
		text, err := os.ReadFile(filepath.Join("testdata", "previous", file+".lua"))
		r.must(err)
		source += string(text) + "\n"
	}
	keys := []string{r.key(cb), r.set(cb, "due")}
	got, err := redis.NewScript(source).Eval(r.t.Context(), r.client, keys, append([]any{string(cb.ID)}, args...)...).Slice()
	r.must(err)
	return got
}

// Row 68: during a rollout two releases lease and settle the same delivery. The
// previous one compares the field fence too. Whichever lost its lease changes
// nothing, and whichever holds it can settle, also twice.
func testLeasesBesideThePreviousRelease(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	claim := func(name string) (fence any) {
		t.Helper()
		r.pass(cb)
		got := r.previous("claim", cb, "answered", 60_000, name)
		if len(got) < 2 || got[0] != "claimed" {
			t.Fatalf("the previous release claims: %v", got)
		}
		return got[1]
	}
	settle := func(fence any, name, state, want string) {
		t.Helper()
		if got := r.previous("settle", cb, fence, "answered", state, "timeout", "0", 0, 0, 0, time.Hour.Milliseconds(), name); got[0] != want {
			t.Errorf("the previous release settles: %v, want %s", got, want)
		}
	}
	late := func(when string, d relay.Delivery) {
		t.Helper()
		before := r.hash(cb)
		if held, err := r.Settle(t.Context(), d, relay.Settlement{State: relay.StateRefused}); held || err != nil {
			t.Errorf("%s: a lost lease settles: %v, %v", when, held, err)
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("%s: a lost lease changed something:\n%s", when, diff)
		}
	}

	answered := r.answer(cb, `1`)
	fence := claim("old 1")
	late("the previous release has it", answered)
	settle(fence, "old 1", "answered", "settled")
	settle(fence, "old 1", "answered", "settled")
	late("the previous release settled it", answered)

	r.pass(cb)
	d := r.claimOne()
	settle(fence, "old 1", "refused", "stale")
	again := relay.Settlement{State: relay.StateAnswered, Reason: "timeout"}
	r.settle(d, again)
	r.settle(d, again)
	settle(fence, "old 1", "refused", "stale")

	fence = claim("old 2")
	late("the previous release has it again", d)
	settle(fence, "old 2", "delivered", "settled")
	settle(fence, "old 2", "delivered", "settled")
	late("the previous release delivered it", answered)
	got, err := r.Get(t.Context(), cb.ID)
	r.must(err)
	if got.State != relay.StateDelivered || got.Delivery.Attempts != 4 {
		t.Errorf("%s after %d attempts, want delivered after 4", got.State, got.Delivery.Attempts)
	}
	r.checkInvariants("settled by the previous release", cb)
}
