package store_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
)

// fullGuard has every member that a guard can have.
func fullGuard() *relay.Guard {
	return &relay.Guard{
		Inline: &senders.Spec{Preset: "standard-webhooks", Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, Account: "acct"},
		Vars:   map[string]json.RawMessage{"sid": json.RawMessage(`"SM-1-S"`), "n": json.RawMessage("12345678901234567890")},
		Outcomes: []rules.Outcome{
			{When: "body.status == 'paid' && body.sid == vars.sid", Do: rules.Succeed, Output: json.RawMessage(`{"id":"/id"}`)},
			{When: "has(body.error)", Do: rules.Fail, Error: "Payment.Failed", Cause: "/error"},
		},
		Otherwise: rules.Ignore,
		Envelope:  &relay.Envelope{Headers: []string{"x-request-id"}},
	}
}

// guardedLinks registers a plain webhook and a guarded one.
func guardedLinks(guard *relay.Guard) func(*relay.Registration) {
	return func(reg *relay.Registration) {
		link := webhookLink
		link.Guard = guard
		reg.Links = map[string]relay.LinkRequest{"default": webhookLink, "paid": link}
	}
}

func passed(event string) *relay.Passed { return &relay.Passed{EventID: event} }

// guardOf returns what an error for a guarded link reports.
func guardOf(err error) relay.GuardedError {
	var guarded *relay.GuardedError
	if !errors.As(err, &guarded) {
		return relay.GuardedError{}
	}
	return *guarded
}

// A guarded link reveals its guard to the caller, and records nothing until the guard
// was passed, whatever the state of the callback.
func testGuardComesFirst(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	paid := success(`{"paid":true}`)
	answer := func(cb relay.Callback) relay.Delivery {
		got, err := r.Answer(ctx, r.link(cb, "paid"), success(`1`), passed("evt_1"))
		r.must(err)
		return *got.Delivery
	}
	settled := func(state relay.State, reason string) func(relay.Callback) {
		return func(cb relay.Callback) {
			r.settle(answer(cb), relay.Settlement{State: state, Reason: reason})
		}
	}
	for name, c := range map[string]struct {
		end  func(relay.Callback)
		want relay.Facts
	}{
		"waiting":   {func(relay.Callback) {}, relay.Facts{State: relay.StatePending}},
		"overdue":   {func(cb relay.Callback) { r.pass(cb) }, relay.Facts{State: relay.StatePending, Overdue: true}},
		"answered":  {func(cb relay.Callback) { answer(cb) }, relay.Facts{State: relay.StateAnswered, ByThisLink: true}},
		"delivered": {settled(relay.StateDelivered, ""), relay.Facts{State: relay.StateDelivered, ByThisLink: true}},
		"refused":   {settled(relay.StateRefused, "InvalidOutput"), relay.Facts{State: relay.StateRefused, ByThisLink: true, Reason: "InvalidOutput"}},
		"cancelled": {func(cb relay.Callback) { _, err := r.Cancel(ctx, cb.ID); r.must(err) }, relay.Facts{State: relay.StateCancelled}},
		"expired": {func(cb relay.Callback) {
			r.pass(cb)
			_, err := r.Expire(ctx, 10)
			r.must(err)
		}, relay.Facts{State: relay.StateAnswered, ByExpiry: true, Overdue: true}},
		"closed": {func(cb relay.Callback) {
			_, err := r.Revoke(ctx, cb.ID, "paid")
			r.must(err)
		}, relay.Facts{State: relay.StatePending, LinkClosed: true}},
		"answered by another link": {func(cb relay.Callback) { r.answer(cb, `1`) }, relay.Facts{State: relay.StateAnswered}},
	} {
		for kind, change := range map[string]func(*relay.Registration){"registered": guardedLinks(fullGuard()), "added": guardedLinks(nil)} {
			what := name + ", " + kind
			cb := r.register(relay.TaskToken(what), change)
			if kind == "added" {
				link := webhookLink
				link.Guard = fullGuard()
				r.add(cb, "paid", link)
				var err error
				cb, err = r.Get(ctx, cb.ID)
				r.must(err)
			}
			c.end(cb)
			before := r.hash(cb)
			_, answered := r.Answer(ctx, r.link(cb, "paid"), success(`{"by":"a thief"}`), nil)
			_, _, waits := r.Waiting(ctx, r.link(cb, "paid"), false)
			want := c.want
			if want.ByThisLink {
				want.AnsweredEvent = r.link(cb, "paid").EventDigest("evt_1")
			}
			for use, err := range map[string]error{"answer": answered, "waiting": waits} {
				got := guardOf(err)
				if diff := cmp.Diff(relay.GuardedError{Guard: *fullGuard(), Facts: want}, got); diff != "" {
					t.Errorf("%s, %s: %v (-want +got)\n%s", what, use, err, diff)
				}
			}
			if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
				t.Errorf("%s: changed:\n%s", what, diff)
			}
			for field, value := range before {
				if strings.Contains(value, "whsec_") || strings.Contains(value, "SM-1-S") || strings.Contains(value, "evt_1") {
					t.Errorf("%s: %s is in the clear: %s", what, field, value)
				}
			}
			// The same link of another registration, and a link of another kind, stay unknown.
			other := r.link(cb, "paid")
			other.Number = 7
			if _, err := r.Answer(ctx, other, paid, passed("")); !errors.Is(err, relay.ErrNotFound) {
				t.Errorf("%s, another link: %v", what, err)
			}
			_, err := r.Answer(ctx, r.link(cb, "paid"), paid, passed("evt_2"))
			if want := c.want.Refusal(); !errors.Is(err, want) {
				t.Errorf("%s, passed: %v, want %v", what, err, want)
			}
		}
	}
}

