package standin_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"callback-relay/stepfunctions/standin"
)

func TestTaskTokenLooksReal(t *testing.T) {
	server := standin.New(standin.Options{})
	taskToken := server.NewTask(standin.TaskOptions{})
	if n := len(taskToken); n < 640 || n > 900 {
		t.Errorf("%d characters", n)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9+/=]+$`).MatchString(taskToken) {
		t.Errorf("foreign characters in %s", taskToken)
	}
	if i := strings.Index(taskToken, "=="); i < 1 || i > len(taskToken)-3 {
		t.Errorf("no padding in the middle of %s", taskToken)
	}
	if taskToken == server.NewTask(standin.TaskOptions{}) {
		t.Error("the same task token twice")
	}
}

func TestEffects(t *testing.T) {
	now := newClock()
	var told []standin.Effect
	server, url := start(t, standin.Options{Clock: now.Now, OnEffect: func(e standin.Effect) { told = append(told, e) }})
	sdk := client(t, url)
	const output = "{ \"n\": 12345678901234567890123, \"a\":1, \"a\":2, \"s\":\"\\ud800 <é>\" }\n"
	one, two := server.NewTask(standin.TaskOptions{}), server.NewTask(standin.TaskOptions{})

	wantCode(t, heartbeat(t, sdk, one), "")
	wantCode(t, succeed(t, sdk, one, output), "")
	wantCode(t, fail(t, sdk, two, aws.String("Order.Refused"), aws.String("no stock")), "")

	beat := standin.Effect{TaskToken: one, Action: standin.SendTaskHeartbeat, At: now.Now()}
	success := standin.Effect{TaskToken: one, Action: standin.SendTaskSuccess, Output: []byte(output), At: now.Now()}
	failure := standin.Effect{TaskToken: two, Action: standin.SendTaskFailure, Error: "Order.Refused", Cause: "no stock", At: now.Now()}
	if diff := cmp.Diff([]standin.Effect{success, failure}, server.Effects()); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]standin.Effect{beat}, server.Heartbeats()); diff != "" {
		t.Errorf("heartbeats (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]standin.Effect{beat, success, failure}, told); diff != "" {
		t.Errorf("OnEffect (-want +got):\n%s", diff)
	}
	wantState(t, server, one, standin.TaskState{Status: standin.Succeeded, Calls: 2, LastHeartbeat: now.Now()})
	wantState(t, server, two, standin.TaskState{Status: standin.Failed, Calls: 1})
}

func wantState(t *testing.T, server *standin.Server, taskToken string, want standin.TaskState) {
	t.Helper()
	got, ok := server.Task(taskToken)
	if !ok {
		t.Fatal("unknown task")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("task (-want +got):\n%s", diff)
	}
}

// TestClosed ends a task in every way and tries every call on it.
func TestClosed(t *testing.T) {
	now := newClock()
	server, url := start(t, standin.Options{Clock: now.Now})
	sdk := client(t, url)
	closers := map[string]func(taskToken string){
		"success": func(tt string) { wantCode(t, succeed(t, sdk, tt, `{}`), "") },
		"failure": func(tt string) { wantCode(t, fail(t, sdk, tt, aws.String("E"), nil), "") },
		"stopped": func(tt string) { server.Close(tt) },
		"timeout": func(string) { now.Advance(time.Minute) },
	}
	for name, end := range closers {
		t.Run(name, func(t *testing.T) {
			taskToken := server.NewTask(standin.TaskOptions{Timeout: time.Minute})
			end(taskToken)
			effects := len(server.Effects())
			state, _ := server.Task(taskToken)

			err := succeed(t, sdk, taskToken, `not JSON`)
			wantCode(t, err, "TaskTimedOut")
			if !strings.Contains(err.Error(), "Task Timed Out: 'Provided task does not exist anymore'") {
				t.Errorf("worded %v", err)
			}
			wantCode(t, fail(t, sdk, taskToken, aws.String("E"), nil), "TaskTimedOut")
			wantCode(t, heartbeat(t, sdk, taskToken), "TaskTimedOut")
			server.Close(taskToken)

			if got := len(server.Effects()); got != effects {
				t.Errorf("%d effects after the end", got-effects)
			}
			if after, _ := server.Task(taskToken); after.Status != state.Status {
				t.Errorf("%s became %s", state.Status, after.Status)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	now := newClock()
	server, url := start(t, standin.Options{Clock: now.Now})
	sdk := client(t, url)
	taskToken := server.NewTask(standin.TaskOptions{Timeout: time.Hour, HeartbeatTimeout: 20 * time.Minute})

	for range 3 {
		now.Advance(19 * time.Minute) // at 19, 38 and 57 minutes
		wantCode(t, heartbeat(t, sdk, taskToken), "")
	}
	now.Advance(3*time.Minute - 1)
	if state, _ := server.Task(taskToken); state.Status != standin.Waiting {
		t.Errorf("%s a moment before its timeout", state.Status)
	}
	now.Advance(1)
	if state, _ := server.Task(taskToken); state.Status != standin.TimedOut {
		t.Errorf("%s at its timeout", state.Status)
	}

	silent := server.NewTask(standin.TaskOptions{HeartbeatTimeout: time.Minute})
	now.Advance(time.Minute)
	wantCode(t, succeed(t, sdk, silent, `{}`), "TaskTimedOut")
}

func TestUnknownTask(t *testing.T) {
	server, url := start(t, standin.Options{})
	sdk := client(t, url)
	err := succeed(t, sdk, "stranger", `{}`)
	wantCode(t, err, "InvalidToken")
	if !strings.Contains(err.Error(), "Invalid Token: 'Invalid token'") {
		t.Errorf("worded %v", err)
	}
	wantCode(t, fail(t, sdk, "stranger", nil, nil), "InvalidToken")
	wantCode(t, heartbeat(t, sdk, "stranger"), "InvalidToken")
	if _, known := server.Task("stranger"); known {
		t.Error("a refused call made a task")
	}

	server.Register("stranger")
	wantCode(t, succeed(t, sdk, "stranger", `{}`), "")
	server.Register("stranger") // known, and stays closed
	wantCode(t, succeed(t, sdk, "stranger", `{}`), "TaskTimedOut")
}

func TestAcceptAny(t *testing.T) {
	_, url := start(t, standin.Options{AcceptAny: true})
	sdk := client(t, url)
	wantCode(t, succeed(t, sdk, "never-seen", `{}`), "")
	wantCode(t, succeed(t, sdk, "never-seen", `{}`), "TaskTimedOut")
}

func TestInvalidOutputLeavesTheTaskWaiting(t *testing.T) {
	server, url := start(t, standin.Options{})
	sdk := client(t, url)
	taskToken := server.NewTask(standin.TaskOptions{})
	for _, output := range []string{``, `{`, `{} {}`, `NaN`, "\ufeff{}", `'x'`} {
		wantCode(t, succeed(t, sdk, taskToken, output), "InvalidOutput")
	}
	wantCode(t, succeed(t, sdk, taskToken, `"at last"`), "")
}

// TestOneEffectPerTask races many calls for one task.
func TestOneEffectPerTask(t *testing.T) {
	server, url := start(t, standin.Options{})
	sdk := client(t, url)
	taskToken := server.NewTask(standin.TaskOptions{})
	const callers = 8
	var won sync.Map
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			switch code := codeOf(succeed(t, sdk, taskToken, `{}`)); code {
			case "":
				won.Store(i, true)
			case "TaskTimedOut":
			default:
				t.Errorf("got %s", code)
			}
		})
	}
	all.Wait()
	winners := 0
	won.Range(func(any, any) bool { winners++; return true })
	if winners != 1 || len(server.Effects()) != 1 {
		t.Errorf("%d callers won, %d effects", winners, len(server.Effects()))
	}
	want := standin.Calls{standin.SendTaskSuccess: {"ok": 1, "TaskTimedOut": callers - 1}}
	if diff := cmp.Diff(want, server.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestQuota(t *testing.T) {
	now := newClock()
	server, url := start(t, standin.Options{Clock: now.Now, Rate: 10, Burst: 2, AcceptAny: true})
	sdk := client(t, url)
	wantCode(t, heartbeat(t, sdk, "a"), "")
	wantCode(t, heartbeat(t, sdk, "a"), "")
	wantCode(t, heartbeat(t, sdk, "a"), "ThrottlingException")
	wantCode(t, succeed(t, sdk, "b", `{}`), "") // a bucket of its own
	now.Advance(99 * time.Millisecond)
	wantCode(t, heartbeat(t, sdk, "a"), "ThrottlingException")
	now.Advance(2 * time.Millisecond)
	wantCode(t, heartbeat(t, sdk, "a"), "")
	now.Advance(time.Hour) // fills to the burst and no further
	wantCode(t, heartbeat(t, sdk, "a"), "")
	wantCode(t, heartbeat(t, sdk, "a"), "")
	wantCode(t, heartbeat(t, sdk, "a"), "ThrottlingException")
	if got := len(server.Heartbeats()); got != 5 {
		t.Errorf("%d heartbeats", got)
	}
}
