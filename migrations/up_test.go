package migrations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// testRunner returns a runner that knows a second migration, and does not wait for
// relays.
func testRunner(client redis.UniversalClient, report func(Progress)) *runner {
	r := newRunner(client, []Migration{All[0], second}, report)
	r.notice = time.Millisecond
	return r
}

// TestRewrite migrates callbacks of every kind, and one that is added after the
// migration was planned.
func TestRewrite(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		seed(t, client, 3*pageSize)
		r := testRunner(client, nil)
		plans, err := r.preview(ctx)
		if err != nil || len(plans) != 1 || plans[0].Rewrites != 3*pageSize || plans[0].Of != 3*pageSize {
			t.Fatalf("preview = %+v, %v", plans, err)
		}
		if got := client.Get(ctx, schemaKey).Val(); got != "1" {
			t.Errorf("previewing made the marker %q", got)
		}
		late := 0
		r.report = func(p Progress) {
			if p.Step == "rewriting" && late == 0 {
				late++
				add(t, client, "00", "late", 1) // before the cursor, and in the old form
			}
		}
		if completed, err := r.up(ctx); completed != 1 || err != nil {
			t.Fatalf("up = %d, %v", completed, err)
		}
		wantKeys(t, client, "2")
		if n, err := r.verify(ctx); n != 3*pageSize+1 || err != nil {
			t.Errorf("verify = %d, %v", n, err)
		}
		if cleaned := client.Get(ctx, cleanedKey).Val(); cleaned != "1" {
			t.Errorf("cleaned up %q times", cleaned)
		}
		if times := client.HGet(ctx, partitionKey(0, "cb:late"), "rewritten").Val(); times != "1" {
			t.Errorf("the late one was rewritten %q times", times)
		}
	})
}

// TestCutOff ends a run after each page, and lets the next run continue. It must
// not repeat a page whose progress was stored.
func TestCutOff(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		const callbacks = 2 * pageSize
		seed(t, client, callbacks)
		runs := 0
		for rewritten := 0; rewritten < callbacks; runs++ {
			run, cut := context.WithCancel(ctx)
			r := testRunner(client, nil)
			pages, before := 0, rewritten
			r.report = func(p Progress) {
				if p.Step != "rewriting" {
					return
				}
				if pages++; pages == 10 {
					cut() // before the progress of this page is stored
					return
				}
				rewritten = p.Done
			}
			if _, err := r.up(run); rewritten < callbacks && !errors.Is(err, context.Canceled) {
				t.Fatalf("run %d: %v", runs, err)
			}
			cut()
			if rewritten <= before {
				t.Fatalf("run %d went from %d to %d", runs, before, rewritten)
			}
			state, err := r.status(ctx)
			if err != nil || state.Holder != "" || state.Begun && state.Done != rewritten {
				t.Fatalf("after run %d, at %d: %+v, %v", runs, rewritten, state, err)
			}
			if _, err := r.verify(ctx); state.Begun && err == nil {
				t.Error("verified while it was half done")
			}
		}
		if runs < 5 {
			t.Errorf("%d runs, so it was not cut off", runs)
		}
		if _, err := testRunner(client, nil).up(ctx); err != nil {
			t.Fatal(err)
		}
		wantKeys(t, client, "2")
	})
}

// TestCleanUpGoesOn: a run that ends during its clean-up has already changed the
// marker; the next run finishes the clean-up.
func TestCleanUpGoesOn(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		seed(t, client, 1)
		errCutOff := errors.New("cut off")
		r := testRunner(client, nil)
		whole := r.all[1].CleanUp
		r.all[1].CleanUp = func(context.Context, redis.UniversalClient) error { return errCutOff }
		if _, err := r.up(ctx); !errors.Is(err, errCutOff) {
			t.Fatalf("up: %v", err)
		}
		if state, err := r.status(ctx); err != nil || state.Current != 2 || !state.Remains || len(state.Pending) > 0 {
			t.Errorf("status: %+v, %v", state, err)
		}
		r.all[1].CleanUp = whole
		if completed, err := r.up(ctx); completed != 0 || err != nil {
			t.Errorf("up again = %d, %v", completed, err)
		}
		wantKeys(t, client, "2")
		if cleaned := client.Get(ctx, cleanedKey).Val(); cleaned != "1" {
			t.Errorf("cleaned up %q times", cleaned)
		}
	})
}