// An event that is sent again is a duplicate, even if its bytes or what became of them
// differ: senders count their attempts in the body. Another event is not.
func testSameEvent(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", guardedLinks(fullGuard()))
	link, plain := r.link(cb, "paid"), r.link(cb, "default")
	if _, _, err := r.Waiting(ctx, link, true); err != nil {
		t.Errorf("a heartbeat that has passed: %v", err)
	}
	got, err := r.Answer(ctx, link, success(`{"attempt":1}`), passed("evt_1"))
	r.must(err)
	check := func(when string, state relay.State) {
		t.Helper()
		for what, c := range map[string]struct {
			link  relay.LinkRef
			o     relay.Outcome
			event string
			same  bool
		}{
			"the same":                       {link, success(`{"attempt":1}`), "evt_1", true},
			"the same event, other bytes":    {link, success(`{"attempt":2}`), "evt_1", true},
			"the same event, a failure":      {link, relay.Outcome{Type: relay.OutcomeFailure, Error: "E"}, "evt_1", true},
			"another event":                  {link, success(`{"attempt":2}`), "evt_2", false},
			"no event":                       {link, success(`{"attempt":2}`), "", false},
			"another event, the same output": {link, success(`{"attempt":1}`), "evt_2", false},
		} {
			before := r.hash(cb)
			got, err := r.Answer(ctx, c.link, c.o, passed(c.event))
			if same := err == nil && got.Duplicate && got.State == state; same != c.same || !same && !errors.Is(err, relay.ErrAlreadyAnswered) {
				t.Errorf("%s, %s: %+v, %v", when, what, got, err)
			}
			if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
				t.Errorf("%s, %s: changed:\n%s", when, what, diff)
			}
		}
		if _, err := r.Answer(ctx, plain, success(`{"attempt":2}`), nil); !errors.Is(err, relay.ErrAlreadyAnswered) {
			t.Errorf("%s, through a plain link: %v", when, err)
		}
	}
	check("answered", relay.StateAnswered)
	r.settle(*got.Delivery, relay.Settlement{State: relay.StateDelivered})
	check("delivered", relay.StateDelivered)
	_, err = r.Revoke(ctx, cb.ID, "paid")
	r.must(err)
	if got, err := r.Answer(ctx, link, success(`{"attempt":3}`), passed("evt_1")); err != nil || !got.Duplicate {
		t.Errorf("the same event after its link was closed: %+v, %v", got, err)
	}
	if _, err := r.Answer(ctx, link, success(`{"attempt":3}`), passed("evt_3")); !errors.Is(err, relay.ErrLinkClosed) {
		t.Errorf("another event after its link was closed: %v", err)
	}

	// Events without an id are told apart by what became of them.
	none := r.register("no ids", guardedLinks(fullGuard()))
	_, err = r.Answer(ctx, r.link(none, "paid"), success(`1`), passed(""))
	r.must(err)
	for output, same := range map[string]bool{`1`: true, `2`: false} {
		if got, err := r.Answer(ctx, r.link(none, "paid"), success(output), passed("")); got.Duplicate != same {
			t.Errorf("without an id, output %s: %+v, %v", output, got, err)
		}
	}
}

