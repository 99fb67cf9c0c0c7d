package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
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

// Row 105 and its reverse: whichever comes first, the callback gets the event, once.
func testEventAndRegistration(t *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	for _, first := range []string{"event", "registration"} {
		event := "evt_" + first
		var w relay.Waiter
		var m relay.Matching
		if first == "event" {
			if added := p.event(event); added.Verdict != relay.EventKept {
				t.Errorf("nobody waits: %+v", added)
			}
			p.free("kept", event)
			w = r.waiter(r.register(relay.TaskToken(first), awaiting("stripe", "k")))
			m = p.join(w)
		} else {
			w = p.waits(first)
			added := p.event(event)
			if m = added.Matching; added.Verdict != relay.EventMatched {
				t.Errorf("somebody waits: %+v", added)
			}
		}
		p.is(first+" first", m, map[string][]relay.Waiter{event: {w}}, nil)
		p.free(first + " first")
		for _, again := range []string{"before", "after"} {
			if added := p.event(event); added.Verdict != relay.EventDuplicate {
				t.Errorf("%s, sent again %s it was served: %+v", first, again, added)
			}
			if again == "before" {
				p.is("served", p.serve(m.Assigned[0].Event, w, relay.UseSpent, true), nil, nil)
			}
		}
		p.takeNone()
		p.nothingLeft()
	}
	if got, err := r.Event(t.Context(), p.AwaitRef, "none"); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("no such event: %+v, %v", got, err)
	}
}

// An event is returned as it came, and nothing of it is in the clear.
func testEventIsSealed(t *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	p.event("evt_secret")
	free := p.free("kept", "evt_secret")[0]
	if free.Type != "payment.paid" || free.Bytes < 50 || free.Ends.Sub(free.At) != time.Minute || free.Digest != p.Digest {
		t.Errorf("listed: %+v", free)
	}
	got, err := r.Event(t.Context(), p.AwaitRef, free.Event)
	if diff := cmp.Diff(hookEvent("stripe", "evt_secret"), got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for field, value := range r.client.HGetAll(t.Context(), p.stored("events:"+string(p.Digest))).Val() {
		if strings.Contains(value, "evt_secret") || strings.Contains(value, "payment") || strings.Contains(value, "secret") {
			t.Errorf("%s is in the clear: %s", field, value)
		}
	}
	for _, member := range r.client.ZRange(t.Context(), p.stored("seen:"+string(p.Digest)), 0, -1).Val() {
		if strings.Contains(member, "evt_secret") {
			t.Errorf("seen: %s", member)
		}
	}
	moved := r.topic("stripe", "other")
	sealed := r.client.HGet(t.Context(), p.stored("events:"+string(p.Digest)), "body:"+free.Event).Val()
	r.must(r.client.HSet(t.Context(), moved.stored("events:"+string(moved.Digest)), "body:"+free.Event, sealed).Err())
	if _, err := r.Event(t.Context(), moved.AwaitRef, free.Event); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("an event that was moved to another key: %v", err)
	}
}

// Row 107: all who wait get an event. One who is over is removed.
func testSeveralWait(_ *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	a, b, c := p.waits("a"), p.waits("b"), p.waits("c")
	first, second := p.event("evt_1"), p.event("evt_2")
	// Redis orders waiters with equal deadlines by their text.
	all := first.Matching.Assigned[0].Waiters
	if len(all) != 3 {
		r.t.Fatalf("assigned to %v, want %v, %v and %v", all, a, b, c)
	}
	p.is("two events", second.Matching, map[string][]relay.Waiter{"evt_1": all, "evt_2": all}, nil)
	one, two := second.Matching.Assigned[0].Event, second.Matching.Assigned[1].Event
	p.serve(one, a, relay.UsePassed, true)
	p.serve(one, b, relay.UseSpent, true)
	m := p.serve(one, c, relay.UsePassed, false)
	p.is("one of them is served", m, map[string][]relay.Waiter{"evt_2": all}, nil)
	p.serve(two, a, relay.UsePassed, true)
	p.serve(two, b, relay.UsePassed, true)
	p.is("both are", p.serve(two, c, relay.UsePassed, false), nil, nil)
	// Nobody has used the second.
	p.free("passed over", "evt_2")
	p.is("c again", p.join(c), nil, nil)
	d := p.waits("d")
	p.is("d joins", p.join(d), map[string][]relay.Waiter{"evt_2": {d}}, nil)
	if added := p.event("evt_3"); len(added.Matching.Assigned[1].Waiters) != 2 {
		r.t.Errorf("those who wait: %+v", added.Matching)
	}
}

