package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/rules"
)

// Row 108: of what those who wait pass over, a key keeps no more than of what nobody waits
// for, and what goes is counted.
func TestPassedEventsAreBounded(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	r.register("one", "pi_1")
	r.register("two", "pi_1")
	for i := range relay.MaxFreeEvents + 3 {
		r.event(fmt.Sprint("evt_", i), "other", "pi_1", relay.EventMatched)
		f.pass(time.Second)
	}
	events, total, err := r.FreeEvents(t.Context(), "pay", 100)
	if err != nil || total != relay.MaxFreeEvents || events[0].ID != "evt_3" {
		t.Errorf("%d are left, %v, want %d from evt_3: %+v", total, err, relay.MaxFreeEvents, events)
	}
	dropped := slices.DeleteFunc(r.counted.since(), func(line string) bool { return line != "pay dropped 1" })
	if len(dropped) != 3 {
		t.Errorf("%d drops were counted, want 3", len(dropped))
	}
	r.register("next", "pi_1")
	f.has("who joins wants none of them either", "next")
	r.event("evt_paid", "paid", "pi_1", relay.EventMatched)
	for _, task := range []relay.TaskToken{"one", "two", "next"} {
		f.has("what they want", task, paid("evt_paid", "pi_1"))
	}
}

// Row 106: the event that came first answers, whatever fails on the way. What cannot be given to one
// waiter does not hold up another.
func TestFirstEventAnswersAfterAFailure(t *testing.T) {
	for _, step := range []string{"read", "answer", "serve"} {
		for failures := 1; failures <= 3; failures++ {
			what := fmt.Sprintf("%s fails %d times", step, failures)
			f := newFleet(t)
			r, other := f.replica("k1"), f.replica("k1")
			r.register("task", "pi_1")
			for i := range 3 {
				if i < failures {
					r.dying.fails = step
				}
				if _, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], payment(fmt.Sprint("evt_", i), "paid", "pi_1")); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			other.takeOver()
			f.has(what, "task", paid("evt_0", "pi_1"))
			other.register("next", "pi_1")
			f.has(what+": the others are free", "next", paid("evt_1", "pi_1"))
		}
	}
	f := newFleet(t)
	r := f.replica("k1")
	r.register("one", "pi_1")
	r.register("two", "pi_1")
	r.dying.fails = "answer"
	r.event("evt_0", "paid", "pi_1", relay.EventMatched)
	if one, two := len(f.told("one")), len(f.told("two")); one+two != 1 {
		t.Errorf("an answer has failed once, and %d of 2 tasks were told something", one+two)
	}
	r.takeOver()
	f.has("taken over", "one", paid("evt_0", "pi_1"))
	f.has("taken over", "two", paid("evt_0", "pi_1"))
}

// Row 105: early events are given in the order of arrival, whichever master keys their replicas had,
// and whoever gives them.
func TestFirstEarlyEventAnswers(t *testing.T) {
	rings := [][]string{{"k1"}, {"k2", "k1"}, {"k3", "k2", "k1"}}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		for _, dies := range []bool{false, true} {
			what := fmt.Sprintf("rings %v, dies: %v", order, dies)
			f := newFleet(t)
			for i, ring := range order {
				f.replica(rings[ring]...).event(fmt.Sprint("evt_", i), "paid", "pi_1", relay.EventKept)
				f.pass(time.Second)
			}
			r, other := f.replica(rings[2]...), f.replica(rings[2]...)
			if dies {
				r.dying.dies = func(step string) bool { return step == "before read" }
			}
			r.register("task", "pi_1")
			other.takeOver()
			f.has(what, "task", paid("evt_0", "pi_1"))
		}
	}
}

