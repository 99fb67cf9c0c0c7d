package store_test

import (
	"fmt"
	"testing"

	"callback-relay/relay"
)

// For every state and every event, a callback in Redis changes exactly as the
// table in relay/state.go says.
func testEveryStateAndEvent(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	for _, state := range relay.States {
		for _, event := range relay.Events {
			name := fmt.Sprintf("%s in %s", event, state)
			cb := r.register(relay.TaskToken(name), func(reg *relay.Registration) {
				if event == relay.EventLapse || state == relay.StateExpired {
					reg.OnExpiry = relay.OnExpiryIgnore
				}
			})
			d := r.bring(cb, state)
			want, _ := relay.Next(state, event)
			switch event {
			case relay.EventAnswer:
				_, _ = r.Answer(ctx, r.link(cb, "default"), success(`"another"`), nil)
			case relay.EventExpire, relay.EventLapse:
				if state == relay.StatePending {
					r.pass(cb)
				}
				_, err := r.Expire(ctx, 10)
				r.must(err)
			case relay.EventCancel:
				_, _ = r.Cancel(ctx, cb.ID)
			case relay.EventConfirm:
				_, err := r.Settle(ctx, d, relay.Settlement{State: relay.StateDelivered})
				r.must(err)
			case relay.EventRefuse:
				_, err := r.Settle(ctx, d, relay.Settlement{State: relay.StateRefused})
				r.must(err)
			}
			got, err := r.Get(ctx, cb.ID)
			r.must(err)
			if got.State != want {
				t.Errorf("%s: now %s, want %s", name, got.State, want)
			}
			r.checkInvariants(name, cb)
		}
	}
}

// bring brings a fresh callback into a state, and returns its last delivery.
func (r *redisUnderTest) bring(cb relay.Callback, state relay.State) relay.Delivery {
	r.t.Helper()
	ctx := r.t.Context()
	d := relay.Delivery{ID: cb.ID, Lease: "lost"} // as a late worker has it
	switch state {
	case relay.StateAnswered:
		d = r.answer(cb, `1`)
	case relay.StateDelivered, relay.StateRefused:
		d = r.answer(cb, `1`)
		r.settle(d, relay.Settlement{State: state, Confirmed: true, Reason: "TaskTimedOut"})
	case relay.StateExpired:
		r.pass(cb)
		_, err := r.Expire(ctx, 10)
		r.must(err)
	case relay.StateCancelled:
		_, err := r.Cancel(ctx, cb.ID)
		r.must(err)
	}
	return d
}

// checkInvariants checks what must be true of a stored callback in any state.
func (r *redisUnderTest) checkInvariants(when string, cb relay.Callback) {
	r.t.Helper()
	hash := r.hash(cb)
	state := relay.State(hash["state"])
	if got, want := r.inSet(cb, "due"), state == relay.StateAnswered; got != want {
		r.t.Errorf("%s: %s: in due: %v", when, state, got)
	}
	if got, want := r.inSet(cb, "deadline"), state == relay.StatePending; got != want {
		r.t.Errorf("%s: %s: in deadline: %v", when, state, got)
	}
	for _, final := range relay.States {
		if got, want := r.inSet(cb, string(final)), state == final; final.Final() && got != want {
			r.t.Errorf("%s: %s: in %s: %v", when, state, final, got)
		}
	}
	if !r.inSet(cb, "created") {
		r.t.Errorf("%s: %s: not in created", when, state)
	}
	_, hasToken := hash["taskToken"]
	_, hasOutcome := hash["outcome"]
	if hasToken == state.Final() || hasOutcome != (state == relay.StateAnswered) {
		r.t.Errorf("%s: %s: has a task token: %v, a payload: %v", when, state, hasToken, hasOutcome)
	}
	ttl, err := r.client.PTTL(r.t.Context(), r.key(cb)).Result()
	r.must(err)
	if state.Final() != (ttl > 0 && ttl <= retention) {
		r.t.Errorf("%s: %s: kept for %v", when, state, ttl)
	}
}
