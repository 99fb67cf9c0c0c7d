package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Rows 62 and 68: on a Redis that lost everything, or that a newer release has
// changed, nothing is written and nothing is taken for the truth.
func testWatch(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	link := r.link(cb, "default")
	ctx, cancel := context.WithCancel(t.Context())
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		r.Watch(ctx, 10*time.Millisecond)
	}()
	defer func() {
		cancel()
		<-watching
	}()
	ask := map[string]func() error{
		"create": func() error { _, _, err := r.Create(ctx, registration("another"), maxExpiry); return err },
		"answer": func() error { _, err := r.Answer(ctx, link, success(`1`)); return err },
		"cancel": func() error { _, err := r.Cancel(ctx, cb.ID); return err },
		"get":    func() error { _, err := r.Get(ctx, cb.ID); return err },
		"claim":  func() error { _, err := r.Claim(ctx, 5); return err },
		"expire": func() error { _, err := r.Expire(ctx, 5); return err },
		"ready":  func() error { return r.Ready(ctx) },
	}
	for _, version := range []string{"2", "", "x"} {
		if version == "" {
			r.must(r.client.Del(ctx, "relay:schema").Err())
		} else {
			r.must(r.client.Set(ctx, "relay:schema", version, 0).Err())
		}
		r.until("the watch sees version "+version, func() bool { return errors.Is(ask["get"](), relay.ErrUnavailable) })
		for name, do := range ask {
			if err := do(); !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("schema %q: %s: %v, want ErrUnavailable", version, name, err)
			}
		}
		if state := r.hash(cb)["state"]; state != "pending" {
			t.Errorf("schema %q: the callback is %s", version, state)
		}
		r.must(r.client.Set(ctx, "relay:schema", "1", 0).Err())
		r.until("the watch sees version 1", func() bool { return ask["get"]() == nil })
	}
	r.answer(cb, `1`)
}

// until waits for what another goroutine does in its own time.
func (r *redisUnderTest) until(what string, holds func() bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			r.t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Row 64: a server that would evict is no place for callbacks.
func TestEvictionPolicy(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for mode, server := range map[string]*redistest.Server{
		store.ModeStandalone: redistest.Start(t),
		store.ModeCluster:    redistest.StartCluster(t),
	} {
		r := onURL(t, mode, server.URL)
		r.must(r.client.Set(t.Context(), "relay:schema", "1", 0).Err())
		if err := r.Ready(t.Context()); err != nil {
			t.Errorf("%s, noeviction: %v", mode, err)
		}
		r.must(r.client.ConfigSet(t.Context(), "maxmemory-policy", "volatile-lru").Err())
		if err := r.Ready(t.Context()); !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "volatile-lru") {
			t.Errorf("%s, volatile-lru: %v", mode, err)
		}
	}
}
