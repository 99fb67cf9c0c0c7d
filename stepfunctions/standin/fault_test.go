package standin_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"callback-relay/stepfunctions/standin"
)

// TestFaults plays each fault once. It checks what the client saw, what happened to
// the task, and that the next call works.
func TestFaults(t *testing.T) {
	const transport = "no AWS error"
	tests := []struct {
		fault  standin.Fault
		code   string // what the client sees
		effect bool
		result string // what the call is counted under
	}{
		{standin.Fault{Kind: standin.CommitThenDrop}, transport, true, "commit-then-drop"},
		{standin.Fault{Kind: standin.CommitThenError}, "InternalFailure", true, "InternalFailure"},
		{standin.Fault{Kind: standin.CommitThenTruncate}, transport, true, "commit-then-truncate"},
		{standin.Fault{Kind: standin.CommitThenGarble}, transport, true, "commit-then-garble"},
		{standin.Fault{Kind: standin.Drop}, transport, false, "drop"},
		{standin.Fault{Kind: standin.ServerError}, "InternalFailure", false, "InternalFailure"},
		{standin.Fault{Kind: standin.Unavailable}, "ServiceUnavailable", false, "ServiceUnavailable"},
		{standin.Fault{Kind: standin.Slow, Delay: time.Millisecond}, "", true, "ok"},
		{standin.Fault{Kind: standin.Throttle}, "ThrottlingException", false, "ThrottlingException"},
		{standin.Fault{Kind: standin.Refuse, Code: "KmsAccessDeniedException"}, "KmsAccessDeniedException", false, "KmsAccessDeniedException"},
		{standin.Fault{Kind: standin.Refuse, Code: "Odd", Status: 599}, "Odd", false, "Odd"},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Kind)+tt.fault.Code, func(t *testing.T) {
			server, url := start(t, standin.Options{})
			sdk := client(t, url)
			taskToken := server.NewTask(standin.TaskOptions{})
			server.Inject(tt.fault)

			wantCode(t, succeed(t, sdk, taskToken, `{}`), tt.code)
			if got := len(server.Effects()) == 1; got != tt.effect {
				t.Errorf("effect: %v, want %v", got, tt.effect)
			}
			next := ""
			if tt.effect {
				next = "TaskTimedOut"
			}
			wantCode(t, succeed(t, sdk, taskToken, `{}`), next)

			results := server.Calls()[standin.SendTaskSuccess]
			if results[tt.result] < 1 || server.Calls().Total() != 2 {
				t.Errorf("counted %v, want %q among two", results, tt.result)
			}
			if state, _ := server.Task(taskToken); state.Calls != 2 {
				t.Errorf("%d calls of the task", state.Calls)
			}
		})
	}
}

// TestHang lets a call hang until the client hangs up or the stand-in continues.
func TestHang(t *testing.T) {
	for _, kind := range []standin.FaultKind{standin.Hang, standin.CommitThenHang} {
		for _, ending := range []string{"client goes", "released"} {
			t.Run(string(kind)+", "+ending, func(t *testing.T) {
				server, url := start(t, standin.Options{})
				sdk := client(t, url)
				taskToken := server.NewTask(standin.TaskOptions{})
				server.Inject(standin.Fault{Kind: kind})

				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() {
					output := `{}`
					_, err := sdk.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &taskToken, Output: &output})
					done <- err
				}()
				hangs := func() bool { return server.Calls()[standin.SendTaskSuccess][string(kind)] == 1 }
				for !hangs() {
					select {
					case err := <-done:
						t.Fatalf("answered: %v", err)
					default:
						runtime.Gosched()
					}
				}
				committed := kind == standin.CommitThenHang
				if got := len(server.Effects()) == 1; got != committed {
					t.Errorf("effect while it hangs: %v", got)
				}

				if ending == "released" {
					server.Release()
					wantCode(t, <-done, "")
					if len(server.Effects()) != 1 {
						t.Error("no effect after the release")
					}
					return
				}
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				if got := len(server.Effects()) == 1; got != committed {
					t.Errorf("effect after the client left: %v", got)
				}
			})
		}
	}
}

func TestFaultsMatch(t *testing.T) {
	server, url := start(t, standin.Options{AcceptAny: true})
	sdk := client(t, url)
	server.Inject(
		standin.Fault{Kind: standin.Throttle, Action: standin.SendTaskSuccess},
		standin.Fault{Kind: standin.Unavailable, TaskToken: "b"},
		standin.Fault{Kind: standin.Refuse, Code: "First"},
		standin.Fault{Kind: standin.Refuse, Code: "Second"},
	)
	wantCode(t, heartbeat(t, sdk, "a"), "First")
	wantCode(t, heartbeat(t, sdk, "b"), "ServiceUnavailable")
	wantCode(t, succeed(t, sdk, "b", `{}`), "ThrottlingException")
	wantCode(t, succeed(t, sdk, "b", `{}`), "Second")
	wantCode(t, succeed(t, sdk, "b", `{}`), "")
}

func TestStandingFault(t *testing.T) {
	server, url := start(t, standin.Options{AcceptAny: true})
	sdk := client(t, url)
	server.SetFault(standin.Fault{Kind: standin.Unavailable})
	server.Inject(standin.Fault{Kind: standin.Throttle})
	wantCode(t, heartbeat(t, sdk, "a"), "ThrottlingException") // queued ones come first
	wantCode(t, heartbeat(t, sdk, "a"), "ServiceUnavailable")
	wantCode(t, heartbeat(t, sdk, "a"), "ServiceUnavailable")
	server.SetFault()
	wantCode(t, heartbeat(t, sdk, "a"), "")
}

// TestMalformedCallsMeetNoFault: a malformed call uses up no fault.
func TestMalformedCallsMeetNoFault(t *testing.T) {
	server, url := start(t, standin.Options{AcceptAny: true})
	sdk := client(t, url)
	server.Inject(standin.Fault{Kind: standin.Drop})
	wantCode(t, heartbeat(t, sdk, ""), "ValidationException")
	wantCode(t, heartbeat(t, sdk, "a"), "no AWS error")
	want := standin.Calls{standin.SendTaskHeartbeat: {"ValidationException": 1, "drop": 1}}
	if diff := cmp.Diff(want, server.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