// Row 112: an event that has answered a callback is free again, for those who wait now and
// those who come, if Step Functions refuses the outcome because the task was closed.
func testUsedEvents(t *testing.T, r *redisUnderTest) {
	for _, late := range []bool{false, true} {
		p := r.topic("stripe", fmt.Sprint("k", late))
		w := r.waiter(r.register(relay.TaskToken(fmt.Sprint("first", late)), awaiting("stripe", "k")))
		p.join(w)
		added := p.event("evt_1")
		event := added.Matching.Assigned[0].Event
		m := p.serve(event, w, relay.UseAnswered, true)
		p.is("used", m, nil, map[string][]relay.Waiter{"evt_1": {w}})
		p.free("used")
		if added := p.event("evt_1"); added.Verdict != relay.EventDuplicate {
			t.Errorf("a used event again: %+v", added)
		}
		p.takeNone()
		p.endLease()
		p.is("looked at again", p.take(), nil, map[string][]relay.Waiter{"evt_1": {w}})
		p.takeNone()
		second := r.waiter(r.register(relay.TaskToken(fmt.Sprint("second", late)), awaiting("stripe", "k")))
		if late {
			m := p.join(second)
			p.is("joins while it is used", m, nil, map[string][]relay.Waiter{"evt_1": {w}})
			p.is("refused", p.serve(event, w, relay.UsePassed, true), map[string][]relay.Waiter{"evt_1": {second}}, nil)
		} else {
			p.is("refused", p.serve(event, w, relay.UsePassed, true), nil, nil)
			p.free("refused", "evt_1")
			p.is("joins", p.join(second), map[string][]relay.Waiter{"evt_1": {second}}, nil)
		}
		p.is("has reached its task", p.serve(event, second, relay.UseSpent, true), nil, nil)
		p.nothingLeft()
	}
}

// Row 106: what was assigned and not served is taken over when its lease has ended, by one
// replica at a time. It is never dropped, even long after its time.
func testMatchesAreTakenOver(_ *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	w := p.waits("task")
	added := p.event("evt_1")
	want := map[string][]relay.Waiter{"evt_1": {w}}
	p.takeNone()
	p.lapse()
	p.is("taken over", p.take(), want, nil)
	p.takeNone()
	p.endLease()
	p.is("the next one died too", p.take(), want, nil)
	p.is("joined again", p.join(w), want, nil)
	if ttl := r.client.PTTL(r.t.Context(), p.stored("events:"+string(p.Digest))).Val(); ttl >= 0 {
		r.t.Errorf("an assigned event ends in %s", ttl)
	}
	p.is("passed over, too late for others", p.serve(added.Matching.Assigned[0].Event, w, relay.UsePassed, false), nil, nil)
	p.free("too late")
	p.takeNone()
	p.nothingLeft("await")
}

