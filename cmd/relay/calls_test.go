package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
)

// TestFaultyCalls answers tasks whose first call to Step Functions fails, in every
// possible way. The answer is still delivered, with one effect, and the relay says
// whether this is confirmed.
func TestFaultyCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	for range 2 {
		w.replicas = append(w.replicas, w.start(hasty, func(s *config.Settings) { s.StepFunctionsTimeout = "1s" }))
	}
	for _, test := range []struct {
		name      string
		fault     standin.Fault
		confirmed bool
	}{
		{"row 43: the answer is lost after the effect", standin.Fault{Kind: standin.CommitThenDrop}, false},
		{"row 43: an error after the effect", standin.Fault{Kind: standin.CommitThenError}, false},
		{"row 43: no answer after the effect", standin.Fault{Kind: standin.CommitThenHang}, false},
		{"row 44: the call is lost before the effect", standin.Fault{Kind: standin.Drop}, true},
		{"row 44: an error in place of the effect", standin.Fault{Kind: standin.ServerError}, true},
		{"row 44: unavailable", standin.Fault{Kind: standin.Unavailable}, true},
		{"row 46: throttled", standin.Fault{Kind: standin.Throttle}, true},
		{"row 46: throttled by KMS", standin.Fault{Kind: standin.Refuse, Code: "KmsThrottlingException"}, true},
		{"row 51: hung", standin.Fault{Kind: standin.Hang}, true},
		{"row 52: a 200 that is cut off", standin.Fault{Kind: standin.CommitThenTruncate}, false},
		{"row 52: a 200 that cannot be read", standin.Fault{Kind: standin.CommitThenGarble}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := w.under(t)
			task := w.register()
			test.fault.TaskToken = task.token
			w.steps.Inject(test.fault)
			w.wantTaken(w.post(task.URL, `{"n": 1.0}`), task, api.StatusAccepted, false)
			cb := w.untilState(task, api.StateDelivered)
			if d := cb.Delivery; d.Attempts != 2 || *d.Confirmed != test.confirmed {
				t.Errorf("delivery %+v, confirmed %v; want 2 attempts, confirmed %v", d, *d.Confirmed, test.confirmed)
			}
			w.wantOutput(task, `{"n": 1.0}`)
			w.wantTaken(w.post(task.URL, `{"n": 1.0}`), task, api.StatusDelivered, true)
		})
	}
}

// TestCallsThatWillNeverWork answers tasks that Step Functions refuses permanently,
// or no longer has: the relay says so, and makes no second call.
func TestCallsThatWillNeverWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 2)
	for name, code := range map[string]string{
		"row 45: closed":       "TaskTimedOut",
		"row 45: unknown":      "TaskDoesNotExist",
		"row 49: output":       "InvalidOutput",
		"row 49: task token":   "InvalidToken",
		"row 49: not accepted": "ValidationException",
	} {
		t.Run(name, func(t *testing.T) {
			w := w.under(t)
			task := w.register()
			w.steps.SetFault(standin.Fault{Kind: standin.Refuse, Code: code, TaskToken: task.token})
			defer w.steps.SetFault()
			want := api.CodeRefused
			if strings.HasPrefix(code, "Task") {
				want = api.CodeTaskClosed
			}
			for range 2 {
				w.wantProblem(w.post(task.URL, `1`), want)
			}
			cb := w.get(task)
			if cb.State != api.StateRefused || cb.Delivery.LastError != code || cb.Delivery.Attempts != 1 {
				t.Errorf("state %s, delivery %+v", cb.State, cb.Delivery)
			}
			w.wantNothing(task)
			metric := `callback_relay_deliveries_settled_total{reason="` + code + `",state="refused"} 1`
			if !slices.ContainsFunc(w.replicas, func(r *replica) bool {
				_, body := w.private(r, "/metrics")
				return strings.Contains(body, metric)
			}) {
				t.Errorf("no metric %s", metric)
			}
		})
	}
}

// TestCallsThatNeedAnOperator answers tasks while the relay's own permissions
// are missing (row 50): nothing is given up, and the metric that raises the alert
// counts. When the permissions are back, deliveries continue by themselves. The test
// skips the pause between the attempts, which is at least half a minute.
func TestCallsThatNeedAnOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	for i, code := range []string{
		"AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException",
		"KmsAccessDeniedException", "KmsInvalidStateException",
	} {
		t.Run(code, func(t *testing.T) {
			w := w.under(t)
			task := w.register()
			w.steps.SetFault(standin.Fault{Kind: standin.Refuse, Code: code, TaskToken: task.token})
			w.wantTaken(w.post(task.URL, `1`), task, api.StatusAccepted, false)
			cb := w.get(task)
			// Counted from the answer, so that a slow machine makes no difference.
			if wait := cb.Delivery.NextAttemptAt.Sub(cb.Outcome.At); cb.State != api.StateAnswered ||
				cb.Delivery.LastError != code || wait < 30*time.Second {
				t.Errorf("state %s, delivery %+v, next attempt in %s", cb.State, cb.Delivery, wait)
			}
			metric := fmt.Sprintf(`delivery_attempts_total{class="needs-operator"} %d`+"\n", i+1)
			if _, body := w.private(w.replicas[0], "/metrics"); !strings.Contains(body, metric) {
				t.Errorf("no metric for deliveries that need an operator: %s", metric)
			}
			w.wantNothing(task)
			w.steps.SetFault()
			w.hurry(task)
			w.untilState(task, api.StateDelivered)
			w.wantOutput(task, `1`)
		})
	}
}

// hurry makes the next attempt of a task's delivery due now.
func (w *world) hurry(t task) {
	w.Helper()
	for partition := range 64 {
		key := fmt.Sprintf("relay:v1:{%02d}:due", partition)
		w.must(w.redis.ZAddXX(w.Context(), key, redis.Z{Score: 1, Member: t.ID}).Err())
	}
}

// TestClosedBehindTheSender closes a task whose answer was accepted and not yet
// delivered (row 39): the sender got 200, and the callback records why the answer
// had no effect.
func TestClosedBehindTheSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	task := w.register()
	w.steps.SetFault(standin.Fault{Kind: standin.Throttle})
	w.wantTaken(w.post(task.URL, `1`), task, api.StatusAccepted, false)
	w.steps.Close(task.token)
	w.steps.SetFault()
	cb := w.untilState(task, api.StateRefused)
	if cb.Delivery.LastError != "TaskTimedOut" {
		t.Errorf("delivery %+v", cb.Delivery)
	}
	w.wantNothing(task)
	w.wantProblem(w.post(task.URL, `1`), api.CodeTaskClosed)
}
