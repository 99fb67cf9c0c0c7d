package relay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
)

// countHooks takes the census of hooks.
func (r *replica) countHooks() {
	r.f.t.Helper()
	if err := r.CountHooks(r.f.t.Context()); err != nil {
		r.f.t.Fatal(err)
	}
}

// resolves checks what becomes of a request to a sender's hook: nil if it is found.
// A post that must be repeated reports its sender as missed.
func (r *replica) resolves(when, sender string, want error) {
	r.f.t.Helper()
	key := r.HookURL(sender)[len("https://relay.example.com/h/"):]
	r.resolvesKey(when, sender, key, want)
}

func (r *replica) resolvesKey(when, sender, key string, want error) {
	r.f.t.Helper()
	r.counted.since()
	r.missed.names = nil
	hook, err := r.ResolveHook(key)
	if !errors.Is(err, want) || want == nil && hook.Name != sender {
		r.f.t.Errorf("%s: hook %q, %v, want %v", when, hook.Name, err, want)
	}
	var missed []string
	if errors.Is(want, relay.ErrUnavailable) {
		missed = []string{sender}
		r.counted.reports(r.f.t, sender+" unavailable")
	} else {
		r.counted.reports(r.f.t)
	}
	if !slices.Equal(r.missed.names, missed) {
		r.f.t.Errorf("%s: missed are %q, want %q", when, r.missed.names, missed)
	}
}

// Row 113: a hook that has left the configuration file is recognised by every replica, as
// long as callbacks may await its events: whoever posts there tries again.
func TestHookThatHasLeftTheFile(t *testing.T) {
	f := newFleet(t)
	a, b := f.replica("k1"), f.replica("k1")
	a.countHooks()
	b.countHooks()
	a.register("task", "pi_1")
	pay := a.hooks["pay"]
	for _, r := range []*replica{a, b} {
		delete(r.hooks, "pay")
		delete(r.hooks, "open")
	}
	a.resolves("the replica that has registered it", "pay", relay.ErrUnavailable)
	b.countHooks()
	b.resolves("another replica", "pay", relay.ErrUnavailable)
	b.resolves("nobody awaits anything there", "open", relay.ErrNotFound)
	b.resolvesKey("forged", "", strings.Repeat("a", relay.HookKeyChars), relay.ErrNotFound)

	restarted := f.replica("k1")
	delete(restarted.hooks, "pay")
	restarted.countHooks()
	restarted.resolves("after a restart", "pay", relay.ErrUnavailable)
	rotated := f.replica("k2", "k1")
	delete(rotated.hooks, "pay")
	rotated.countHooks()
	rotated.resolves("under the new master key", "pay", relay.ErrUnavailable)
	rotated.resolvesKey("under the earlier one", "pay", a.HookURL("pay")[len("https://relay.example.com/h/"):], relay.ErrUnavailable)

	page, err := b.List(t.Context(), relay.Query{AwaitSender: "pay", AwaitKey: "pi_1"})
	if err != nil || len(page.Callbacks) != 1 {
		t.Errorf("who waits: %+v, %v", page, err)
	}
	b.hooks["pay"] = pay
	b.resolves("once it is back", "pay", nil)
	b.event("evt_1", "paid", "pi_1", relay.EventMatched)
	f.has("once it is back", "task", paid("evt_1", "pi_1"))
}

// Row 113: a replica that has not read yet which hooks are awaited cannot tell a forged key
// from that of such a hook.
func TestHooksBeforeTheFirstCensus(t *testing.T) {
	f := newFleet(t)
	f.replica("k1").register("task", "pi_1")
	r := f.replica("k1")
	delete(r.hooks, "pay")
	key := r.HookURL("pay")[len("https://relay.example.com/h/"):]
	if _, err := r.ResolveHook(key); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	r.resolves("what is configured", "open", nil)
	f.server.SetError("LOADING")
	if err := r.CountHooks(t.Context()); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
	if _, err := r.ResolveHook(key); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
	f.server.SetError("")
	r.countHooks()
	r.resolves("after the census", "pay", relay.ErrUnavailable)
	f.server.SetError("LOADING")
	if err := r.CountHooks(t.Context()); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("without Redis: %v", err)
	}
	r.resolves("what was read stays", "pay", relay.ErrUnavailable)
	r.resolvesKey("forged", "", strings.Repeat("a", relay.HookKeyChars), relay.ErrNotFound)
}

// Row 113: what is remembered of a hook ends soon after the last deadline of those who await
// its events, which may have been changed.
func TestAwaitedHookIsForgotten(t *testing.T) {
	f := newFleet(t)
	a, b := f.replica("k1"), f.replica("k1")
	cb := a.register("task", "pi_1") // for 24 hours
	delete(b.hooks, "pay")
	f.pass(23 * time.Hour)
	if _, err := a.Reschedule(t.Context(), cb.ID, relay.Expires{In: 47 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	f.pass(47 * time.Hour)
	b.countHooks()
	b.resolves("at the later deadline", "pay", relay.ErrUnavailable)
	f.pass(2 * time.Hour)
	for _, r := range []*replica{a, b} {
		delete(r.hooks, "pay")
		r.countHooks()
		r.resolves("when nobody can wait any more", "pay", relay.ErrNotFound)
	}
	if f.server.Exists("relay:v1:awaited") {
		t.Error("something of it is left in Redis")
	}
}

// Most registrations need not write who is awaited: another one has done so. What another
// replica has written counts once it was read.
func TestAwaitedHooksAreWrittenRarely(t *testing.T) {
	f := newFleet(t)
	a, b := f.replica("k1"), f.replica("k1")
	writes := 0
	for _, r := range []*replica{a, b} {
		r.dying.dies = func(step string) bool {
			if step == "before mark" {
				writes++
			}
			return false
		}
	}
	b.hooks["pay"] = a.hooks["pay"]
	for i := range 50 {
		a.register(relay.TaskToken(fmt.Sprint("a", i)), fmt.Sprint("pi_", i))
		f.pass(time.Second)
	}
	if writes > 2 {
		t.Errorf("%d writes for 50 registrations within a minute", writes)
	}
	b.countHooks()
	writes = 0
	b.register("b", "pi_b")
	if writes > 1 {
		t.Errorf("%d writes of what another replica has just written", writes)
	}
	f.pass(5 * time.Hour)
	writes = 0
	a.register("late", "pi_late")
	if writes != 1 {
		t.Errorf("%d writes for a later deadline", writes)
	}
}

// Row 113: a registration is only acknowledged once its hook is remembered.
func TestAwaitedHookIsNotWritten(t *testing.T) {
	f := newFleet(t)
	a, b := f.replica("k1"), f.replica("k1")
	a.dying.fails = "mark"
	if _, _, err := a.Create(t.Context(), awaiting("task", "pi_1")); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	a.register("task", "pi_1")
	delete(b.hooks, "pay")
	b.countHooks()
	b.resolves("once it was repeated", "pay", relay.ErrUnavailable)

	// Redis loses it, in a failover, after registrations that relied on it.
	f.server.Del("relay:v1:awaited")
	a.register("another", "pi_2")
	a.countHooks()
	restarted := f.replica("k1")
	delete(restarted.hooks, "pay")
	restarted.countHooks()
	restarted.resolves("after the loss", "pay", relay.ErrUnavailable)
}