// Everything ends by itself: events, what is remembered of them, and waiters.
func testAwaitsEnd(t *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	p.event("evt_1")
	ttl := func(key string, want time.Duration) {
		t.Helper()
		if got := r.client.PTTL(t.Context(), p.stored(key)).Val(); got > want || got < want-time.Minute {
			t.Errorf("%s ends in %s, want %s", key, got, want)
		}
	}
	ttl("events:"+string(p.Digest), time.Minute)
	ttl("free:stripe", time.Minute)
	p.lapse()
	p.free("its time is over")
	if added := p.event("evt_1"); added.Verdict != relay.EventKept {
		t.Errorf("nobody has got it, so it is not remembered: %+v", added)
	}
	p.lapse()
	w := p.waits("task")
	ttl("await:"+string(p.Digest), time.Hour)
	p.is("after its time", p.join(w), nil, nil)
	p.nothingLeft("await")
	given := p.event("evt_0")
	p.serve(given.Matching.Assigned[0].Event, w, relay.UsePassed, false)
	ttl("seen:"+string(p.Digest), time.Hour+time.Minute)
	p.lapse()
	if added := p.event("evt_0"); added.Verdict != relay.EventDuplicate {
		t.Errorf("remembered: %+v", added)
	}
	p.lapse()
	if added := p.event("evt_0"); added.Verdict != relay.EventMatched {
		t.Errorf("forgotten: %+v", added)
	}
	if _, err := r.Join(t.Context(), p.AwaitRef, w, time.Now().Add(-time.Second)); err != nil {
		t.Errorf("after its deadline: %v", err)
	}
	p = r.topic("stripe", "other")
	r.must(r.client.ZAdd(t.Context(), p.stored("await:"+string(p.Digest)), redis.Z{Score: 1, Member: w.String()}).Err())
	if added := p.event("evt_2"); added.Verdict != relay.EventKept {
		t.Errorf("whose deadline has passed: %+v", added)
	}
}

func testBoundsOfAwaits(t *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	for i := range relay.MaxFreeEvents + 2 {
		if added := p.event(fmt.Sprint("evt_", i)); (added.Matching.Dropped == 1) != (i >= relay.MaxFreeEvents) {
			t.Errorf("free event %d: %+v", i, added)
		}
	}
	var want []string
	for i := range relay.MaxFreeEvents {
		want = append(want, fmt.Sprint("evt_", i+2))
	}
	if events, _, err := r.FreeEvents(t.Context(), "stripe", 3); err != nil || len(events) != 3 {
		t.Errorf("three of the free events: %d, %v", len(events), err)
	}
	if events, total, err := r.FreeEvents(t.Context(), "stripe", 0); err != nil || len(events) != 0 || total != relay.MaxFreeEvents {
		t.Errorf("only their number: %d, %d, %v", len(events), total, err)
	}
	if added, err := r.AddEvent(t.Context(), p.AwaitKey, hookEvent("stripe", "evt_x"), relay.AddOptions{Keep: time.Minute, IfNobody: relay.DropEvent}); err != nil || added.Verdict != relay.EventIgnored {
		t.Errorf("only matched: %+v, %v", added, err)
	}
	events := p.free("as many as allowed", want...)
	foreign := relay.AwaitRef{Sender: "github", Digest: p.Digest}
	if dropped, err := r.DropEvent(t.Context(), foreign, events[0].Event); err != nil || dropped {
		t.Errorf("as one of another sender: dropped: %v, %v", dropped, err)
	}
	for _, there := range []bool{true, false} {
		dropped, err := r.DropEvent(t.Context(), p.AwaitRef, events[0].Event)
		if r.must(err); dropped != there {
			t.Errorf("dropped: %v, want %v", dropped, there)
		}
	}
	p.free("dropped", slices.DeleteFunc(want, func(id string) bool { return id == events[0].ID })...)

	full := r.topic("stripe", "many")
	var waiters []relay.Waiter
	for i := range relay.MaxWaiters {
		w := relay.Waiter{ID: r.keys.Identify(relay.TaskToken(fmt.Sprint(i)))[0].ID, Number: 1, Generation: "01234567", Key: "k1"}
		full.join(w)
		waiters = append(waiters, w)
	}
	full.join(waiters[0])
	other := relay.Waiter{ID: r.keys.Identify("one more")[0].ID, Generation: "01234567", Key: "k1"}
	_, err := r.Join(t.Context(), full.AwaitRef, other, time.Now().Add(time.Hour))
	var tooMany *relay.TooManyWaitersError
	if !errors.Is(err, relay.ErrTooManyWaiters) || !errors.As(err, &tooMany) || len(tooMany.Waiters) != relay.MaxWaiters {
		t.Errorf("too many: %v", err)
	}
	full.serve("", waiters[0], relay.UsePassed, true)
	full.join(other)

	busy := r.topic("stripe", "busy")
	w := relay.Waiter{ID: other.ID, Generation: "01234567", Key: "k1"}
	busy.join(w)
	for i := range relay.MaxAssigned {
		busy.event(fmt.Sprint("evt_", i))
	}
	_, err = r.AddEvent(t.Context(), busy.AwaitKey, hookEvent("stripe", "evt_more"), relay.AddOptions{Keep: time.Minute, IfNobody: relay.KeepEvent})
	if !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "100 events of its key") {
		t.Errorf("more than can be assigned: %v", err)
	}
	busy.lapse()
	if m := busy.take(); len(m.Assigned) != relay.MaxAssigned {
		t.Errorf("%d are assigned, want %d", len(m.Assigned), relay.MaxAssigned)
	}

	used := r.topic("stripe", "used")
	waits := relay.Waiter{ID: r.keys.Identify("used")[0].ID, Number: 1, Generation: "01234567", Key: "k1"}
	used.join(waits)
	var kept []string
	for i := range relay.MaxUsed + 2 {
		name := used.event(fmt.Sprint("evt_", i)).Matching.Assigned[0].Event
		m := used.serve(name, waits, relay.UseAnswered, false)
		if kept = append(kept, name); len(kept) > relay.MaxUsed {
			kept = kept[1:]
		}
		if len(m.Used) != len(kept) || m.Used[0].Event != kept[0] {
			t.Errorf("used event %d: %d are used, want %d, without the oldest", i, len(m.Used), len(kept))
		}
	}
}

