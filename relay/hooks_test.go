package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/rules"
)

// Row 105, and its reverse, over two replicas.
func TestHookAndRegistration(t *testing.T) {
	f := newFleet(t)
	a, b := f.replica("k1"), f.replica("k1")
	a.event("evt_1", "paid", "pi_1", relay.EventKept)
	b.register("early", "pi_1")
	f.has("the event came first", "early", paid("evt_1", "pi_1"))
	b.register("late", "pi_2")
	f.has("nothing came", "late")
	a.event("evt_2", "paid", "pi_2", relay.EventMatched)
	f.has("the registration came first", "late", paid("evt_2", "pi_2"))
	for range 2 {
		b.event("evt_2", "paid", "pi_2", relay.EventDuplicate)
	}
	b.event("evt_3", "paid", "pi_3", relay.EventKept)
	f.pass(16 * time.Minute)
	a.register("too-late", "pi_3")
	f.has("after the event's time", "too-late")
	f.has("sent again", "late", paid("evt_2", "pi_2"))
}

// What becomes of posts to a hook. Once the sender is proven, it always gets a success.
func TestReceiveEvent(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	secret := []string{"X-Callback-Secret", hookSecret}
	with := func(body string, headers ...string) relay.Post { return posted(body, append(headers, secret...)...) }
	long := strings.Repeat("x", relay.MaxEventBytes)
	for name, c := range map[string]struct {
		hook string
		post relay.Post
		want relay.EventReceipt
	}{
		"kept":         {"pay", with(`{"event":"e1","type":"paid","id":"k"}`), relay.EventReceipt{Verdict: relay.EventKept}},
		"not accepted": {"pay", with(`{"event":"e2","type":"noise","id":"k"}`), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.ReasonNotAccepted}},
		"no key":       {"pay", with(`{"event":"e3","type":"paid"}`), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.ReasonNoKey}},
		"an odd key":   {"pay", with(`{"event":"e4","type":"paid","id":[]}`), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.NoteFailedRule}},
		"no JSON":      {"pay", with(`{"event":`, "Content-Type", "application/json"), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.NoteUnsupported}},
		"too large":    {"pay", with(`"` + long + `"`), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.NoteTooLarge}},
		"long headers": {"pay", with(`{}`, "X-Long", long[:relay.MaxEventOverhead]), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.NoteTooLarge}},
		"no proof":     {"open", posted(`{"id":"k"}`), relay.EventReceipt{Verdict: relay.EventIgnored, Reason: relay.ReasonNotAccepted}},
		"open":         {"open", posted(`{"id":"k","type":"a"}`), relay.EventReceipt{Verdict: relay.EventKept}},
	} {
		got, err := r.ReceiveEvent(t.Context(), r.hooks[c.hook], c.post)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	test := with(`{"type":"url_verification","challenge":"abc"}`, "Content-Type", "application/json")
	if got, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], test); err != nil || !got.Handshake || string(got.Reply.Body) != "abc" {
		t.Errorf("handshake: %+v, %v", got, err)
	}
	for name, header := range map[string]string{"missing": "", "wrong": "another secret of sixteen characters"} {
		_, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], posted(`{"event":"e9","type":"paid","id":"k"}`, "X-Callback-Secret", header))
		if unproven := (*relay.UnprovenError)(nil); !errors.As(err, &unproven) {
			t.Errorf("a secret that is %s: %v", name, err)
		}
	}
	busy := with(`{"event":"e8","type":"paid","id":"k"}`)
	busy.Room = full{}
	if _, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], busy); !errors.Is(err, relay.ErrOverloaded) {
		t.Errorf("no room: %v", err)
	}
	f.server.SetError("LOADING Redis is loading the dataset in memory")
	if _, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], with(`{"event":"e7","type":"paid","id":"k"}`)); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("Redis is away: %v", err)
	}
	f.server.SetError("")
	free, total, err := r.FreeEvents(t.Context(), "pay", 10)
	if err != nil || total != 1 || free[0].ID != "e1" || free[0].Type != "paid" {
		t.Fatalf("what is kept: %+v, %d, %v", free, total, err)
	}
	if !strings.Contains(r.log.String(), "verdict=kept") || !strings.Contains(r.log.String(), "key="+string(free[0].Digest)) {
		t.Errorf("the log has no %s: %s", free[0].Digest, r.log)
	}
}