// That holds for a callback with several awaits too.
func TestFirstOfSeveralAwaitsAnswers(t *testing.T) {
	for _, first := range []string{"pi_1", "pi_2"} {
		f := newFleet(t)
		r := f.replica("k1")
		r.event("evt_first", "paid", first, relay.EventKept)
		f.pass(time.Second)
		for _, key := range []string{"pi_1", "pi_2"} {
			r.event("evt_of_"+key, "paid", key, relay.EventKept)
		}
		reg := awaiting("task", "pi_1")
		reg.Awaits["also"] = await("pi_2")
		if _, _, err := r.Create(t.Context(), reg); err != nil {
			t.Fatal(err)
		}
		f.has("first for "+first, "task", paid("evt_first", first))
	}
}

// Row 107: what is assigned to a callback that is over leaves nothing behind, although what it takes
// to give it is gone. While the callback waits, it stays.
func TestAssignedToWhatIsOver(t *testing.T) {
	ends := map[string]func(*replica, relay.Callback){
		"pending": nil,
		"cancelled": func(r *replica, cb relay.Callback) {
			if _, err := r.Cancel(t.Context(), cb.ID); err != nil {
				t.Error(err)
			}
		},
		"expired": func(r *replica, _ relay.Callback) { r.f.pass(30 * time.Hour) },
		"gone": func(r *replica, cb relay.Callback) {
			r.f.server.Del("relay:v1:{" + partition(cb.ID) + "}:cb:" + string(cb.ID))
		},
		"answered": func(r *replica, cb relay.Callback) {
			link := cb.Links[slices.IndexFunc(cb.Links, func(l relay.Link) bool { return l.Name == "done" })]
			ref, err := r.Resolve(r.keys.LinkKey(cb.ID, link, cb.Key).Reveal(), relay.MachineLinks)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Receive(t.Context(), ref, posted(`{}`)); err != nil {
				t.Error(err)
			}
		},
	}
	lost := map[string]func(*replica) *replica{
		"the hook":       func(r *replica) *replica { delete(r.hooks, "pay"); return r },
		"the master key": func(r *replica) *replica { return r.f.replica("k2") },
		"its content": func(r *replica) *replica {
			for _, key := range r.f.server.Keys() {
				fields, _ := r.f.server.HKeys(key)
				for _, field := range fields {
					if strings.HasPrefix(field, "body:") {
						r.f.server.HSet(key, field, "damaged")
					}
				}
			}
			return r
		},
	}
	for state, end := range ends {
		for what, lose := range lost {
			if state == "answered" && what == "the master key" {
				continue // its guard cannot be read, until its retention is over: then it is gone
			}
			f := newFleet(t)
			r := f.replica("k1")
			reg := awaiting("task", "pi_1")
			reg.Links = map[string]relay.LinkRequest{"done": asked(relay.LinkWebhook)}
			cb, _, err := r.Create(t.Context(), reg)
			if err != nil {
				t.Fatal(err)
			}
			r.dying.fails = "read"
			r.event("evt_1", "paid", "pi_1", relay.EventMatched)
			if end != nil {
				end(r, cb)
			}
			r = lose(r)
			f.pass(20 * time.Minute)
			if _, err := r.GiveDue(t.Context()); (err != nil) != (end == nil) {
				t.Errorf("%s is gone, the callback is %s: %v", what, state, err)
			}
			for _, name := range []string{":events:", ":matches", ":free:"} {
				left := slices.ContainsFunc(f.server.Keys(), func(key string) bool { return strings.Contains(key, name) })
				if want := end == nil && name != ":free:"; left != want {
					t.Errorf("%s is gone, the callback is %s: %s is left: %v, want %v", what, state, name, left, want)
				}
			}
		}
	}
}

func partition(id relay.CallbackID) string { return fmt.Sprintf("%02d", id.Partition()) }

// An event that has answered is recognised without its hook: it is used, and nobody else
// gets it.
func TestUsedEventWithoutItsHook(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	r.register("task", "pi_1")
	r.dying.fails = "serve"
	r.event("evt_1", "paid", "pi_1", relay.EventMatched)
	pay := r.hooks["pay"]
	delete(r.hooks, "pay")
	r.takeOver()
	r.hooks["pay"] = pay
	r.register("next", "pi_1")
	f.has("it is used", "next")
}

