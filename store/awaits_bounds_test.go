package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

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
	if dropped, err := drop(t.Context(), r.Store, foreign, events[0].Event); err != nil || dropped {
		t.Errorf("as one of another sender: dropped: %v, %v", dropped, err)
	}
	for _, there := range []bool{true, false} {
		dropped, err := drop(t.Context(), r.Store, p.AwaitRef, events[0].Event)
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
		if dropped, err := drop(ctx, r.Store, relay.AwaitRef{Sender: "stripe", Digest: e.Digest}, e.Event); err != nil || !dropped {
			t.Errorf("drop: %v, %v", dropped, err)
		}
	}
	p.nothingLeft()
	q.nothingLeft()
}
