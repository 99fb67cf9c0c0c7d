package relay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// counted are the metrics of hooks, one line for each that was reported.
type counted struct {
	mu    sync.Mutex
	lines []string
}

func (c *counted) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

// since returns what was reported since the last time.
func (c *counted) since() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := c.lines
	c.lines = nil
	return lines
}

func (c *counted) Received(sender, verdict string) { c.note("%s %s", sender, verdict) }
func (c *counted) Dropped(sender string, n int)    { c.note("%s dropped %d", sender, n) }
func (c *counted) NotGiven(sender string)          { c.note("%s not given", sender) }
func (c *counted) Configured(senders []string) {
	c.note("there are %s", strings.Join(senders, " and "))
}
func (c *counted) Late(by time.Duration) { c.note("late %s", by) }
func (c *counted) Kept(s string, n int, old time.Duration) {
	c.note("%s keeps %d for %s", s, n, old)
}

// reports checks what was reported since the last time.
func (c *counted) reports(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, c.since()); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
}

// What becomes of each request to a hook is counted once, and so is what waits.
func TestHookMetrics(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	c := r.counted
	count := func() {
		t.Helper()
		if err := r.CountHooks(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	count()
	c.reports(t, "there are open and pay", "late 0s", "open keeps 0 for 0s", "pay keeps 0 for 0s")
	r.event("evt_1", "paid", "pi_1", relay.EventKept)
	r.event("evt_1", "paid", "pi_1", relay.EventDuplicate)
	f.pass(time.Minute)
	r.event("evt_2", "paid", "pi_2", relay.EventKept)
	r.event("evt_3", "noise", "pi_2", relay.EventIgnored)
	c.reports(t, "pay kept", "pay duplicate", "pay kept", "pay ignored")
	count()
	c.reports(t, "there are open and pay", "late 0s", "open keeps 0 for 0s", "pay keeps 2 for 1m0s")

	post := func(p relay.Post) error {
		_, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], p)
		return err
	}
	if err := post(posted(`{"id":"k"}`)); err == nil {
		t.Error("an event without a proof is taken")
	}
	for _, body := range []string{`{"type":"paid","id":[]}`, `{"id":`} {
		if err := post(posted(body, "Content-Type", "application/json", "X-Callback-Secret", hookSecret)); err != nil {
			t.Error(err)
		}
	}
	c.reports(t, "pay unproven", "pay failed-rule", "pay unsupported")
	for i := range relay.MaxFreeEvents + 1 {
		r.event(fmt.Sprint("many", i), "paid", "pi_3", relay.EventKept)
	}
	if lines := c.since(); !slices.Contains(lines, "pay dropped 1") {
		t.Errorf("nothing was dropped: %q", lines)
	}
	f.server.SetError("LOADING")
	if err := post(payment("evt_5", "paid", "pi_5")); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
	c.reports(t, "pay unavailable")
}

// An event that cannot be given is counted each time, and shows as late between.
func TestNotGivenIsCounted(t *testing.T) {
	f := newFleet(t)
	a, b := f.replica("k1"), f.replica("k1")
	c := b.counted
	a.register("task", "pi_1")
	a.dying.dies = func(step string) bool { return step == "before read" }
	a.event("evt_1", "paid", "pi_1", relay.EventMatched)
	f.pass(theFleetLease + 10*time.Second)
	if err := b.CountHooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.reports(t, "there are open and pay", "late 10s", "open keeps 0 for 0s", "pay keeps 0 for 0s")
	pay := b.hooks["pay"]
	delete(b.hooks, "pay")
	for range 2 {
		if _, err := b.GiveDue(t.Context()); !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("without the hook: %v", err)
		}
		f.pass(2 * theFleetLease)
	}
	c.reports(t, "pay not given", "pay not given")
	b.hooks["pay"] = pay
	b.takeOver()
	c.reports(t)
	f.has("once the hook is back", "task", paid("evt_1", "pi_1"))
}