// No caller can have passed the guard of a link that has none, or one that this
// release does not know.
func testGuardThatIsNotThere(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", guardedLinks(fullGuard()))
	r.must(r.client.HDel(ctx, r.key(cb), "guard:1").Err()) // as damaged data
	for _, name := range []string{"default", "paid"} {
		before := r.hash(cb)
		_, answered := r.Answer(ctx, r.link(cb, name), success(`1`), passed("evt_1"))
		_, _, waits := r.Waiting(ctx, r.link(cb, name), true)
		if !errors.Is(answered, relay.ErrUnavailable) || !errors.Is(waits, relay.ErrUnavailable) {
			t.Errorf("%s: %v, %v", name, answered, waits)
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("%s: changed:\n%s", name, diff)
		}
	}
	for _, version := range []string{`3`, `0`, `1.5`, `"1"`, `[1]`} {
		cb := r.register(relay.TaskToken("version "+version), guardedLinks(fullGuard()))
		text := r.hash(cb)["registration"]
		r.must(r.client.HSet(ctx, r.key(cb), "registration", strings.Replace(text, `"webhook",1]`, `"webhook",`+version+`]`, 1)).Err())
		for _, pass := range []*relay.Passed{nil, passed("evt_1")} {
			if _, err := r.Answer(ctx, r.link(cb, "paid"), success(`1`), pass); !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("version %s: %v", version, err)
			}
		}
	}
}

// A registration that is repeated with another guard is another registration.
func testOtherGuard(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", guardedLinks(fullGuard()))
	again, created, err := r.Create(t.Context(), registration("task", guardedLinks(fullGuard())), maxExpiry)
	if err != nil || created || !cmp.Equal(again.Links, cb.Links) {
		t.Errorf("repeated: %+v, %v, %v", again.Links, created, err)
	}
	for name, change := range map[string]func(g *relay.Guard){
		"secret":    func(g *relay.Guard) { g.Inline.Secrets[0] += "x" },
		"account":   func(g *relay.Guard) { g.Inline.Account = "other" },
		"sender":    func(g *relay.Guard) { g.Inline, g.Sender = nil, "stripe" },
		"vars":      func(g *relay.Guard) { g.Vars["sid"] = json.RawMessage(`"SM2"`) },
		"outcomes":  func(g *relay.Guard) { g.Outcomes = g.Outcomes[:1] },
		"otherwise": func(g *relay.Guard) { g.Otherwise = rules.Succeed },
		"envelope":  func(g *relay.Guard) { g.Envelope = nil },
	} {
		guard := fullGuard()
		change(guard)
		if _, _, err := r.Create(t.Context(), registration("task", guardedLinks(guard)), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
			t.Errorf("another %s: %v, want ErrSettingsDiffer", name, err)
		}
	}
	if _, _, err := r.Create(t.Context(), registration("task", guardedLinks(nil)), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
		t.Errorf("without the guard: %v, want ErrSettingsDiffer", err)
	}
	r.register("plain", guardedLinks(nil))
	if _, _, err := r.Create(t.Context(), registration("plain", guardedLinks(fullGuard())), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
		t.Errorf("with a guard: %v, want ErrSettingsDiffer", err)
	}
}