// comes adds an event. If somebody waits, all pass it over. It returns how many free events
// had to make room.
func (p topic) comes(id string) (dropped int) {
	p.t.Helper()
	m := p.event(id).Matching
	for dropped = m.Dropped; len(m.Assigned) > 0; dropped += m.Dropped {
		m = p.serve(m.Assigned[0].Event, m.Assigned[0].Waiters[0], relay.UsePassed, false)
	}
	return dropped
}

// Row 108: however many events come that nobody wants, each key keeps so many. The oldest
// goes, whether nobody waits or those who wait pass all over.
func testFloodOfOneKey(t *testing.T, r *redisUnderTest) {
	for _, waiters := range []int{0, 1, 3} {
		p := r.topic("stripe", fmt.Sprint("waited for by ", waiters))
		for i := range waiters {
			p.join(relay.Waiter{ID: r.keys.Identify(relay.TaskToken(fmt.Sprint(i)))[0].ID, Number: 1, Key: "k1"})
		}
		var want []string
		for i := range 2*relay.MaxFreeEvents + 1 {
			id := fmt.Sprint("evt_", i)
			if dropped := p.comes(id); (dropped == 1) != (i >= relay.MaxFreeEvents) {
				t.Errorf("%d wait: event %d: %d had to make room", waiters, i, dropped)
			}
			want = append(want, id)
		}
		events := p.free(fmt.Sprintf("%d wait", waiters), want[len(want)-relay.MaxFreeEvents:]...)
		joined := p.join(relay.Waiter{ID: r.keys.Identify("next")[0].ID, Number: 1, Key: "k1"})
		if len(joined.Assigned) != relay.MaxFreeEvents {
			t.Errorf("%d wait: who joins gets %d events", waiters, len(joined.Assigned))
		}
		for _, e := range events { // of the others nothing is left
			p.serve(e.Event, relay.Waiter{}, relay.UseSpent, false)
			p.serve(e.Event, joined.Assigned[0].Waiters[0], relay.UsePassed, true)
		}
		p.nothingLeft("await")
	}
}