// Row 106: whoever gives events stops between two of them when its time is over. What is left is
// taken over.
func TestGivingEnds(t *testing.T) {
	const waiters = 5
	f := newFleet(t)
	r, other := f.replica("k1"), f.replica("k1")
	for i := range waiters {
		r.register(relay.TaskToken(fmt.Sprint("task", i)), "pi_1")
	}
	r.dying.dies = func(step string) bool { return step == "after event" }
	if _, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], payment("evt_1", "paid", "pi_1")); err == nil {
		t.Fatal("it did not die")
	}
	given := func() (n int) {
		for i := range waiters {
			n += len(f.told(relay.TaskToken(fmt.Sprint("task", i))))
		}
		return n
	}
	f.pass(2 * theFleetLease)
	ctx, end := context.WithCancel(t.Context())
	other.dying.dies = func(step string) bool {
		if step == "after serve" {
			end()
		}
		return false
	}
	if _, err := other.GiveDue(ctx); err != nil || given() != 1 {
		t.Errorf("its time is over: %d are given, %v", given(), err)
	}
	other.takeOver()
	if given() != waiters {
		t.Errorf("taken over: %d are given", given())
	}
}

// Row 112: looking at used events ends as well.
func TestReviewEnds(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	for _, task := range []relay.TaskToken{"one", "two"} {
		r.register(task, "pi_1")
		f.set(f.slow, task, true)
	}
	r.event("evt_1", "paid", "pi_1", relay.EventMatched)
	f.pass(2 * theFleetLease)
	ctx, end := context.WithCancel(t.Context())
	looked := 0
	r.dying.dies = func(step string) bool {
		if step == "before get" {
			looked++
			end()
		}
		return false
	}
	if _, err := r.GiveDue(ctx); err != nil || looked != 1 {
		t.Errorf("%d were looked at, %v", looked, err)
	}
}

// Row 105: registrations with early events do not wait for the tasks of each other: Step Functions
// answers here only when all have reached it.
func TestRegistrationsAreGivenEventsTogether(t *testing.T) {
	const all = 3 * relay.MaxJudged
	f := newFleet(t)
	r := f.replica("k1")
	for i := range all {
		r.event(fmt.Sprint("evt_", i), "paid", fmt.Sprint("pi_", i), relay.EventKept)
	}
	var arrive sync.WaitGroup
	arrive.Add(all)
	f.sending = func() {
		arrive.Done()
		arrive.Wait()
	}
	var done sync.WaitGroup
	for i := range all {
		done.Go(func() {
			cb, _, err := r.Create(t.Context(), awaiting(relay.TaskToken(fmt.Sprint("task", i)), fmt.Sprint("pi_", i)))
			if err != nil || cb.State != relay.StateDelivered {
				t.Errorf("registration %d is %s, %v: it had to wait for others", i, cb.State, err)
			}
		})
	}
	done.Wait()
}

// An event that a rule cannot judge does not keep others from being judged.
func TestTurnsEnd(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	reg := awaiting("task", "pi_1")
	reg.Awaits["paid"] = relay.Guard{Sender: "pay", Key: "pi_1", Outcomes: []rules.Outcome{
		{When: "body.amount > 1", Do: rules.Succeed, Output: json.RawMessage(`"/id"`)},
	}}
	if _, _, err := r.Create(t.Context(), reg); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * relay.MaxJudged {
		r.event(fmt.Sprint("evt_", i), "other", "pi_1", relay.EventMatched)
	}
	got, err := r.ReceiveEvent(t.Context(), r.hooks["pay"],
		posted(`{"event":"evt_paid","type":"paid","id":"pi_1","amount":2}`, "X-Callback-Secret", hookSecret))
	if err != nil || got.Verdict != relay.EventMatched {
		t.Errorf("%+v, %v", got, err)
	}
	f.has("after events without an amount", "task", `success "pi_1"`)
}
