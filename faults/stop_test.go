package faults

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// TestStopUnderLoad sends SIGTERM to one replica after the other while both are
// busy. Each first says that it is not ready, and exits with 0 in time. All
// responses are 200, 409, 410 or 503, and no acknowledged answer is lost (row 56).
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	f := newFleet(t, setup{redisURL: redistest.Start(t).URL, replicas: 2, settings: []string{"RELAY_ANSWER_WAIT=2s"}})
	s := newScenario("SIGTERM under load", *seedFlag, f)
	f.steps.SetFault(standin.Fault{Kind: standin.Slow, Delay: time.Second})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loading sync.WaitGroup
	loading.Go(func() { s.load.run(ctx) })
	for range 2 {
		for _, r := range f.replicas {
			s.count("relay: SIGTERM, restart")
			eventually(t, "requests are under way", func() bool { return s.load.working.Load() > 5 })
			f.untilReady(r)
			r.signal(syscall.SIGTERM)
			eventually(t, "it says that it is not ready, and why", func() bool {
				status, body, err := f.private(r, "/readyz")
				if err != nil {
					t.Fatalf("gone before it said that it was not ready: %v", err)
				}
				return status == http.StatusServiceUnavailable && strings.Contains(body, "relay is stopping")
			})
			if err := r.awaitEnd(); err != nil {
				t.Errorf("exit: %v", err)
			}
			r.start()
		}
	}
	stop()
	loading.Wait()
	s.conclude().report(t)
}

// TestKilledBeforeTheScript kills a relay whose script has not reached Redis:
// nothing is stored, and the sender's next try is the first answer (row 54).
func TestKilledBeforeTheScript(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t)
	f := newFleet(t, setup{redisURL: server.URL, replicas: 1})
	way := newProxy(t, server.Addr)
	victim := f.add("RELAY_REDIS_URL=redis://" + way.addr + "/0")
	var c *caller
	cases := f.directed(f.replicas[0], 1, func(_ int, one *caller) { c = one })
	way.hold(naming(cases...))
	posted := make(chan reply, 1)
	go func() { posted <- f.postOnce(c, 0, 1) }()
	eventually(t, "the script is on its way", func() bool { return way.holds(c.callback.ID) })
	victim.kill()
	way.cut()
	way.release()
	if told := <-posted; told.status != 0 {
		t.Errorf("a dead relay answered %d", told.status)
	}
	if cb := f.get(f.replicas[0], c.callback.ID); cb.State != "pending" {
		t.Errorf("state %s", cb.State)
	}
	if told := f.postOnce(c, 0, 0); told.status != http.StatusOK || told.duplicate {
		t.Errorf("the second try: %+v", told)
	}
	f.judged("killed before the script", cases)
}
