package standin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"callback-relay/stepfunctions/standin"
)

// TestControl drives a stand-in as another process would.
func TestControl(t *testing.T) {
	now := newClock()
	_, url := start(t, standin.Options{Clock: now.Now})
	sdk := client(t, url)
	command := func(method, path, body string, status int) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+"/_standin/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, answer := do(t, r)
		if got != status {
			t.Fatalf("%s %s: %d %s, want %d", method, path, got, answer, status)
		}
		return answer
	}
	create := func(body string) string {
		t.Helper()
		var created struct{ TaskToken string }
		if err := json.Unmarshal([]byte(command("POST", "tasks", body, 200)), &created); err != nil {
			t.Fatal(err)
		}
		return created.TaskToken
	}

	made, brief, stopped := create(``), create(`{"timeout":"1m"}`), create(`{"taskToken":"mine"}`)
	if stopped != "mine" {
		t.Errorf("got task token %q", stopped)
	}
	command("POST", "close", `{"taskToken":"mine"}`, 204)
	wantCode(t, succeed(t, sdk, stopped, `{}`), "TaskTimedOut")

	command("POST", "faults", `[{"kind":"slow","delay":"1ms"},{"kind":"refuse","code":"Odd","message":"m","status":418}]`, 204)
	wantCode(t, heartbeat(t, sdk, made), "")
	wantCode(t, heartbeat(t, sdk, made), "Odd")
	command("PUT", "faults", `[{"kind":"throttle","action":"SendTaskFailure"}]`, 204)
	wantCode(t, fail(t, sdk, made, nil, nil), "ThrottlingException")
	command("PUT", "faults", `[]`, 204)
	wantCode(t, succeed(t, sdk, made, `{"a": "<&>"}`), "")
	command("POST", "release", ``, 204)

	third := create(``)
	wantCode(t, fail(t, sdk, third, aws.String("E"), aws.String("why")), "")
	now.Advance(time.Minute)
	wantCode(t, heartbeat(t, sdk, brief), "TaskTimedOut")

	type line struct{ TaskToken, Action, Output, Error, Cause string }
	var got []line
	ledger := command("GET", "ledger", ``, 200)
	for text := range strings.Lines(ledger) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		got = append(got, l)
	}
	want := []line{
		{TaskToken: made, Action: "SendTaskSuccess", Output: `{"a": "<&>"}`},
		{TaskToken: third, Action: "SendTaskFailure", Error: "E", Cause: "why"},
		{TaskToken: made, Action: "SendTaskHeartbeat"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}

	var stats standin.Calls
	if err := json.Unmarshal([]byte(command("GET", "stats", ``, 200)), &stats); err != nil {
		t.Fatal(err)
	}
	wantStats := standin.Calls{
		standin.SendTaskSuccess:   {"TaskTimedOut": 1, "ok": 1},
		standin.SendTaskFailure:   {"ThrottlingException": 1, "ok": 1},
		standin.SendTaskHeartbeat: {"ok": 1, "Odd": 1, "TaskTimedOut": 1},
	}
	if diff := cmp.Diff(wantStats, stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}

	command("GET", "nothing", ``, 404)
	command("POST", "faults", `[{"kind":"unheard-of"}]`, 400)
	command("POST", "faults", `[{"kind":"slow","delay":"soon"}]`, 400)
	command("POST", "tasks", `{"tasktoke":"x"}`, 400)
}
