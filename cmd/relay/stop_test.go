package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
)

// hanging makes a replica whose calls to Step Functions last longer than the test,
// and which does not wait for them when it stops.
func (w *world) hanging(change ...func(*config.Settings)) *replica {
	w.Helper()
	w.steps.SetFault(standin.Fault{Kind: standin.Hang})
	r := w.build(append(change, func(s *config.Settings) { s.StepFunctionsTimeout = "30s" })...)
	r.stopWithin = pollEvery
	w.replicas = []*replica{r}
	w.run(r)
	return r
}

// within returns a function's result, and fails if the function takes too long.
func within[T any](w *world, what string, do func() T) T {
	w.Helper()
	done := make(chan T, 1)
	go func() { done <- do() }()
	select {
	case got := <-done:
		return got
	case <-time.After(patience):
		w.Fatalf("waited in vain until %s", what)
		panic("not reached")
	}
}

func TestStopTimeIsBounded(t *testing.T) {
	t.Parallel()
	if n := newWorld(t, startStandalone(t), 0).build(); n.stopWithin != stopWithin {
		t.Errorf("a node stops within %s, want %s", n.stopWithin, stopWithin)
	} else {
		n.close()
	}
}

// TestStopLeavesDeliveries stops a replica whose delivery hangs: it does not
// wait, and the answer stays for another process.
func TestStopLeavesDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.hanging(hasty)
	task := w.register()
	w.wantTaken(w.post(task.URL, `{}`), task, api.StatusAccepted, false)
	w.untilCalled(task, 1)
	if err := within(w, "the replica has stopped", r.stop); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !strings.Contains(r.log.String(), "another process delivers the rest") {
		t.Errorf("no word of what was left:\n%s", r.log)
	}
	w.replicas = []*replica{w.start()}
	if cb := w.get(task); cb.State != api.StateAnswered || cb.Delivery.Attempts != 1 {
		t.Errorf("state %s, delivery %+v: not left as it was", cb.State, cb.Delivery)
	}
}

// TestStopCutsRequestsOff stops a replica while a sender still waits: the sender
// loses its connection instead of hanging.
func TestStopCutsRequestsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.hanging()
	task := w.register()
	sent := make(chan error, 1)
	go func() {
		_, err := w.postAt(0, task, `{}`)
		sent <- err
	}()
	w.untilCalled(task, 1)
	if err := within(w, "the replica has stopped", r.stop); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v, want %v", err, context.DeadlineExceeded)
	}
	if err := within(w, "the sender is cut off", func() error { return <-sent }); err == nil {
		t.Error("the sender got an answer; it was to get none")
	}
}

// TestSecondSignal sends SIGTERM again while stopping waits for a delivery: the
// process ends at once, by the signal.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	task := w.register()
	w.steps.Inject(standin.Fault{Kind: standin.Hang})
	p := w.launch("RELAY_ANSWER_WAIT=0s", "RELAY_STEP_FUNCTIONS_TIMEOUT=30s")
	_, err := w.trySend(p.address, call{link: task.URL, body: strings.NewReader(`{}`)})
	w.must(err)
	w.untilCalled(task, 1)
	w.must(p.cmd.Process.Signal(syscall.SIGTERM))
	w.eventually("it is stopping", func() bool { return strings.Contains(p.log.String(), `"stopping"`) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.wait() // its error is the signal
	}()
	w.eventually("it has ended", func() bool {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("the process ended with %v, want it ended by the signal", p.cmd.ProcessState)
	}
}
