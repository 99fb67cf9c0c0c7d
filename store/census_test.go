package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
)

func testCensus(t *testing.T, r *redisUnderTest) {
	nobody := map[relay.State]int64{}
	for _, state := range relay.States {
		nobody[state] = 0
	}
	if c, err := r.Census(t.Context(), time.Hour); cmp.Diff(relay.Census{Callbacks: nobody}, c) != "" || err != nil {
		t.Errorf("of an empty keyspace: %+v, %v", c, err)
	}
	ctx, old := t.Context(), time.Now().Add(-72*time.Hour).UnixMilli()
	var all []relay.Callback
	for i := range 9 {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)), ignoring)
		all = append(all, cb)
		switch {
		case i < 2:
			r.settle(r.answer(cb, `1`), relay.Settlement{State: []relay.State{relay.StateDelivered, relay.StateRefused}[i]})
		case i < 5:
			r.settle(r.answer(cb, `1`), relay.Settlement{State: relay.StateAnswered})
		case i == 5: // has less than half an hour left
			_, err := r.Reschedule(ctx, cb.ID, relay.Expires{In: 29 * time.Minute}, maxExpiry)
			r.must(err)
		case i == 6:
			_, err := r.Cancel(ctx, cb.ID)
			r.must(err)
		case i == 7:
			r.pass(cb)
			_, err := r.Expire(ctx, 10)
			r.must(err)
		}
	}
	// One outcome and one pending callback are old.
	r.must(r.client.HSet(ctx, r.key(all[3]), "answered", old).Err())
	r.must(r.client.ZAdd(ctx, r.set(all[5], "created"), redis.Z{Score: float64(old), Member: string(all[5].ID)}).Err())
	c, err := r.Census(ctx, 30*time.Minute)
	r.must(err)
	for what, age := range map[string]*time.Duration{"pending": &c.OldestPending, "answered": &c.OldestAnswered} {
		if *age < 72*time.Hour || *age > 73*time.Hour {
			t.Errorf("the oldest %s is %v old", what, *age)
		}
		*age = 0
	}
	want := relay.Census{NearDeadline: 1, Callbacks: map[relay.State]int64{
		relay.StatePending: 2, relay.StateAnswered: 3, relay.StateDelivered: 1, relay.StateRefused: 1, relay.StateCancelled: 1, relay.StateExpired: 1,
	}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("census (-want +got):\n%s", diff)
	}
}

// timings records what the store reports to the metrics.
type timings struct {
	mu    sync.Mutex
	calls []string
}

func (m *timings) RedisCalled(operation string, failed bool, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if failed {
		operation += " failed"
	}
	if took <= 0 {
		operation += " in no time"
	}
	m.calls = append(m.calls, operation)
}

// take returns what was recorded since its last call.
func (m *timings) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.calls
	m.calls = nil
	return taken
}

// Each round trip is timed once, under the name of its script, with and without
// a wait for copies.
func testTimings(t *testing.T, r *redisUnderTest) {
	var told timings
	s := store.New(r.client, store.Options{
		Keys: r.keys, Lease: lease, Retention: retention, Durability: r.durability, Metrics: &told,
	})
	other := r.register("loads the scripts")
	r.answer(other, `1`)
	ctx := t.Context()
	_, err := s.Claim(ctx, 1) // looks at the keyspace first, once
	r.must(err)
	_, err = s.Announce(ctx, "a", time.Minute) // learns of the other replicas
	r.must(err)
	told.take()

	reg := registration("task")
	cb, _, err := s.Create(ctx, relay.Prepare(r.keys, reg, maxExpiry))
	r.must(err)
	_, err = s.Answer(ctx, r.link(cb, "default"), success(`1`), nil)
	r.must(err)
	_, err = s.Get(ctx, cb.ID)
	r.must(err)
	_, err = s.Trim(ctx)
	r.must(err)
	got := told.take()
	if diff := cmp.Diff([]string{"create", "answer", "hmget"}, got[:min(3, len(got))]); diff != "" {
		t.Errorf("timed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"due"}, got[3:]); diff != "" {
		t.Errorf("of a trim that finds nothing (-want +got):\n%s", diff)
	}
	r.must(r.client.ScriptFlush(ctx).Err())
	told.take()
	_, err = s.Expire(ctx, 1)
	r.must(err)
	for _, call := range told.take() {
		if call != "due" {
			t.Errorf("of a script whose text was sent: %q", call)
		}
	}
	if err := r.client.Get(ctx, "relay:none").Err(); err != redis.Nil { //nolint:errorlint // as it is
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"get"}, told.take()); diff != "" {
		t.Errorf("of a key that is not there (-want +got):\n%s", diff)
	}
	if err := r.client.HGet(ctx, "relay:schema", "x").Err(); err == nil {
		t.Error("a text was read as a hash")
	}
	if diff := cmp.Diff([]string{"hget failed"}, told.take()); diff != "" {
		t.Errorf("of an error (-want +got):\n%s", diff)
	}
}