// TestOneAtATime lets several runs find the same work. One does it, and the others
// wait and say for which run.
func TestOneAtATime(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		seed(t, client, pageSize)
		const runs = 4
		var done sync.WaitGroup
		var mu sync.Mutex
		completed, working, waited := 0, 0, false
		for range runs {
			r := testRunner(client, nil)
			own := false
			r.report = func(p Progress) {
				mu.Lock()
				defer mu.Unlock()
				if name, ok := strings.CutPrefix(p.Step, "waiting for "); ok {
					waited = waited || strings.Contains(name, "process")
				} else if !own {
					own = true
					working++
				}
			}
			done.Go(func() {
				n, err := r.up(t.Context())
				mu.Lock()
				defer mu.Unlock()
				completed += n
				if err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		if completed != 1 || working != 1 || !waited {
			t.Errorf("%d completed by %d runs, waited %v; want 1, 1, true", completed, working, waited)
		}
		wantKeys(t, client, "2")
	})
}

// TestLostLock: a run that has lost its lock to another run changes neither the
// marker nor the cursor, and returns an error.
func TestLostLock(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		seed(t, client, 3*pageSize)
		r := testRunner(client, nil)
		var stopped progress
		r.report = func(p Progress) {
			if p.Step != "rewriting" || p.Done < pageSize || stopped.number > 0 {
				return
			}
			if err := client.Set(ctx, migratorKey, "another", 0).Err(); err != nil {
				t.Error(err)
			}
			var err error
			if stopped, err = readProgress(ctx, client); err != nil {
				t.Error(err)
			}
		}
		if completed, err := r.up(ctx); completed != 0 || !errors.Is(err, errLost) {
			t.Errorf("up = %d, %v; want %v", completed, err, errLost)
		}
		if got := client.Get(ctx, schemaKey).Val(); got != "1>2" {
			t.Errorf("the marker is %q", got)
		}
		if got := client.Get(ctx, migratorKey).Val(); got != "another" {
			t.Errorf("the other's lock is %q", got)
		}
		if now, err := readProgress(ctx, client); err != nil || now != stopped {
			t.Errorf("progress %+v, %v; want that of the moment it was lost", now, err)
		}
	})
}

// TestDeadHolder: a run that died keeps others waiting until its lock expires. A
// live run keeps its lock for longer.
func TestDeadHolder(t *testing.T) {
	if server := realServer(t); server != nil {
		seed(t, server, 1)
		dead, next := testRunner(server, nil), testRunner(server, nil)
		// A slow machine may stop the next holder for a second or two.
		dead.expiry, next.expiry = 2*time.Second, 4*time.Second
		if other, err := dead.hold(t.Context()); other != "" || err != nil {
			t.Fatalf("hold: %q, %v", other, err)
		}
		waits := 0
		next.report = func(p Progress) {
			if strings.HasPrefix(p.Step, "waiting for") {
				waits++
			}
			if p.Step == "cleaning up" {
				if err := pause(t.Context(), 2*next.expiry); err != nil {
					t.Error(err)
				}
			}
		}
		if completed, err := next.up(t.Context()); completed != 1 || err != nil || waits == 0 {
			t.Errorf("up = %d, %v, after %d waits", completed, err, waits)
		}
	}
}

// TestOldRelayWrites: if callbacks never all reach the new form, up returns an
// error and does not change the marker.
func TestOldRelayWrites(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		seed(t, client, 1)
		r := testRunner(client, nil)
		n := 0
		r.report = func(p Progress) {
			if p.Step == "rewriting" {
				n++
				add(t, client, "00", fmt.Sprint("old", n), 900-n) // before the cursor
			}
		}
		_, err := r.up(t.Context())
		if err == nil || !strings.Contains(err.Error(), "is a relay of an older release still running?") {
			t.Errorf("up: %v", err)
		}
		if got := client.Get(t.Context(), schemaKey).Val(); got != "1>2" {
			t.Errorf("the marker is %q", got)
		}
	})
}

// TestMarkerMoved: a marker that another program has changed is left as it is.
func TestMarkerMoved(t *testing.T) {
	onEachServer(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		for _, other := range []string{"10", "one"} {
			client.Set(ctx, schemaKey, "0", 0)
			r := testRunner(client, func(Progress) { client.Set(ctx, schemaKey, other, 0) })
			if completed, err := r.up(ctx); completed != 0 || err == nil || !strings.Contains(err.Error(), "another program has changed ") {
				t.Errorf("up = %d, %v", completed, err)
			}
			if got := client.Get(ctx, schemaKey).Val(); got != other {
				t.Errorf("the marker is %q, want %q", got, other)
			}
		}
	})
}
