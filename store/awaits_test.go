package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

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
