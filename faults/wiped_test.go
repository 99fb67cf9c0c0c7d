package faults

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"callback-relay/store/redistest"
)

// TestWiped empties Redis while replicas run: they are not ready, answer 503 and
// never 404, and write nothing, until the operator confirms that Redis should be
// empty (row 62).
func TestWiped(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t, aof...)
	f := newFleet(t, setup{redisURL: server.URL, replicas: 2})
	redis, ctx := server.Client(), t.Context()
	cases := f.directed(f.replicas[0], 6, func(i int, c *caller) {
		if i < 3 {
			c.send(0, i%2) // delivered before it happens
		}
	})
	must(t, redis.FlushAll(ctx).Err())

	askAll := func() {
		for _, h := range cases {
			c := newLoad(f, 1, 1).client(h, rng(1, 1))
			for r := range f.replicas {
				if told := f.postOnce(c, 0, r); told.status != http.StatusServiceUnavailable {
					t.Errorf("a sender got %d %s", told.status, told.word)
				}
				if _, err := f.client(f.replicas[r]).Get(ctx, h.callback.ID); err == nil || !strings.Contains(err.Error(), "503") {
					t.Errorf("get: %v, want 503", err)
				}
			}
		}
	}
	askAll()
	f.untilNotReady()
	// Each replica has checked Redis by now, so from here on nothing is written.
	untilRefused(f)
	must(t, redis.FlushAll(ctx).Err())
	askAll()
	for _, r := range f.replicas {
		if _, _, err := f.tryRegister(r); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("register: %v, want 503", err)
		}
	}
	if n := redis.DBSize(ctx).Val(); n != 0 {
		t.Errorf("%d keys were written before the operator confirmed the empty Redis", n)
	}

	f.migrate()
	for _, r := range f.replicas {
		f.untilReady(r)
		eventually(t, "the replica registers again", func() bool {
			_, _, err := f.tryRegister(r)
			return err == nil
		})
	}
	for _, h := range cases {
		c := newLoad(f, 1, 1).client(h, rng(1, 1))
		f.untilFound(c)
	}
	after := f.directed(f.replicas[1], 2, func(i int, c *caller) { c.send(0, i) })
	f.judged("after it was made good", after)
}

// untilRefused waits until no replica registers anything.
func untilRefused(f *fleet) {
	f.Helper()
	for _, r := range f.replicas {
		eventually(f, "the replica refuses", func() bool {
			_, _, err := f.tryRegister(r)
			return err != nil
		})
	}
}

// untilFound posts to a link of a lost callback until the response is 404, which
// only comes now.
func (f *fleet) untilFound(c *caller) {
	f.Helper()
	eventually(f, "a link of a lost callback is not found", func() bool {
		told, err := f.post(context.Background(), f.replicas[0], c.callback.URL, c.bodies[0])
		return err == nil && told.status == http.StatusNotFound
	})
}