// Row 108: however many events come that nobody wants, each partition keeps so many of a
// sender. The oldest goes, and other senders are not affected.
func testFloodOfEvents(t *testing.T, r *redisUnderTest) {
	for sender, awaited := range map[string]bool{"stripe": false, "adyen": true} {
		first := r.topic(sender, "k0")
		r.topic("github", "k0").event("evt_0")
		first.comes("evt_0")
		// Those of one millisecond have no order.
		set := first.stored("free:" + sender)
		r.must(r.client.ZIncrBy(t.Context(), set, -1, r.client.ZRange(t.Context(), set, 0, 0).Val()[0]).Err())
		same := 1
		for i := 1; same <= relay.MaxFreePerHook; i++ {
			p := r.topic(sender, fmt.Sprint("k", i))
			if p.Digest.Partition() != first.Digest.Partition() {
				continue
			}
			if awaited {
				p.join(relay.Waiter{ID: r.keys.Identify("task")[0].ID, Number: 1, Key: "k1"})
			}
			same++
			if dropped := p.comes(fmt.Sprint("evt_", i)); (dropped == 1) != (same > relay.MaxFreePerHook) {
				t.Errorf("%s: event %d: %d had to make room", sender, same, dropped)
			}
		}
		if _, total, err := r.FreeEvents(t.Context(), sender, 10); err != nil || total != relay.MaxFreePerHook {
			t.Errorf("%s: %d are left, %v", sender, total, err)
		}
		if n := r.client.Exists(t.Context(), first.stored("events:"+string(first.Digest))).Val(); n != 0 {
			t.Errorf("%s: the oldest is left", sender)
		}
		r.topic("github", "k0").free("another sender", "evt_0")
	}
}

// Row 18: the client may repeat each script whose reply was lost.
func testScriptsOfAwaitsRepeat(t *testing.T, r *redisUnderTest) {
	r.client.AddHook(repeat{})
	p := r.topic("stripe", "k")
	if added := p.event("evt_1"); added.Verdict != relay.EventKept {
		t.Errorf("event: %+v", added)
	}
	w := p.waits("task")
	want := map[string][]relay.Waiter{"evt_1": {w}}
	p.is("join", p.join(w), want, nil)
	added := p.event("evt_2")
	if added.Verdict != relay.EventMatched || len(added.Matching.Assigned) != 2 {
		t.Errorf("event: %+v", added)
	}
	p.is("serve", p.serve(added.Matching.Assigned[1].Event, w, relay.UsePassed, false), want, nil)
	p.is("serve", p.serve(added.Matching.Assigned[0].Event, w, relay.UseAnswered, true), nil, want)
	p.free("repeated", "evt_2")
}

// While a replica is alive that does not know awaits, none is registered: it would not
// take over events. What is already there is still found.
func testAwaitsInARollout(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	r.register("task", awaiting("stripe", "k"))
	for _, older := range []string{"OLD+keyspace2+guards1+guards2+generations", "OLD+keyspace2+guards1+guards2+awaits11+generations"} {
		r.must(r.client.ZAdd(ctx, "relay:v1:replicas", redis.Z{Score: float64(time.Now().UnixMilli()), Member: older}).Err())
		for _, when := range []string{"just started", "announced"} {
			if r.useKeys(r.keys); when == "announced" {
				_, err := r.Announce(ctx, "A", time.Minute)
				r.must(err)
			}
			_, _, err := r.Create(ctx, registration("new", awaiting("stripe", "k")), maxExpiry)
			if !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "does not know awaits") {
				t.Errorf("%s beside %s: %v", when, older, err)
			}
			if _, created, err := r.Create(ctx, registration("task", awaiting("stripe", "k")), maxExpiry); created || err != nil {
				t.Errorf("%s beside %s, repeated: %v, %v", when, older, created, err)
			}
			r.register(relay.TaskToken(when+older), guardedLinks(fullGuard()))
		}
		r.must(r.client.Del(ctx, "relay:v1:replicas").Err())
	}
	_, err := r.Announce(ctx, "A", time.Minute)
	r.must(err)
	r.register("new", awaiting("stripe", "k"))
}

