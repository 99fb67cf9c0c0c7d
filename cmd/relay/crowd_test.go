package main

import (
	"fmt"
	"math"
	"runtime/debug"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
)

// TestCrowd posts 256 answers at once while Step Functions is slow (row 114): all calls
// are made at once, and all senders are told that their answer was delivered.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const senders = 256
	w := newWorld(t, startStandalone(t), 0)
	w.replicas = append(w.replicas, w.start(func(s *config.Settings) { s.StepFunctionsRate, s.StepFunctionsTimeout = "0", "30s" }))
	w.steps.SetFault(standin.Fault{Kind: standin.Hang})
	var tasks []task
	var posts []func() (answer, error)
	for range senders {
		task := w.register()
		tasks = append(tasks, task)
		posts = append(posts, func() (answer, error) { return w.postAt(0, task, `"done"`) })
	}
	stopHanging := func() (answer, error) {
		defer w.steps.Release()
		defer w.steps.SetFault()
		for deadline := time.After(patience); w.steps.Calls().Total() < senders; {
			select {
			case <-deadline:
				return answer{}, fmt.Errorf("%d calls at once, want %d", w.steps.Calls().Total(), senders)
			case <-time.After(pollEvery):
			}
		}
		return answer{}, nil
	}
	for i, got := range w.atOnce(append(posts, stopHanging)...)[:senders] {
		w.wantTaken(got, tasks[i], api.StatusDelivered, false)
	}
}

// The memory for deliveries follows the limit of the process.
func TestDeliveryMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for limit, want := range map[int64]int64{math.MaxInt64: 0, 160 << 20: 96 << 20, 1 << 30: 644245092} {
		debug.SetMemoryLimit(limit)
		if got := deliveryMemory(); got != want {
			t.Errorf("with a limit of %d bytes: %d, want %d", limit, got, want)
		}
	}
}
