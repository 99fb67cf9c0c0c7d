package store_test

import (
	"context"
	"slices"
	"testing"

	"callback-relay/relay"
	"callback-relay/store"
)

// tracing is a tracer whose contexts are texts.
type tracing struct{ links []string }

type tracingKey struct{}

func within(ctx context.Context, trace string) context.Context {
	return context.WithValue(ctx, tracingKey{}, trace)
}

func (tr *tracing) Trace(ctx context.Context) string {
	text, _ := ctx.Value(tracingKey{}).(string)
	return text
}

func (tr *tracing) Link(ctx context.Context, kept string) {
	tr.links = append(tr.links, kept+" from "+tr.Trace(ctx))
}

// The trace context of a registration is stored for its answer, and that of the
// answer for its deliveries, until the callback ends. Without tracing no context is
// stored, but one that another replica has stored is passed on.
func testTraceContexts(t *testing.T, r *redisUnderTest) {
	var tr tracing
	s := store.New(r.client, store.Options{
		Keys: r.keys, Lease: lease, Retention: retention, Durability: r.durability, Tracer: &tr,
	})
	ctx := t.Context()
	register := func(task relay.TaskToken, trace string, change ...func(*relay.Registration)) relay.Callback {
		t.Helper()
		cb, _, err := s.Create(within(ctx, trace), relay.Prepare(r.keys, registration(task, change...), maxExpiry))
		r.must(err)
		if kept, want := r.hash(cb)["trace"], trace; kept != want {
			t.Errorf("kept %q of the registration, want %q", kept, want)
		}
		return cb
	}
	answer := func(cb relay.Callback, trace, want string) relay.Delivery {
		t.Helper()
		got, err := s.Answer(within(ctx, trace), r.link(cb, "default"), success(`1`), nil)
		r.must(err)
		if got.Delivery.Trace != want || r.hash(cb)["trace"] != want {
			t.Errorf("the delivery has %q and kept is %q, want %q", got.Delivery.Trace, r.hash(cb)["trace"], want)
		}
		return *got.Delivery
	}
	cb := register("task", "registration")
	d := answer(cb, "answer", "answer")
	r.settle(d, relay.Settlement{State: relay.StateAnswered})
	again := r.claimOne()
	if again.Trace != "answer" {
		t.Errorf("the next attempt follows from %q", again.Trace)
	}
	r.settle(again, relay.Settlement{State: relay.StateDelivered, Confirmed: true})

	cancelled := register("cancelled", "registration")
	_, err := s.Cancel(ctx, cancelled.ID)
	r.must(err)
	ignored := register("ignored", "registration", ignoring)
	expired := register("expired", "registration")
	r.pass(ignored)
	r.pass(expired)
	if n, err := s.Expire(ctx, 10); n != 2 || err != nil {
		t.Errorf("expired %d, %v", n, err)
	}
	if d := r.claimOne(); d.ID != expired.ID || d.Trace != "registration" {
		t.Errorf("the delivery of an expiry follows from %q", d.Trace)
	}
	for _, over := range []relay.Callback{cb, cancelled, ignored} {
		if kept := r.hash(over); kept["trace"] != "" {
			t.Errorf("%s, and its trace context is still kept", kept["state"])
		}
	}
	answer(register("answered without traces", "registration"), "", "registration")
	answer(register("registered without traces", ""), "answer", "answer")
	answer(register("without traces", ""), "", "")
	want := []string{"registration from answer", "registration from "}
	if !slices.Equal(tr.links, want) {
		t.Errorf("links %q, want %q", tr.links, want)
	}
}
