package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
)

// awaiting registers a callback that waits for a key of a sender's hook, beside a link.
func awaiting(sender, key string) func(*relay.Registration) {
	return func(reg *relay.Registration) {
		reg.Links = map[string]relay.LinkRequest{"default": webhookLink}
		reg.Awaits = map[string]relay.Guard{"paid": {Sender: sender, Key: key}}
	}
}

// topic is the place of a key under the newest master key, and what tests do there.
type topic struct {
	*redisUnderTest
	relay.AwaitKey
}

func (r *redisUnderTest) topic(sender, key string) topic {
	return topic{r, r.keys.AwaitKeys(sender, key)[0]}
}

func (r *redisUnderTest) waiter(cb relay.Callback) relay.Waiter {
	for _, link := range cb.Links {
		if link.Name == "paid" {
			return relay.Waiter{ID: cb.ID, Number: link.Number, Generation: link.Generation, Key: cb.Key}
		}
	}
	r.t.Fatal("no await")
	return relay.Waiter{}
}

// waits registers a callback that waits for the topic, and joins.
func (p topic) waits(task string) relay.Waiter {
	p.t.Helper()
	w := p.waiter(p.register(relay.TaskToken(task), awaiting(p.Sender, "k")))
	p.join(w)
	return w
}

func (p topic) join(w relay.Waiter) relay.Matching {
	p.t.Helper()
	m, err := p.Join(p.t.Context(), p.AwaitRef, w, time.Now().Add(time.Hour))
	p.must(err)
	return m
}

func hookEvent(sender, id string) relay.HookEvent {
	return relay.HookEvent{
		Sender: sender, ID: id, Type: "payment.paid", Header: http.Header{"X-Id": {id}}, Query: "a=1",
		Body: []byte(`{"secret":"of ` + id + `"}`), At: time.UnixMilli(1_700_000_000_000).UTC(),
	}
}

func (p topic) event(id string) relay.Added {
	p.t.Helper()
	added, err := p.AddEvent(p.t.Context(), p.AwaitKey, hookEvent(p.Sender, id), relay.AddOptions{Keep: time.Minute, IfNobody: relay.KeepEvent})
	p.must(err)
	return added
}

func (p topic) serve(event string, w relay.Waiter, use relay.Use, leaves bool) relay.Matching {
	p.t.Helper()
	m, err := p.Serve(p.t.Context(), p.AwaitRef, event, w, relay.Fate{Use: use, Leaves: leaves})
	p.must(err)
	return m
}

// take takes the digest over, which must have something to do.
func (p topic) take() relay.Matching {
	p.t.Helper()
	taken, err := p.TakeMatches(p.t.Context(), 10)
	p.must(err)
	if len(taken) != 1 || taken[0].Await != p.AwaitRef {
		p.t.Fatalf("taken: %+v", taken)
	}
	return taken[0]
}

func (p topic) takeNone() {
	p.t.Helper()
	if taken, err := p.TakeMatches(p.t.Context(), 10); err != nil || len(taken) > 0 {
		p.t.Fatalf("taken: %+v, %v", taken, err)
	}
}

// is compares what is to be done: for each event, by its id, the waiters.
func (p topic) is(when string, m relay.Matching, assigned, used map[string][]relay.Waiter) {
	p.t.Helper()
	names := func(matches []relay.Match) map[string][]relay.Waiter {
		found := map[string][]relay.Waiter{}
		for _, match := range matches {
			e, err := p.Event(p.t.Context(), p.AwaitRef, match.Event)
			p.must(err)
			found[e.ID] = match.Waiters
		}
		return found
	}
	if assigned == nil {
		assigned = map[string][]relay.Waiter{}
	}
	if used == nil {
		used = map[string][]relay.Waiter{}
	}
	if diff := cmp.Diff(assigned, names(m.Assigned)); diff != "" {
		p.t.Errorf("%s: assigned (-want +got)\n%s", when, diff)
	}
	if diff := cmp.Diff(used, names(m.Used)); diff != "" {
		p.t.Errorf("%s: used (-want +got)\n%s", when, diff)
	}
}

// free compares the ids of the free events of the sender.
func (p topic) free(when string, want ...string) []relay.FreeEvent {
	p.t.Helper()
	events, total, err := p.FreeEvents(p.t.Context(), p.Sender, 100)
	p.must(err)
	var got []string
	for _, e := range events {
		got = append(got, e.ID)
	}
	slices.Sort(got) // those of one millisecond have no order
	slices.Sort(want)
	if !cmp.Equal(want, got) || total != len(got) {
		p.t.Errorf("%s: free events %v of %d, want %v", when, got, total, want)
	}
	return events
}

// stored repeats the names of keys, so that a change of the keyspace fails a test.
func (p topic) stored(name string) string {
	return fmt.Sprintf("relay:v1:{%02d}:%s", p.Digest.Partition(), name)
}

// lapse lets an hour pass: of the events, of what is remembered, and of the lease. The
// clock of Redis itself cannot be moved.
func (p topic) lapse() {
	p.t.Helper()
	ctx, hour := p.t.Context(), time.Hour.Milliseconds()
	events := p.stored("events:" + string(p.Digest))
	if text, err := p.client.HGet(ctx, events, "index").Result(); err == nil {
		var index []map[string]any
		p.must(json.Unmarshal([]byte(text), &index))
		for _, e := range index {
			e["at"], e["ends"] = e["at"].(float64)-float64(hour), e["ends"].(float64)-float64(hour)
		}
		moved, err := json.Marshal(index)
		p.must(err)
		p.must(p.client.HSet(ctx, events, "index", moved).Err())
	}
	for _, set := range []string{"free:" + p.Sender, "seen:" + string(p.Digest), "matches"} {
		for _, z := range p.client.ZRangeWithScores(ctx, p.stored(set), 0, -1).Val() {
			p.must(p.client.ZIncrBy(ctx, p.stored(set), -float64(hour), z.Member.(string)).Err())
		}
	}
}

// lets the lease of the digest end.
func (p topic) endLease() {
	p.must(p.client.ZAddXX(p.t.Context(), p.stored("matches"), redis.Z{Score: 1, Member: string(p.Digest)}).Err())
}

// nothingLeft checks that the digest takes no memory any more, except for what it
// remembers of events.
func (p topic) nothingLeft(except ...string) {
	p.t.Helper()
	for _, key := range []string{"events:" + string(p.Digest), "await:" + string(p.Digest), "matches", "free:" + p.Sender} {
		if n := p.client.Exists(p.t.Context(), p.stored(key)).Val(); n > 0 && !strings.Contains(strings.Join(except, " "), key[:5]) {
			p.t.Errorf("%s is left: %v", key, p.client.Type(p.t.Context(), p.stored(key)).Val())
		}
	}
}

// drop removes a free event, and returns whether there was one.
func drop(ctx context.Context, s *store.Store, a relay.AwaitRef, name string) (bool, error) {
	dropped, err := s.DropEvents(ctx, a.Sender, []relay.FreeEvent{{Digest: a.Digest, Event: name}})
	return dropped == 1, err
}
