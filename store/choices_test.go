package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// withChoices registers an approval with further answers.
func withChoices(reg *relay.Registration) {
	approvals(reg)
	reg.Approval.Required = 1
	reg.Approval.Choices = []relay.Choice{{Value: "ask-finance", Label: "Ask finance first"}, {Value: "halt", Label: "Stop", Style: relay.ButtonDanger}}
}

// What was chosen is still known, with its label, when the approval is wiped. None of it is
// readable in Redis.
func testChoice(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", withChoices)
	if diff := cmp.Diff(registration("task", withChoices).Approval, new(r.view(cb, "dana").Approval)); diff != "" {
		t.Errorf("approval (-want +got):\n%s", diff)
	}
	chosen := decision(true, "dana", "Dana Okafor")
	chosen.Choice, chosen.Label = "ask-finance", "Ask finance first"
	outcome := success(`{"decision":"ask-finance"}`)
	got, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{chosen}, &outcome)
	r.must(err)
	r.settle(*got.Delivery, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
	v := r.view(cb, "lee")
	if len(v.Decisions) != 1 || v.Decisions[0].Word() != "ask-finance" || v.Decisions[0].Label != "Ask finance first" || len(v.Approval.Choices) > 0 {
		t.Errorf("at the end: %+v, choices %v", v.Decisions, v.Approval.Choices)
	}
	for field, value := range r.hash(cb) {
		if strings.Contains(value, "finance") {
			t.Errorf("%s holds %q", field, value)
		}
	}
}

// Row 121: while a replica is alive that does not know further answers, no approval with them is
// registered: its page would lack them, and a stored one would read as an approval. The same
// holds for fields that take several choices, and for approvals that only certain people may
// decide. What is already there is still found.
func testApprovalsInARollout(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	r.register("task", withChoices)
	for _, older := range []string{"OLD+keyspace2+guards1+guards2+awaits1+generations", "OLD+keyspace2+guards1+guards2+awaits1+approvals22+generations"} {
		r.must(r.client.ZAdd(ctx, "relay:v1:replicas", redis.Z{Score: float64(time.Now().UnixMilli()), Member: older}).Err())
		for _, when := range []string{"just started", "announced"} {
			if r.useKeys(r.keys); when == "announced" {
				_, err := r.Announce(ctx, "A", time.Minute)
				r.must(err)
			}
			_, _, err := r.Create(ctx, registration("new", withChoices), maxExpiry)
			if !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "does not know all that this approval asks for") {
				t.Errorf("%s beside %s: %v", when, older, err)
			}
			for _, change := range []func(*relay.Registration){withSeveral, verified} {
				if _, _, err := r.Create(ctx, registration("new", change), maxExpiry); !errors.Is(err, relay.ErrUnavailable) {
					t.Errorf("%s beside %s: %v", when, older, err)
				}
			}
			if _, created, err := r.Create(ctx, registration("task", withChoices), maxExpiry); created || err != nil {
				t.Errorf("%s beside %s, repeated: %v, %v", when, older, created, err)
			}
			r.register(relay.TaskToken(when+older), approvals)
		}
		r.must(r.client.Del(ctx, "relay:v1:replicas").Err())
	}
	_, err := r.Announce(ctx, "A", time.Minute)
	r.must(err)
	r.register("new", withChoices)
	r.register("several", withSeveral)
	r.register("verified", verified)
}

// Row 121: links of approvals of version 2 have a mark that earlier releases take for a guard
// that they cannot check, so that they refuse them. Here the links work, as unguarded ones.
// Other links, and those of other approvals, have no mark.
func testApprovalsAreClosedToTheEarlier(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		change func(*relay.Registration)
		marked bool
	}{"plain": {approvals, false}, "choices": {withChoices, true}, "several": {withSeveral, true}, "verified": {verified, true}} {
		cb := r.register(relay.TaskToken(name), c.change)
		r.add(cb, "later", relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}, Approver: "Kim Sato"})
		cb, err := r.Get(ctx, cb.ID)
		r.must(err)
		for _, link := range cb.Links {
			mark := ""
			if c.marked && link.Type == relay.LinkApproval {
				mark = `,"approval2"`
			}
			want := fmt.Sprintf(`["%s","%s"%s]`, link.Name, link.LinkKind, mark)
			if spec := r.hash(cb)["registration"]; !strings.Contains(spec, want) || link.Guarded {
				t.Errorf("%s: no %s in %s, guarded: %v", name, want, spec, link.Guarded)
			}
		}
		r.must(r.Decline(ctx, r.link(cb, "later"), notFor(r.view(cb, "later").Link, "")))
		if _, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{decision(true, "dana", "Dana Okafor")}, nil); err != nil {
			t.Errorf("%s, decided: %v", name, err)
		}
		if _, created, err := r.Create(ctx, registration(relay.TaskToken(name), c.change), maxExpiry); created || err != nil {
			t.Errorf("%s, repeated: %v, %v", name, created, err)
		}
	}
}

// verified registers an approval that only people can decide who are signed in.
func verified(reg *relay.Registration) {
	approvals(reg)
	reg.Approval.Verify = relay.VerifyRequired
}

// withSeveral registers an approval with a field that takes several choices.
func withSeveral(reg *relay.Registration) {
	approvals(reg)
	reg.Approval.Fields = []byte(`{"type":"object","properties":{"areas":{"type":"array","items":{"enum":["db","ui"]}}}}`)
}
