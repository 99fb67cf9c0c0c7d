package main

import (
	"testing"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// TestExpiry lets deadlines pass while two replicas watch them: each workflow gets
// Callback.Expired, soon and once (row 36).
func TestExpiry(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		tasks := make([]task, 20)
		for i := range tasks {
			tasks[i] = w.register(shortLived)
		}
		for _, task := range tasks {
			w.eventually("the workflow is told", func() bool { return len(w.effects(task)) > 0 })
		}
		// When both replicas read the queues again, nothing changes.
		for _, r := range w.replicas {
			seen := r.trips.pipelined.Load()
			w.eventually("a replica has looked again", func() bool { return r.trips.pipelined.Load() >= seen+8 })
		}
		for _, task := range tasks {
			got := w.effects(task)
			if len(got) != 1 || got[0].Action != standin.SendTaskFailure || got[0].Error != "Callback.Expired" {
				t.Fatalf("step functions took %+v, want Callback.Expired once", got)
			}
			if late := got[0].At.Sub(task.ExpiresAt); late < 0 || late > patience {
				t.Errorf("told %s after the deadline", late)
			}
			w.wantProblem(w.post(task.URL, `{}`), api.CodeExpired)
			cb := w.untilState(task, api.StateDelivered)
			if o := cb.Outcome; o == nil || o.Type != api.OutcomeFailure || o.By != "expiry" || o.Error != "Callback.Expired" {
				t.Errorf("outcome %+v", cb.Outcome)
			}
		}
		if got := w.steps.Calls().Of(standin.SendTaskFailure); got != len(tasks) {
			t.Errorf("%d calls of SendTaskFailure for %d tasks", got, len(tasks))
		}
	})
}

// TestAnsweredBeforeDeadline records an answer in time that is delivered after
// the deadline: it counts, and nothing expires (row 38).
func TestAnsweredBeforeDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	task := w.register(func(r *api.CreateRequest) { r.ExpiresIn = "3s" })
	w.steps.SetFault(standin.Fault{Kind: standin.Throttle})
	w.wantTaken(w.send(w.start(hasty), call{link: task.URL}), task, api.StatusAccepted, false)
	w.untilOverdue(task)
	w.steps.SetFault()
	w.untilState(task, api.StateDelivered)
	w.wantOutput(task, `{}`)
	w.wantTaken(w.post(task.URL, ``), task, api.StatusDelivered, true)
}
