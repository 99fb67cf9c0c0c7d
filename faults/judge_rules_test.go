package faults

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// TestJudge judges invented histories: first correct ones, then for each rule one
// that breaks it.
func TestJudge(t *testing.T) {
	t.Parallel()
	deadline := time.Now()
	before, after := deadline.Add(-time.Second), deadline.Add(time.Second)
	post := func(body, status int, word string) event {
		return event{what: didPost, body: body, began: before, ended: before, told: reply{status: status, word: word}}
	}
	taken, other := post(0, 200, "delivered"), post(1, 200, "accepted")
	again := post(0, 200, "delivered")
	again.told.duplicate = true
	late, lateAgain := taken, again
	late.began, lateAgain.began = after, after
	unheard := event{what: didPost, began: before, ended: before, err: errors.New("lost")}
	cancel := event{what: didCancel, told: reply{status: 200}}
	success := func(body string) standin.Effect {
		return standin.Effect{Action: standin.SendTaskSuccess, Output: []byte(body), At: before}
	}
	expiry := standin.Effect{Action: standin.SendTaskFailure, Error: expiredError, At: after}
	early := expiry
	early.At = before
	sentTwice := []sent{{at: before, outcome: "A"}, {at: after, outcome: "A"}}
	sentA, sentB := sent{action: "SendTaskSuccess", outcome: "A"}, sent{action: "SendTaskSuccess", outcome: "B"}

	for _, test := range []struct {
		name    string
		events  []event
		effects []standin.Effect
		final   string
		change  func(*history)
		want    string // what is objected to; "" for nothing
	}{
		{name: "acknowledged and delivered", events: []event{unheard, taken, again, lateAgain}, effects: []standin.Effect{success("A")}, final: api.StateDelivered},
		{name: "a rival is refused", events: []event{taken, post(1, 409, "already-answered")}, effects: []standin.Effect{success("A")}, final: api.StateDelivered},
		{name: "nobody heard, and it was taken", events: []event{unheard}, effects: []standin.Effect{success("A")}, final: api.StateDelivered},
		{name: "nobody heard, and it was not", events: []event{unheard, post(0, 503, "unavailable")}, final: api.StatePending},
		{name: "expired", events: []event{post(0, 410, "expired")}, effects: []standin.Effect{expiry}, final: api.StateDelivered, change: aboutTheDeadline},
		{name: "expired in silence", events: []event{post(0, 410, "expired")}, final: api.StateExpired, change: ignoring},
		{name: "cancelled", events: []event{cancel, post(0, 410, "cancelled")}, final: api.StateCancelled, change: aboutTheDeadline},
		{name: "refused", events: []event{post(0, 410, "task-closed")}, final: api.StateRefused, change: aboutTheDeadline},
		{name: "a failover lost the record of a claim", effects: []standin.Effect{{Action: standin.SendTaskSuccess, Output: []byte("A"), At: after}}, final: api.StateRefused, change: func(h *history) {
			h.calls, h.failovers = slices.Concat(sentTwice, sentTwice[1:]), []span{{deadline, deadline}}
		}},
		{name: "a failover lost the record of an expiry", effects: []standin.Effect{expiry}, final: api.StateRefused, change: func(h *history) {
			h.calls, h.failovers = sentTwice, []span{{deadline, deadline}}
		}},
		{name: "registered, heard the second time", events: []event{{what: didRegister, told: reply{status: 200}}}, final: api.StatePending},

		{name: "its event came", events: []event{post(1, 200, "kept"), post(0, 200, "matched"), post(0, 200, "duplicate")}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, change: awaiting},

		{name: "its event was lost", events: []event{post(0, 200, "kept")}, final: api.StatePending, change: awaiting, want: "acknowledged and has no effect"},
		{name: "its event was ignored", events: []event{post(0, 200, "ignored")}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, change: awaiting, want: "its event was ignored"},
		{name: "an unwanted event took effect", events: []event{post(1, 200, "matched")}, effects: []standin.Effect{success("B")}, final: api.StateDelivered, change: awaiting, want: "no outcome wants"},
		{name: "acknowledged and lost", events: []event{taken}, final: api.StatePending, want: "no effect"},
		{name: "other bytes took effect", events: []event{taken}, effects: []standin.Effect{success("B")}, final: api.StateDelivered, want: "body 0 was acknowledged and has no effect"},
		{name: "expired after it was acknowledged", events: []event{taken}, effects: []standin.Effect{expiry}, final: api.StateDelivered, want: "acknowledged and has no effect"},
		{name: "two bodies acknowledged", events: []event{taken, other}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, want: "both acknowledged"},
		{name: "acknowledged after the deadline", events: []event{late}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, want: "after the deadline"},
		{name: "two effects", events: []event{taken}, effects: []standin.Effect{success("A"), success("A")}, final: api.StateDelivered, want: "2 effects"},
		{name: "bytes from nowhere", effects: []standin.Effect{success("C")}, final: api.StateDelivered, want: "nobody posted"},
		{name: "an effect of another kind", effects: []standin.Effect{{Action: standin.SendTaskFailure, Error: "Other"}}, final: api.StateDelivered, want: "unexpected effect"},
		{name: "refused, and taken", events: []event{post(0, 409, "already-answered")}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, want: "its sender got 409"},
		{name: "too late, and taken", events: []event{post(0, 410, "expired")}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, want: "too late"},
		{name: "too late, and the task not told", events: []event{post(0, 410, "expired")}, final: api.StateDelivered, want: "never got the expiry"},
		{name: "an expiry although none was requested", effects: []standin.Effect{expiry}, final: api.StateDelivered, change: ignoring, want: "asked for none"},
		{name: "expired early", effects: []standin.Effect{early}, final: api.StateDelivered, want: "before the deadline"},
		{name: "silent, and the task not told", final: api.StateDelivered, change: func(h *history) { h.kind = kindSilent }, want: "never got the expiry"},
		{name: "cancelled, and taken", events: []event{cancel}, effects: []standin.Effect{success("A")}, final: api.StateCancelled, want: "the cancel was acknowledged, and there is an effect"},
		{name: "cancelled and acknowledged", events: []event{cancel, taken}, effects: []standin.Effect{success("A")}, final: api.StateCancelled, want: "both acknowledged"},
		{name: "cancelled, and still pending", events: []event{cancel}, final: api.StatePending, want: "the state is pending"},
		{name: "a genuine link not found", events: []event{post(0, 404, "not-found")}, final: api.StatePending, want: "answered 404"},
		{name: "an error of ours", events: []event{post(0, 500, "internal")}, final: api.StatePending, want: "answered 500"},
		{name: "delivered without an effect", final: api.StateDelivered, want: "state delivered"},
		{name: "refused with an effect", effects: []standin.Effect{success("A")}, final: api.StateRefused, want: "state refused"},
		{name: "refused with an effect of the first attempt, about a failover", effects: []standin.Effect{success("A")}, final: api.StateRefused, change: func(h *history) {
			h.calls, h.failovers = sentTwice, []span{{deadline, deadline}}
		}, want: "state refused"},
		{name: "refused with an effect, in one attempt about a failover", effects: []standin.Effect{success("A")}, final: api.StateRefused, change: func(h *history) {
			h.calls, h.failovers = sentTwice[:1], []span{{before, after}}
		}, want: "state refused"},
		{name: "refused with an effect, after an earlier failover", effects: []standin.Effect{expiry}, final: api.StateRefused, change: func(h *history) {
			h.calls, h.failovers = sentTwice, []span{{before.Add(-time.Second), before.Add(-time.Millisecond)}}
		}, want: "state refused"},
		{name: "pending with an effect, after a failover", effects: []standin.Effect{expiry}, final: api.StatePending, change: func(h *history) {
			h.calls, h.failovers = sentTwice, []span{{before, after}}
		}, want: "state pending"},
		{name: "left behind", events: []event{unheard}, final: api.StateAnswered, want: "still answered"},
		{name: "gone", final: stateMissing, want: "the callback is gone"},
		{name: "expired silently, against the registration", final: api.StateExpired, want: "should have got the expiry"},
		{name: "two attempts with different bytes", events: []event{taken}, effects: []standin.Effect{success("A")}, final: api.StateDelivered, change: func(h *history) { h.calls = []sent{sentA, sentB} }, want: "one attempt sent"},
		{name: "refused for nothing", events: []event{post(0, 409, "already-answered")}, final: api.StatePending, want: "no sender was served"},
		{name: "too late for nothing", events: []event{post(0, 410, "cancelled")}, final: api.StateCancelled, want: "no sender was served"},
		{name: "no registration", events: []event{{what: didRegister, told: reply{status: 409}}}, final: api.StatePending, want: "as if there were another"},
		{name: "given up", events: []event{{what: didGiveUp}}, final: api.StatePending, want: "got no answer"},
		{name: "registered twice", events: []event{{what: didRegister, told: reply{status: 201}}, {what: didRegister, told: reply{status: 201}}}, final: api.StatePending, want: "registered 2 times"},
		{name: "another link", final: api.StatePending, change: func(h *history) { h.notice("another link") }, want: "another link"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &history{
				kind: kindOne, bodies: [][]byte{[]byte("A"), []byte("B")}, deadline: deadline,
				callback: api.Callback{OnExpiry: api.OnExpiryFail},
				events:   test.events, effects: test.effects, final: test.final,
			}
			if test.change != nil {
				test.change(h)
			}
			found := judge(h)
			if test.want == "" {
				if len(found) > 0 {
					t.Errorf("objects: %s", found[0].what)
				}
				return
			}
			if !slices.ContainsFunc(found, func(v violation) bool { return strings.Contains(v.what, test.want) }) {
				t.Errorf("found %v, want %q\n%s", found, test.want, h)
			}
		})
	}
}

func ignoring(h *history) { h.kind, h.callback.OnExpiry = kindLate, api.OnExpiryIgnore }

func awaiting(h *history) { h.kind, h.key = kindAwaits, "pi_1" }

func aboutTheDeadline(h *history) { h.kind = kindLate }

// The printed history contains neither payloads nor links.
func TestHistoryTellsNoSecret(t *testing.T) {
	t.Parallel()
	h := &history{
		bodies:  [][]byte{[]byte("payload")},
		events:  []event{{what: didPost, err: errors.New(`Post "http://127.0.0.1:1/c/secretlink": connection refused`)}},
		effects: []standin.Effect{{Action: standin.SendTaskSuccess, Output: []byte("payload")}},
		calls:   []sent{{outcome: "other"}},
	}
	if text := h.String(); strings.Contains(text, "payload") || strings.Contains(text, "secretlink") || strings.Contains(text, "other") {
		t.Errorf("it tells:\n%s", text)
	}
}