// An await is kept as a guarded link: sealed, compared when the registration is repeated,
// and found by its key.
func testAwaitsAreKept(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	p := r.topic("stripe", "k")
	guard := relay.Guard{Sender: "stripe", Key: "k", Vars: map[string]json.RawMessage{"n": json.RawMessage("1")}}
	full := func(reg *relay.Registration) {
		awaiting("stripe", "k")(reg)
		reg.Awaits["paid"] = guard
	}
	cb := r.register("task", full)
	w := r.waiter(cb)
	if found, err := r.Awaiting(ctx, []relay.AwaitDigest{p.Digest}); err != nil || len(found) > 0 {
		t.Errorf("before it has joined: %+v, %v", found, err)
	}
	p.join(w)
	other := p.waits("other")
	found, err := r.Awaiting(ctx, []relay.AwaitDigest{p.Digest})
	if err != nil || len(found) != 2 || found[0].ID != cb.ID || found[1].ID != other.ID {
		t.Errorf("who waits: %+v, %v", found, err)
	}
	_, _, err = r.Waiting(ctx, r.keys.Await(w), false)
	if diff := cmp.Diff(guard, guardOf(err).Guard); diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	again, err := r.Get(ctx, cb.ID)
	r.must(err)
	awaits, err := r.AwaitsOf(ctx, again)
	if again.Links[slices.IndexFunc(again.Links, func(l relay.Link) bool { return l.Name == "paid" })].Sender != "stripe" {
		t.Errorf("links: %+v", again.Links)
	}
	if diff := cmp.Diff(map[string]relay.Guard{"paid": guard}, awaits); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if text := r.hash(cb)["registration"]; !strings.Contains(text, `["paid","await",1]`) || strings.Contains(text, `"k"`) {
		t.Errorf("registration: %s", text)
	}
	for name, change := range map[string]func(*relay.Registration){
		"key":     func(reg *relay.Registration) { reg.Awaits["paid"] = relay.Guard{Sender: "stripe", Key: "other"} },
		"sender":  func(reg *relay.Registration) { reg.Awaits["paid"] = relay.Guard{Sender: "github", Key: "k"} },
		"vars":    func(reg *relay.Registration) { reg.Awaits["paid"] = relay.Guard{Sender: "stripe", Key: "k"} },
		"no more": func(reg *relay.Registration) { reg.Awaits = nil },
		"a link": func(reg *relay.Registration) {
			reg.Awaits, reg.Links["paid"] = nil, relay.LinkRequest{LinkKind: webhookLink.LinkKind, Guard: &guard}
		},
	} {
		if _, _, err := r.Create(ctx, registration("task", full, change), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
			t.Errorf("another %s: %v, want ErrSettingsDiffer", name, err)
		}
	}
	answered, err := r.Answer(ctx, r.keys.Await(w), success(`1`), passed("evt_1"))
	if err != nil || answered.Delivery == nil {
		t.Fatalf("answer: %+v, %v", answered, err)
	}
	if again, err := r.Answer(ctx, r.keys.Await(w), success(`2`), passed("evt_1")); err != nil || !again.Duplicate {
		t.Errorf("the same event: %+v, %v", again, err)
	}
	found, err = r.Awaiting(ctx, []relay.AwaitDigest{p.Digest})
	if err != nil || len(found) != 1 || found[0].ID != other.ID {
		t.Errorf("who still waits: %+v, %v", found, err)
	}
	_, err = r.Revoke(ctx, other.ID, "paid")
	r.must(err)
	if _, err := r.Answer(ctx, r.keys.Await(other), success(`1`), passed("evt_2")); !errors.Is(err, relay.ErrLinkClosed) {
		t.Errorf("after it was revoked: %v", err)
	}
	if found, err := r.Awaiting(ctx, []relay.AwaitDigest{p.Digest}); err != nil || len(found) > 0 {
		t.Errorf("revoked, it still waits: %+v, %v", found, err)
	}
}

