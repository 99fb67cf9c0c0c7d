package stepfunctions_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
)

// TestSend compares what Step Functions received with what was sent.
func TestSend(t *testing.T) {
	const odd = "{ \"n\": 12345678901234567890123, \"a\":1, \"a\":2, \"s\":\"\\ud800 <é>\u2028\" }\r\n"
	tests := []struct {
		name    string
		outcome relay.Outcome
		want    standin.Effect
	}{
		{
			"success, byte for byte",
			relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(odd)},
			standin.Effect{Action: standin.SendTaskSuccess, Output: []byte(odd)},
		},
		{
			"the largest output",
			relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(`"` + strings.Repeat("<", 262_142) + `"`)},
			standin.Effect{Action: standin.SendTaskSuccess, Output: []byte(`"` + strings.Repeat("<", 262_142) + `"`)},
		},
		{
			"failure",
			relay.Outcome{Type: relay.OutcomeFailure, Error: relay.ErrorExpired, Cause: "nobody came"},
			standin.Effect{Action: standin.SendTaskFailure, Error: relay.ErrorExpired, Cause: "nobody came"},
		},
		{
			"failure without a name",
			relay.Outcome{Type: relay.OutcomeFailure},
			standin.Effect{Action: standin.SendTaskFailure, Error: stepfunctions.ErrorUnnamed},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, sender, taskToken := start(t, stepfunctions.Options{})
			if err := sender.Send(t.Context(), taskToken, tt.outcome); err != nil {
				t.Fatal(err)
			}
			tt.want.TaskToken = taskToken.Reveal()
			diff := cmp.Diff([]standin.Effect{tt.want}, server.Effects(), cmpopts.IgnoreFields(standin.Effect{}, "At"), cmp.Comparer(bytes.Equal))
			if diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendUnknownOutcome(t *testing.T) {
	server, sender, taskToken := start(t, stepfunctions.Options{})
	want(t, sender.Send(t.Context(), taskToken, relay.Outcome{}), relay.SendNever, "invalid-request")
	if n := server.Calls().Total(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestHeartbeat(t *testing.T) {
	server, sender, taskToken := start(t, stepfunctions.Options{})
	if err := sender.Heartbeat(t.Context(), taskToken); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Heartbeats()); n != 1 {
		t.Errorf("%d heartbeats", n)
	}
	server.Close(taskToken.Reveal())
	want(t, sender.Heartbeat(t.Context(), taskToken), relay.SendClosed, "TaskTimedOut")
	want(t, sender.Heartbeat(t.Context(), "stranger"), relay.SendNever, "InvalidToken")
}

// TestOneRequestPerSend: there is one request per Send, whatever the server does
// and whatever the environment says about retries.
func TestOneRequestPerSend(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "7")
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	faults := map[standin.FaultKind]relay.SendClass{
		standin.CommitThenDrop:     relay.SendUnclear,
		standin.CommitThenError:    relay.SendUnclear,
		standin.CommitThenTruncate: relay.SendUnclear,
		standin.CommitThenGarble:   relay.SendUnclear,
		standin.CommitThenHang:     relay.SendUnclear,
		standin.Drop:               relay.SendUnclear,
		standin.ServerError:        relay.SendUnclear,
		standin.Unavailable:        relay.SendUnclear,
		standin.Hang:               relay.SendUnclear,
		standin.Throttle:           relay.SendThrottled,
	}
	for kind, class := range faults {
		t.Run(string(kind), func(t *testing.T) {
			server := standin.New(standin.Options{})
			url, stop, err := server.Listen("")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			opts := stepfunctions.Options{}
			if kind == standin.Hang || kind == standin.CommitThenHang {
				opts.Timeout = shortTimeout
			}
			sender := environmentSender(t, url, opts)
			taskToken := relay.TaskToken(server.NewTask(standin.TaskOptions{}))
			// A connection that was used before is the harder case: net/http
			// repeats some requests on those.
			if err := sender.Heartbeat(t.Context(), taskToken); err != nil {
				t.Fatal(err)
			}

			server.SetFault(standin.Fault{Kind: kind})
			got := sender.Send(t.Context(), taskToken, success)
			var failed *relay.SendError
			if !errors.As(got, &failed) || failed.Class != class {
				t.Errorf("got %v, want %s", got, class)
			}
			if n := server.Calls().Of(standin.SendTaskSuccess); n != 1 {
				t.Errorf("%d requests: %v", n, server.Calls())
			}
		})
	}
}

// TestNoRedirect: a redirect would be a second request, to an unknown server.
func TestNoRedirect(t *testing.T) {
	var mu sync.Mutex
	requests := 0
	sender := startHandler(t, stepfunctions.Options{}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests++
		http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
	})
	want(t, sender.Send(t.Context(), "t", success), relay.SendNeedsOperator, "http-308")
	mu.Lock()
	defer mu.Unlock()
	if requests != 1 {
		t.Errorf("%d requests", requests)
	}
}

func TestConcurrentSends(t *testing.T) {
	server, sender, _ := start(t, stepfunctions.Options{})
	const sends = 200
	var all sync.WaitGroup
	for range sends {
		taskToken := relay.TaskToken(server.NewTask(standin.TaskOptions{}))
		all.Go(func() {
			if err := sender.Send(t.Context(), taskToken, success); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(server.Effects()); n != sends {
		t.Errorf("%d effects", n)
	}
}
