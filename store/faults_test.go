package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Row 63: a full Redis accepts nothing new, but lets stored callbacks be finished.
func TestFullRedisDrains(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	r := prepared(t, store.ModeStandalone, redistest.Start(t).URL)
	ctx := t.Context()
	pending, answered := r.register("pending"), r.register("answered")
	expiring, lapsing := r.register("expiring"), r.register("lapsing", ignoring)
	kept := r.register("kept")
	r.settle(r.answer(kept, `1`), relay.Settlement{State: relay.StateDelivered})
	r.must(r.client.ZAdd(ctx, r.set(kept, "delivered"), redis.Z{Score: 1, Member: string(kept.ID)}).Err())
	r.answer(answered, `{"a":1}`)
	r.pass(answered)
	r.pass(expiring)
	r.pass(lapsing)
	r.must(r.client.ConfigSet(ctx, "maxmemory", "1").Err())

	if _, _, err := r.Create(ctx, registration("new"), maxExpiry); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("create: %v, want ErrUnavailable", err)
	}
	before := r.hash(pending)
	if _, err := r.Answer(ctx, r.link(pending, "default"), success(`2`), nil); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("answer: %v, want ErrUnavailable", err)
	}
	if fmt.Sprint(r.hash(pending)) != fmt.Sprint(before) || r.inSet(pending, "due") {
		t.Error("a refused answer was partly stored")
	}

	if n, err := r.Expire(ctx, 10); n != 2 || err != nil {
		t.Errorf("expired %d, %v, want 2", n, err)
	}
	claimed, err := r.Claim(ctx, 10)
	if len(claimed) != 2 || err != nil {
		t.Fatalf("claimed %d, %v, want 2", len(claimed), err)
	}
	r.settle(claimed[0], relay.Settlement{State: relay.StateDelivered, Confirmed: true})
	r.settle(claimed[1], relay.Settlement{State: relay.StateAnswered, Reason: "timeout"})
	if _, err := r.Cancel(ctx, pending.ID); err != nil {
		t.Errorf("cancel: %v", err)
	}
	if _, err := r.Trim(ctx); err != nil {
		t.Errorf("trim: %v", err)
	}
	for _, cb := range []relay.Callback{pending, answered, expiring, lapsing, kept} {
		r.checkInvariants("full", cb)
	}
}

// Row 65: a server that forgot the scripts gets them again, even in the middle of
// a pipeline.
func testForgottenScripts(t *testing.T, r *redisUnderTest) {
	forget := func() { r.must(r.client.ScriptFlush(t.Context()).Err()) }
	forget()
	cb := r.register("task")
	forget()
	r.answer(cb, `1`)
	r.pass(cb)
	forget()
	d := r.claimOne()
	forget()
	r.settle(d, relay.Settlement{State: relay.StateDelivered})
}

// Row 9 and invariant 10: a failure of Redis is never taken for a fact about a
// callback.
func TestRedisAway(t *testing.T) {
	client, err := store.Open(store.ModeStandalone, "redis://127.0.0.1:1/0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r := &redisUnderTest{t: t, client: client}
	r.useKeys(newKeys(t, "k1"))
	ctx := t.Context()
	cb := relay.Callback{ID: r.keys.Identify("task")[0].ID, Key: "k1", Links: []relay.Link{{Name: "default", LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}}}
	link := r.link(cb, "default")
	await, waiter := r.keys.AwaitKeys("stripe", "k")[0], relay.Waiter{ID: cb.ID, Key: "k1"}
	waits := relay.Callback{ID: cb.ID, Links: []relay.Link{{Name: "paid", LinkKind: relay.LinkKind{Type: relay.LinkAwait}}}}
	for name, ask := range map[string]func() error{
		"create":  func() error { _, _, err := r.Create(ctx, registration("task"), maxExpiry); return err },
		"answer":  func() error { _, err := r.Answer(ctx, link, success(`1`), nil); return err },
		"waiting": func() error { _, _, err := r.Waiting(ctx, link, false); return err },
		"view":    func() error { _, err := r.View(ctx, link); return err },
		"decide":  func() error { _, err := r.Decide(ctx, link, make([]relay.Decision, 1), nil); return err },
		"guess":   func() error { _, err := r.Guess(ctx, link, false); return err },
		"decline": func() error { return r.Decline(ctx, link, relay.Decline{}) },
		"revoke":  func() error { _, err := r.Revoke(ctx, cb.ID, "default"); return err },
		"add link": func() error {
			_, err := r.AddLink(ctx, cb.ID, "more", webhookLink, func(relay.Callback, *relay.Approval) error { return nil })
			return err
		},
		"reschedule": func() error {
			_, err := r.Reschedule(ctx, cb.ID, relay.Expires{In: time.Hour}, maxExpiry)
			return err
		},
		"cancel": func() error { _, err := r.Cancel(ctx, cb.ID); return err },
		"get":    func() error { _, err := r.Get(ctx, cb.ID); return err },
		"list":   func() error { _, err := r.List(ctx, relay.Query{Limit: 5}); return err },
		"claim":  func() error { _, err := r.Claim(ctx, 5); return err },
		"settle": func() error { _, err := r.Settle(ctx, relay.Delivery{ID: cb.ID}, relay.Settlement{}); return err },
		"expire": func() error { _, err := r.Expire(ctx, 5); return err },
		"trim":   func() error { _, err := r.Trim(ctx); return err },
		"census": func() error { _, err := r.Census(ctx, 0); return err },
		"join":   func() error { _, err := r.Join(ctx, await.AwaitRef, waiter, time.Now()); return err },
		"event": func() error {
			_, err := r.AddEvent(ctx, await, hookEvent("stripe", "evt_1"), relay.AddOptions{Keep: time.Minute})
			return err
		},
		"read event": func() error { _, err := r.Event(ctx, await.AwaitRef, "e"); return err },
		"serve":      func() error { _, err := r.Serve(ctx, await.AwaitRef, "e", waiter, relay.Fate{}); return err },
		"take":       func() error { _, err := r.TakeMatches(ctx, 5); return err },
		"awaiting":   func() error { _, err := r.Awaiting(ctx, []relay.AwaitDigest{await.Digest}); return err },
		"free":       func() error { _, _, err := r.FreeEvents(ctx, "stripe", 5); return err },
		"drop":       func() error { _, err := drop(ctx, r.Store, await.AwaitRef, "e"); return err },
		"awaits of":  func() error { _, err := r.AwaitsOf(ctx, waits); return err },
		"announce":   func() error { _, err := r.Announce(ctx, "a", lease); return err },
		"leave":      func() error { return r.Leave(ctx, "a") },
	} {
		if err := ask(); !errors.Is(err, relay.ErrUnavailable) || errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
	if found := r.Ready(ctx); len(found) != 1 || found[0].Check != store.CheckRedis {
		t.Errorf("ready: %v, want that redis cannot be asked", found)
	}
}