// Row 107: every callback that waits for the key gets the event, and what is over is
// removed. An event that no outcome wants is kept for the next.
func TestSeveralWaitForAnEvent(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	for _, task := range []relay.TaskToken{"one", "two", "cancelled", "closed", "answered"} {
		cb := r.register(task, "pi_1")
		switch task {
		case "cancelled":
			if _, err := r.Cancel(t.Context(), cb.ID); err != nil {
				t.Fatal(err)
			}
		case "closed":
			f.set(f.closed, task, true)
		case "answered":
			link, _, err := r.Create(t.Context(), relay.Registration{
				TaskToken: "by-a-link", Links: map[string]relay.LinkRequest{"done": asked(relay.LinkWebhook)},
				Awaits: map[string]relay.Guard{"paid": await("pi_1")},
			})
			if err != nil {
				t.Fatal(err)
			}
			key := r.keys.LinkKey(link.ID, link.Links[0], link.Key).Reveal()
			ref, err := r.Resolve(key, relay.MachineLinks)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Receive(t.Context(), ref, posted(`{"by":"link"}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	waiting := func(want ...relay.TaskToken) {
		t.Helper()
		found, err := r.Awaiting(t.Context(), "pay", "pi_1")
		if err != nil || len(found) != len(want) {
			t.Errorf("%d wait, %v, want %v", len(found), err, want)
		}
	}
	waiting("one", "two", "closed", "answered")
	r.event("evt_0", "other", "pi_1", relay.EventMatched)
	r.event("evt_0", "broken", "pi_1", relay.EventDuplicate)
	r.event("evt_1", "broken", "pi_1", relay.EventMatched)
	r.event("evt_2", "working", "pi_1", relay.EventMatched)
	waiting("one", "two", "answered")
	if f.beats["one"] != 1 || f.beats["two"] != 1 {
		t.Errorf("heartbeats: %v", f.beats)
	}
	f.has("not paid yet", "one")
	r.event("evt_3", "paid", "pi_1", relay.EventMatched)
	for _, task := range []relay.TaskToken{"one", "two", "answered"} {
		f.has("paid", task, paid("evt_3", "pi_1"))
	}
	f.has("answered by a link", "by-a-link", `success {"by":"link"}`)
	f.has("cancelled", "cancelled")
	f.has("closed", "closed")
	waiting()
	// Those that nobody has used are kept; the heartbeat is not.
	if _, total, err := r.FreeEvents(t.Context(), "pay", 10); total != 2 || err != nil {
		t.Errorf("%d events are kept, %v", total, err)
	}
	late, _, err := r.Create(t.Context(), relay.Registration{TaskToken: "late", Awaits: map[string]relay.Guard{"any": {
		Sender: "pay", Key: "pi_1", Outcomes: []rules.Outcome{{When: "body.type == 'other'", Do: rules.Fail, Error: "Other", Cause: "x"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	f.has("another workflow wants the event", "late", "failure Other")
	if found, err := r.Inspect(t.Context(), late.ID); err != nil || found.Outcome == nil || found.Outcome.By != "any" {
		t.Errorf("%+v, %v", found.Outcome, err)
	}
}

// Row 112: the task of a state has timed out, and the state's next try registers.
func TestStateIsRetried(t *testing.T) {
	for name, c := range map[string]struct {
		slow   bool // Step Functions cannot be reached when the event comes
		before bool // the second registers before the first is known to be closed
	}{"refused at once": {}, "refused later": {slow: true}, "refused later, after the second has joined": {true, true}} {
		f := newFleet(t)
		r, other := f.replica("k1"), f.replica("k1")
		r.register("first", "pi_1")
		f.set(f.closed, "first", true)
		f.set(f.slow, "first", c.slow)
		r.event("evt_1", "paid", "pi_1", relay.EventMatched)
		if c.before {
			other.register("second", "pi_1")
			f.has(name, "second")
		}
		if c.slow {
			other.takeOver()
			f.has(name, "second")
			f.set(f.slow, "first", false)
			r.deliver(func() bool { return state(r, "first") == relay.StateRefused })
			other.takeOver()
		}
		if !c.before {
			other.register("second", "pi_1")
		}
		f.has(name, "second", paid("evt_1", "pi_1"))
		f.has(name, "first")
		r.register("third", "pi_1")
		r.takeOver()
		f.has(name+": it is used", "third")
	}
}

// Who joins gets an event even if it is assigned to a callback that is over, and the process
// that should have found that out has died: whoever joins gives what is assigned to others.
func TestWhoJoinsGivesWhatIsLeft(t *testing.T) {
	f := newFleet(t)
	dies, r := f.replica("k1"), f.replica("k1")
	first := r.register("first", "pi_1")
	if _, err := r.Cancel(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	dies.dying.dies = func(step string) bool { return step == "after event" }
	if _, err := dies.ReceiveEvent(t.Context(), dies.hooks["pay"], payment("evt_1", "paid", "pi_1")); !errors.Is(err, relay.ErrUnavailable) {
		t.Fatal(err)
	}
	r.register("second", "pi_1")
	f.has("it was assigned to another one", "second", paid("evt_1", "pi_1"))
}

// An event whose outcome Step Functions never takes is used up: it would end the next task
// as well. That holds even if the process dies before it has recorded it.
func TestOutcomeThatIsNeverTaken(t *testing.T) {
	for _, fails := range []string{"", "serve"} {
		f := newFleet(t)
		r := f.replica("k1")
		r.register("first", "pi_1")
		f.set(f.choosy, "first", true)
		r.dying.fails = fails
		r.event("evt_1", "paid", "pi_1", relay.EventMatched)
		if got := state(r, "first"); got != relay.StateRefused {
			t.Errorf("the first is %s", got)
		}
		r.takeOver()
		r.register("second", "pi_1")
		r.takeOver()
		f.has("after "+fails+" failed", "second")
	}
}

// A used event that has reached its task is used up, even if that is known only later.
func TestUsedEventIsUsedUp(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	r.register("first", "pi_1")
	f.set(f.slow, "first", true)
	r.event("evt_1", "paid", "pi_1", relay.EventMatched)
	r.register("second", "pi_1")
	f.set(f.slow, "first", false)
	f.pass(2 * theFleetLease)
	r.deliver(func() bool { return state(r, "first") == relay.StateDelivered })
	r.takeOver()
	r.register("third", "pi_1")
	f.has("used up", "first", paid("evt_1", "pi_1"))
	f.has("used up", "second")
	f.has("used up", "third")
	for _, key := range f.server.Keys() {
		if strings.Contains(key, ":events:") {
			t.Errorf("%s is left", key)
		}
	}
}

func state(r *replica, task relay.TaskToken) relay.State {
	cb, err := r.store.Get(r.f.t.Context(), r.keys.Identify(task)[len(r.keys.Identify(task))-1].ID)
	if err != nil {
		r.f.t.Fatal(err)
	}
	return cb.State
}

// While the master keys are rotated, replicas make digests under different newest keys.
// Whatever comes first, and through whichever replica, the event is given once.
func TestRotationOfAwaits(t *testing.T) {
	rings := map[string][]string{"before": {"k1"}, "added": {"k1", "k2"}, "rotated": {"k2", "k1"}}
	for _, pair := range [][2]string{{"before", "added"}, {"before", "rotated"}, {"added", "rotated"}, {"rotated", "added"}, {"rotated", "rotated"}} {
		for _, eventFirst := range []bool{true, false} {
			f := newFleet(t)
			what := fmt.Sprintf("first %s, then %s, event first: %v", pair[0], pair[1], eventFirst)
			a, b := f.replica(rings[pair[0]]...), f.replica(rings[pair[1]]...)
			if eventFirst {
				a.event("evt_1", "paid", "pi_1", relay.EventKept)
				b.register("task", "pi_1")
			} else {
				a.register("task", "pi_1")
				b.event("evt_1", "paid", "pi_1", relay.EventMatched)
			}
			f.has(what, "task", paid("evt_1", "pi_1"))
			b.event("evt_1", "paid", "pi_1", relay.EventDuplicate)
			b.register("next", "pi_1")
			b.takeOver()
			f.has(what+": it is used", "next")
			b.event("evt_1", "paid", "pi_1", relay.EventDuplicate)
			f.has(what+": it is used, and sent again", "next")
			b.event("evt_2", "paid", "pi_1", relay.EventMatched)
			f.has(what, "next", paid("evt_2", "pi_1"))
			f.has(what, "task", paid("evt_1", "pi_1"))
		}
	}
}

// Row 106: whichever process dies between whichever two steps, the task gets the event
// once. Who got no reply tries again, and another replica takes over the rest.
func TestDeathBetweenSteps(t *testing.T) {
	steps := []string{"create", "join", "event", "read", "answer", "serve"}
	for _, when := range []string{"before", "after"} {
		for _, name := range steps {
			for _, eventFirst := range []bool{true, false} {
				f := newFleet(t)
				first, other := f.replica("k1"), f.replica("k1")
				died := false
				first.dying.dies = func(at string) bool {
					died = died || at == when+" "+name
					return died
				}
				what := fmt.Sprintf("dies %s %s, event first: %v", when, name, eventFirst)
				register := func(r *replica) error {
					_, _, err := r.Create(t.Context(), awaiting("task", "pi_1"))
					return err
				}
				post := func(r *replica) error {
					_, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], payment("evt_1", "paid", "pi_1"))
					return err
				}
				order := []func(*replica) error{register, post}
				if eventFirst {
					order = []func(*replica) error{post, register}
				}
				for _, do := range order {
					if do(first) != nil { // no reply: try again, somewhere else
						if err := do(other); err != nil {
							t.Fatalf("%s: %v", what, err)
						}
					}
				}
				if !died {
					t.Fatalf("%s: it did not", what)
				}
				other.takeOver()
				if state(other, "task") == relay.StateAnswered { // the process died before its attempt
					other.deliver(func() bool { return len(f.told("task")) > 0 })
				}
				other.takeOver()
				f.has(what, "task", paid("evt_1", "pi_1"))
				other.register("next", "pi_1")
				other.takeOver()
				f.has(what+": it is used", "next")
			}
		}
	}
}

// A step that fails while the process lives on does not lose the event either: it stays
// assigned, and is given when its lease has ended.
func TestStepFailsOnce(t *testing.T) {
	for _, step := range []string{"read", "answer", "serve"} {
		f := newFleet(t)
		r := f.replica("k1")
		r.register("task", "pi_1")
		r.dying.fails = step
		r.event("evt_1", "paid", "pi_1", relay.EventMatched)
		if step != "serve" {
			f.has(step+" has failed", "task")
		}
		r.takeOver()
		f.has(step+" has failed once", "task", paid("evt_1", "pi_1"))
		r.register("next", "pi_1")
		f.has(step+" has failed once: it is used", "next")
	}
	// Where memory is short, the event waits too.
	f := newFleet(t)
	r := f.replica("k1")
	r.register("task", "pi_1")
	post := payment("evt_1", "paid", "pi_1")
	post.Room = &once{}
	if got, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], post); err != nil || got.Verdict != relay.EventMatched {
		t.Errorf("%+v, %v", got, err)
	}
	f.has("no room", "task")
	r.takeOver()
	f.has("room again", "task", paid("evt_1", "pi_1"))
}

// Two events that mean the same to the task are still two: only the first is used.
func TestTwoEventsOfOneOutcome(t *testing.T) {
	f := newFleet(t)
	first, other := f.replica("k1"), f.replica("k1")
	reg := awaiting("task", "pi_1")
	reg.Awaits["paid"] = relay.Guard{Sender: "pay", Key: "pi_1", Outcomes: []rules.Outcome{{Do: rules.Succeed, Output: json.RawMessage(`"/id"`)}}}
	if _, _, err := first.Create(t.Context(), reg); err != nil {
		t.Fatal(err)
	}
	first.dying.fails = "serve" // so that the callback still waits
	first.event("evt_1", "paid", "pi_1", relay.EventMatched)
	other.event("evt_2", "paid", "pi_1", relay.EventMatched)
	f.has("the first", "task", `success "pi_1"`)
	if free, _, err := other.FreeEvents(t.Context(), "pay", 10); err != nil || len(free) != 1 || free[0].ID != "evt_2" {
		t.Errorf("free: %+v, %v", free, err)
	}
}

// once is room for one event to be judged, and not for a second one.
type once struct{ taken int }

func (*once) Give(int) {}

func (o *once) Take(n int) error {
	if n > 0 {
		o.taken++
	}
	if o.taken > 1 {
		return relay.ErrOverloaded
	}
	return nil
}

// A hook that has left the configuration file, or a sealed guard that cannot be opened,
// does not lose events: they are given once it is back.
func TestHookIsAway(t *testing.T) {
	f := newFleet(t)
	r, without := f.replica("k1"), f.replica("k1")
	r.register("task", "pi_1")
	hook := without.hooks["pay"]
	delete(without.hooks, "pay")
	if got, err := without.ReceiveEvent(t.Context(), hook, payment("evt_1", "paid", "pi_1")); err != nil || got.Verdict != relay.EventMatched {
		t.Errorf("%+v, %v", got, err)
	}
	f.pass(2 * theFleetLease)
	if _, err := without.GiveDue(t.Context()); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("taken over without the hook: %v", err)
	}
	f.has("without the hook", "task")
	f.pass(24 * time.Hour / 2)
	r.takeOver()
	f.has("with it", "task", paid("evt_1", "pi_1"))
}

// A sender that hangs up after its whole event has arrived has still posted it.
func TestSenderHangsUp(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	r.register("task", "pi_1")
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := r.ReceiveEvent(ctx, r.hooks["pay"], payment("evt_1", "paid", "pi_1")); err != nil {
		t.Error(err)
	}
	r.deliver(func() bool { return len(f.told("task")) > 0 })
	f.has("hung up", "task", paid("evt_1", "pi_1"))
}
