package stepfunctions_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// told records the calls that are reported to the metrics.
type told struct {
	mu    sync.Mutex
	calls []string
}

func (m *told) StepFunctionsCalled(call, class string, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if took <= 0 {
		call += " in no time"
	}
	m.calls = append(m.calls, call+" "+class)
}

func TestCallsAreTimed(t *testing.T) {
	var m told
	server, sender, task := start(t, stepfunctions.Options{Metrics: &m})
	server.Inject(standin.Fault{Kind: standin.Throttle}, standin.Fault{Kind: standin.ServerError})
	for range 3 {
		_ = sender.Heartbeat(t.Context(), task) // the result is in the metrics
	}
	_ = sender.Send(t.Context(), task, success)
	_ = sender.Send(t.Context(), task, relay.Outcome{Type: relay.OutcomeFailure, Error: "Too.Late"})
	want := []string{
		"SendTaskHeartbeat throttled", "SendTaskHeartbeat unclear", "SendTaskHeartbeat done",
		"SendTaskSuccess done", "SendTaskFailure closed",
	}
	if diff := cmp.Diff(want, m.calls); diff != "" {
		t.Errorf("calls (-want +told):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	want := []string{
		"InvalidOutput", "InvalidToken", "TaskDoesNotExist", "TaskTimedOut",
		"ValidationError", "ValidationException", "invalid-request",
	}
	if got := stepfunctions.Refusals(); !slices.Equal(got, want) {
		t.Errorf("refused for good: %q, want %q", got, want)
	}
}