// While a replica is alive that cannot check guards, none is registered. What is
// already there is still found, and works here.
func testGuardsInARollout(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb, plain := r.register("task", guardedLinks(fullGuard())), r.register("plain", guardedLinks(nil))
	add := func() error {
		link := webhookLink
		link.Guard = fullGuard()
		_, err := r.AddLink(ctx, plain.ID, "paid", link, func(relay.Callback, *relay.Approval) error { return nil })
		return err
	}
	for _, older := range []string{"4JZBHC6VK2YQ7PXW3NTL5MRSDA", "OLD+keyspace2+generations", "OLD+keyspace2+guards11+generations"} {
		r.must(r.client.ZAdd(ctx, "relay:v1:replicas", redis.Z{Score: float64(time.Now().UnixMilli()), Member: older}).Err())
		for _, when := range []string{"just started", "announced"} {
			if r.useKeys(r.keys); when == "announced" {
				_, err := r.Announce(ctx, "A", time.Minute)
				r.must(err)
			}
			before := r.hash(plain)
			_, _, err := r.Create(ctx, registration("new", guardedLinks(fullGuard())), maxExpiry)
			for use, err := range map[string]error{"create": err, "add": add()} {
				if !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "earlier release") {
					t.Errorf("%s beside %s, %s: %v", when, older, use, err)
				}
			}
			if diff := cmp.Diff(before, r.hash(plain)); diff != "" {
				t.Errorf("changed:\n%s", diff)
			}
			if _, created, err := r.Create(ctx, registration("task", guardedLinks(fullGuard())), maxExpiry); created || err != nil {
				t.Errorf("%s beside %s, repeated: %v, %v", when, older, created, err)
			}
			r.register(relay.TaskToken(when+older), guardedLinks(nil))
			if _, err := r.Answer(ctx, r.link(cb, "paid"), success(`1`), nil); guardOf(err).Guard.Inline == nil {
				t.Errorf("%s beside %s, answer: %v", when, older, err)
			}
		}
		r.must(r.client.Del(ctx, "relay:v1:replicas").Err())
	}
	_, err := r.Announce(ctx, "A", time.Minute)
	r.must(err)
	r.register("new", guardedLinks(fullGuard()))
	r.must(add())
}

// withSchema is a guard of version 2.
func withSchema() *relay.Guard {
	guard := fullGuard()
	guard.Outcomes[0].Schema = json.RawMessage(`{"required":["id"]}`)
	return guard
}

// A replica that knows only version 1 would overlook the schema of an outcome, and complete
// a task with the wrong event. So while one is alive, only guards of version 1 are
// registered, and the version of a guard is that of its parts.
func testLaterGuardsInARollout(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	r.must(r.client.ZAdd(ctx, "relay:v1:replicas", redis.Z{Score: float64(time.Now().UnixMilli()), Member: "OLD+keyspace2+guards1+generations"}).Err())
	r.useKeys(r.keys)
	cb := r.register("task", guardedLinks(fullGuard()))
	_, _, err := r.Create(ctx, registration("new", guardedLinks(withSchema())), maxExpiry)
	link := webhookLink
	link.Guard = withSchema()
	_, added := r.AddLink(ctx, cb.ID, "more", link, func(relay.Callback, *relay.Approval) error { return nil })
	for use, err := range map[string]error{"create": err, "add": added} {
		if !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "earlier release") {
			t.Errorf("%s: %v", use, err)
		}
	}
	r.must(r.client.Del(ctx, "relay:v1:replicas").Err())
	r.useKeys(r.keys)
	later := r.register("new", guardedLinks(withSchema()))
	for version, cb := range map[string]relay.Callback{"1": cb, "2": later} {
		if !strings.Contains(r.hash(cb)["registration"], `["paid","webhook",`+version+`]`) {
			t.Errorf("guard of version %s: %s", version, r.hash(cb)["registration"])
		}
		_, err := r.Answer(ctx, r.link(cb, "paid"), success(`1`), nil)
		if diff := cmp.Diff(map[string]*relay.Guard{"1": fullGuard(), "2": withSchema()}[version], new(guardOf(err).Guard)); diff != "" {
			t.Errorf("guard of version %s (-want +got)\n%s", version, diff)
		}
		if _, err := r.Answer(ctx, r.link(cb, "paid"), success(`1`), passed("evt_1")); err != nil {
			t.Errorf("guard of version %s, passed: %v", version, err)
		}
	}
}