// An event is not for those who get it elsewhere, and looking stores nothing.
func testEventExcept(t *testing.T, r *redisUnderTest) {
	p := r.topic("stripe", "k")
	a, b := p.waits("a"), p.waits("b")
	add := func(id string, ifNobody relay.IfNobody, except ...relay.Waiter) relay.Added {
		t.Helper()
		added, err := r.AddEvent(t.Context(), p.AwaitKey, hookEvent("stripe", id), relay.AddOptions{Keep: time.Minute, IfNobody: ifNobody, Except: except})
		r.must(err)
		return added
	}
	if added := add("evt_1", relay.OnlyLook); added.Verdict != relay.EventIgnored || len(added.Present) != 2 {
		t.Errorf("looked: %+v", added)
	}
	added := add("evt_1", relay.DropEvent, a)
	p.is("except a", added.Matching, map[string][]relay.Waiter{"evt_1": {b}}, nil)
	if added := add("evt_2", relay.DropEvent, a, b); added.Verdict != relay.EventIgnored {
		t.Errorf("for nobody: %+v", added)
	}
	if added := add("evt_1", relay.OnlyLook); added.Verdict != relay.EventDuplicate || len(added.Present) != 2 {
		t.Errorf("looked again: %+v", added)
	}
	p.serve(added.Matching.Assigned[0].Event, b, relay.UsePassed, true)
	p.free("passed over", "evt_1")
	p.is("a joins again", p.join(a), nil, nil)
	if added := add("evt_3", relay.KeepEvent, a); added.Verdict != relay.EventKept {
		t.Errorf("kept for others: %+v", added)
	}
}

// A digest that cannot be read does not hold up the others.
func testDamagedEvents(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	p := r.topic("stripe", "k")
	w := p.waits("task")
	p.event("evt_1")
	p.endLease()
	for i, damage := range []func(key string) error{
		func(key string) error { return r.client.HSet(ctx, key, "index", "no JSON").Err() },
		func(key string) error { return r.client.Set(ctx, key, "no hash", 0).Err() },
	} {
		broken := r.topic("stripe", fmt.Sprint("broken", i))
		r.must(damage(broken.stored("events:" + string(broken.Digest))))
		r.must(r.client.ZAdd(ctx, broken.stored("matches"), redis.Z{Score: 1, Member: string(broken.Digest)}).Err())
		r.must(r.client.ZAdd(ctx, broken.stored("matches"), redis.Z{Score: 1, Member: "no digest"}).Err())
	}
	taken, err := r.TakeMatches(ctx, 10)
	if len(taken) != 1 || err == nil || !strings.Contains(err.Error(), "set aside") {
		t.Fatalf("taken %+v, %v", taken, err)
	}
	p.is("beside damaged ones", taken[0], map[string][]relay.Waiter{"evt_1": {w}}, nil)
	for err != nil { // an entry behind a damaged one is found at the next look
		if taken, err = r.TakeMatches(ctx, 10); len(taken) > 0 {
			t.Fatalf("taken %+v, %v", taken, err)
		}
	}
}

// Row 63: a full Redis accepts no new event and nobody who joins, but what is stored can
// be given.
func TestFullRedisServes(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	r := prepared(t, store.ModeStandalone, redistest.Start(t).URL)
	ctx := t.Context()
	p, q := r.topic("stripe", "k"), r.topic("stripe", "other")
	w := p.waits("task")
	p.event("evt_1")
	q.event("evt_2")
	p.endLease()
	r.must(r.client.ConfigSet(ctx, "maxmemory", "1").Err())
	before := r.client.DBSize(ctx).Val()
	for _, topic := range []topic{p, q} {
		if _, err := r.AddEvent(ctx, topic.AwaitKey, hookEvent("stripe", "evt_3"), relay.AddOptions{Keep: time.Minute, IfNobody: relay.KeepEvent}); !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("event: %v", err)
		}
	}
	if _, err := r.Join(ctx, q.AwaitRef, w, time.Now().Add(time.Hour)); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("join: %v", err)
	}
	if after := r.client.DBSize(ctx).Val(); after != before {
		t.Errorf("%d keys, want %d", after, before)
	}
	q.free("what was refused is not stored", "evt_2")
	m := p.take()
	p.is("taken", m, map[string][]relay.Waiter{"evt_1": {w}}, nil)
	p.is("served", p.serve(m.Assigned[0].Event, w, relay.UsePassed, true), nil, nil)
	for _, e := range p.free("passed over", "evt_1", "evt_2") {
		if dropped, err := r.DropEvent(ctx, relay.AwaitRef{Sender: "stripe", Digest: e.Digest}, e.Event); err != nil || !dropped {
			t.Errorf("drop: %v, %v", dropped, err)
		}
	}
	p.nothingLeft()
	q.nothingLeft()
}
