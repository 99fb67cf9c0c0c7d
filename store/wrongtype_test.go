package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// testSetsOfAnotherType (row 80): a key that is no sorted set stops nothing but
// its own partition, and each step that needs it names it.
func testSetsOfAnotherType(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	lists := map[string]relay.State{"created": "", "deadline": relay.StatePending, "due": relay.StateAnswered}
	for _, state := range relay.States {
		if state.Final() {
			lists[string(state)] = state
		}
	}
	for _, bad := range []string{"due", "deadline", "created", "delivered", "refused", "expired", "cancelled", "aside"} {
		r.must(r.client.FlushAll(ctx).Err())
		r.must(r.client.Set(ctx, "relay:schema", "2", 0).Err())
		answered := r.register("answered")
		r.answer(answered, `1`)
		late, gone := r.beside(answered, "late"), r.beside(answered, "gone")
		_, err := r.Cancel(ctx, gone.ID)
		r.must(err)
		r.pass(answered)
		r.pass(late)
		other := r.beside(relay.Callback{ID: answered.ID.In((answered.ID.Partition() + 1) % relay.Partitions)}, "other")
		key := r.set(other, bad)
		r.must(r.client.Set(ctx, key, "x", 0).Err())
		told := func(what string, sets string, err error) {
			t.Helper()
			if concerned := strings.Contains(sets, bad); concerned != (err != nil) || concerned && !strings.Contains(err.Error(), key) {
				t.Errorf("%s, with a bad %s: %v", what, key, err)
			}
		}

		c, err := r.Census(ctx, time.Hour)
		told("census", "due deadline created delivered refused expired cancelled aside", err)
		counted, pending := c.Callbacks, int64(2)
		if bad == "deadline" {
			pending = 1
		}
		if counted[relay.StateAnswered] != 1 || counted[relay.StatePending] != pending || counted[relay.StateCancelled] != 1 || c.SetAside != 1 {
			t.Errorf("with a bad %s: %+v", key, c)
		}
		for set, state := range lists {
			_, err := r.List(ctx, relay.Query{State: state, Limit: 10})
			told("list of "+set, set, err)
			if err != nil && !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("list of %s: %v", set, err)
			}
		}
		// A stray elsewhere is set aside all the same, and is in nobody's way.
		r.must(r.client.ZAdd(ctx, r.set(late, "deadline"), redis.Z{Score: 1, Member: "stray"}, redis.Z{Score: 2, Member: "stray 2"}).Err())
		r.must(r.client.Del(ctx, r.key(gone)).Err())
		r.must(r.client.ZAdd(ctx, r.set(gone, "cancelled"), redis.Z{Score: 1, Member: string(gone.ID)}).Err())

		claimed, err := r.Claim(ctx, 10)
		told("claim", "due", err)
		if len(claimed) != 1 || claimed[0].ID != answered.ID {
			t.Errorf("claimed %d with a bad %s", len(claimed), key)
		}
		n, err := r.Expire(ctx, 1)
		if n != 1 || err == nil || !strings.Contains(err.Error(), "set aside") {
			t.Errorf("ended %d with a bad %s: %v", n, key, err)
		}
		_, err = r.Expire(ctx, 1)
		told("expire", "deadline", err)
		n, err = r.Trim(ctx)
		told("trim", "delivered refused expired cancelled", err)
		if n != 1 || r.inSet(gone, "created") {
			t.Errorf("trimmed %d with a bad %s", n, key)
		}
	}
}
