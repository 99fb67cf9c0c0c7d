package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// twin puts a second callback beside one, with an id that begins with the same
// characters and then differs.
func (r *redisUnderTest) twin(cb relay.Callback, same int) relay.Callback {
	r.t.Helper()
	other := []byte(cb.ID)
	for i := same; i < len(other)-1; i++ { // the last character has unused bits
		other[i] = map[bool]byte{true: 'b', false: 'a'}[other[i] == 'a']
	}
	made := cb
	made.ID = relay.CallbackID(other)
	for field, value := range r.hash(cb) {
		r.must(r.client.HSet(r.t.Context(), r.key(made), field, value).Err())
	}
	at := r.client.ZScore(r.t.Context(), r.set(cb, "created"), string(cb.ID)).Val()
	r.must(r.client.ZAdd(r.t.Context(), r.set(cb, "created"), redis.Z{Score: at, Member: string(made.ID)}).Err())
	return made
}

// A reference finds every callback whose id begins with it, whatever its state, and none
// that is forgotten.
func testReference(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	find := func(reference relay.Reference, want ...relay.CallbackID) {
		t.Helper()
		slices.Sort(want)
		for _, atOnce := range []int{2000, 1} { // with many and with few members in each reply
			got, err := r.WithReferenceBounded(ctx, reference, atOnce, 100)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s, %d at once: %v (-want +got)\n%s", reference, atOnce, err, diff)
			}
		}
	}
	cb := r.register("task")
	find(cb.ID.Reference(), cb.ID)
	find(relay.Reference(cb.ID[:25]), cb.ID)
	missing := cb.ID.Reference()[:2] + "222222"
	if _, err := r.WithReference(ctx, missing); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("of no callback: %v", err)
	}

	other := r.twin(cb, 9)
	find(cb.ID.Reference(), cb.ID, other.ID)
	find(relay.Reference(cb.ID[:10]), cb.ID)
	_, err := r.Cancel(ctx, cb.ID)
	r.must(err)
	find(cb.ID.Reference(), cb.ID, other.ID)
	r.must(r.client.Del(ctx, r.key(cb)).Err())
	find(cb.ID.Reference(), other.ID)

	// It stops after a bounded number of callbacks, and says so unless it knows enough.
	if _, err := r.WithReferenceBounded(ctx, relay.Reference(other.ID[:12]), 1, 1); !errors.Is(err, relay.ErrTooManyToSearch) {
		t.Errorf("a search that is too long: %v", err)
	}
	for i := range 12 {
		r.twin(other, 10+i)
	}
	got, err := r.WithReference(ctx, other.ID.Reference())
	if err != nil || len(got) != relay.MaxAmbiguous+1 {
		t.Errorf("of 13: %d, %v", len(got), err)
	}

	// In a Redis that was emptied, nothing can be said to be missing.
	r.must(r.client.FlushAll(ctx).Err())
	if _, err := r.WithReference(ctx, missing); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("in an empty Redis: %v", err)
	}
}
