package standin_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/stepfunctions/standin"
)

// raw makes one call without an SDK, and returns the raw reply.
func raw(t *testing.T, url string, action standin.Action, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+string(action))
	r.Header.Set("X-Amz-Date", "20260504T030201Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260504/eu-west-1/states/aws4_request, "+
		"SignedHeaders=host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0a", 32))
	return do(t, r)
}

// TestWords compares whole replies with those recorded from AWS; doc.go has the
// sources. The task "open" waits, and "over" is closed.
func TestWords(t *testing.T) {
	const (
		validation = `{"__type":"com.amazon.coral.validate#ValidationException","message":"%s"}`
		service    = `{"__type":"com.amazonaws.swf.service.v2.model#%s","message":"%s"}`

		noToken   = "Value null at 'taskToken' failed to satisfy constraint: Member must not be null"
		noOutput  = "Value at 'output' failed to satisfy constraint: Member must not be null"
		bigOutput = "Value at 'output' failed to satisfy constraint: Member must have size less than or equal to 262144 bytes in UTF-8 encoding"
		longError = "Value at 'error' failed to satisfy constraint: Member must have length less than or equal to 256"
		longCause = "Value at 'cause' failed to satisfy constraint: Member must have length less than or equal to 32768"
		noLength  = "Value '' at 'taskToken' failed to satisfy constraint: Member must have length greater than or equal to 1"
	)
	invalidToken := fmt.Sprintf(service, "InvalidToken", "Invalid Token: 'Invalid token'")
	timedOut := fmt.Sprintf(service, "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	one := func(violation string) string {
		return fmt.Sprintf(validation, "1 validation error detected: "+violation)
	}
	several := func(violations ...string) string {
		return fmt.Sprintf(validation, fmt.Sprintf("%d validation errors detected: %s", len(violations), strings.Join(violations, "; ")))
	}
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name   string
		action standin.Action
		body   string
		want   string
	}{
		{"unknown task", standin.SendTaskHeartbeat, `{"taskToken":"nobody"}`, invalidToken},
		{"closed task", standin.SendTaskHeartbeat, `{"taskToken":"over"}`, timedOut},
		{"unknown task before the output's JSON", standin.SendTaskSuccess, `{"taskToken":"nobody","output":"{"}`, invalidToken},
		{"closed task before the output's JSON", standin.SendTaskSuccess, `{"taskToken":"over","output":"{"}`, timedOut},

		{"no task token", standin.SendTaskHeartbeat, `{}`, one(noToken)},
		{"empty task token", standin.SendTaskHeartbeat, `{"taskToken":""}`, one(noLength)},
		{"no output", standin.SendTaskSuccess, `{"taskToken":"open"}`, one(noOutput)},
		{"constraints before the task", standin.SendTaskSuccess, `{"taskToken":"nobody"}`, one(noOutput)},
		{"no members", standin.SendTaskSuccess, `{}`, several(noToken, noOutput)},
		{"output too long", standin.SendTaskSuccess, `{"taskToken":"open","output":"` + long(262_145) + `"}`, one(bigOutput)},
		{"error and cause too long", standin.SendTaskFailure,
			`{"error":"` + long(257) + `","cause":"` + long(32_769) + `"}`, several(noToken, longError, longCause)},
		{"a member in another case is none", standin.SendTaskSuccess, `{"TaskToken":"open","output":"{}","OUTPUT":"{}"}`, one(noToken)},

		{"unreadable", standin.SendTaskHeartbeat, `{"taskToken":`, `{"__type":"SerializationException"}`},
		{"of another shape", standin.SendTaskHeartbeat, `{"taskToken":{}}`, `{"__type":"SerializationException"}`},
		{"no such operation", "StopExecution", `{}`,
			`{"__type":"com.amazon.coral.service#UnknownOperationException","message":"no such operation: \"AWSStepFunctions.StopExecution\""}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, url := start(t, standin.Options{})
			server.Register("open")
			server.Register("over")
			server.Close("over")
			status, answer := raw(t, url, tt.action, tt.body)
			if diff := cmp.Diff(tt.want, answer); status != 400 || diff != "" {
				t.Errorf("%d, (-want +got):\n%s", status, diff)
			}
		})
	}
}

// TestWordsOfFaults: errors that all services share have their common prefix.
func TestWordsOfFaults(t *testing.T) {
	server, url := start(t, standin.Options{AcceptAny: true})
	for code, want := range map[string]string{
		"ExpiredTokenException":    `{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"words"}`,
		"AccessDeniedException":    `{"Message":"words","__type":"com.amazon.coral.service#AccessDeniedException"}`,
		"KmsAccessDeniedException": `{"__type":"com.amazonaws.swf.service.v2.model#KmsAccessDeniedException","message":"words"}`,
	} {
		server.Inject(standin.Fault{Kind: standin.Refuse, Code: code, Message: "words"})
		if _, answer := raw(t, url, standin.SendTaskHeartbeat, `{"taskToken":"t"}`); answer != want {
			t.Errorf("got %s, want %s", answer, want)
		}
		if n := server.Calls()[standin.SendTaskHeartbeat][code]; n != 1 {
			t.Errorf("%s is counted %d times", code, n)
		}
	}
}

// TestHeartbeatWithoutLimit: a task without a heartbeat timeout accepts heartbeats.
func TestHeartbeatWithoutLimit(t *testing.T) {
	server, url := start(t, standin.Options{})
	server.Register("open")
	if status, answer := raw(t, url, standin.SendTaskHeartbeat, `{"taskToken":"open"}`); status != 200 || answer != "{}" {
		t.Errorf("got %d %s", status, answer)
	}
}

// TestRequestIDs: accepted and refused calls both get a UUID.
func TestRequestIDs(t *testing.T) {
	_, url := start(t, standin.Options{})
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 3 {
		response, err := http.Post(url, "application/x-amz-json-1.0", strings.NewReader("{}")) //nolint:noctx,gosec // loopback
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		id := response.Header.Get("X-Amzn-RequestId")
		if !form.MatchString(id) || seen[id] {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestLongNumbers: the JSON reader of AWS limits the length of numbers.
func TestLongNumbers(t *testing.T) {
	digits := strings.Repeat("9", 1000)
	for output, code := range map[string]string{
		digits:                            "",
		digits + "9":                      "InvalidOutput",
		`{"n":[1,-` + digits + `]}`:       "InvalidOutput",
		`[0.` + digits + `]`:              "InvalidOutput",
		`1` + digits[:997] + `e+1`:        "InvalidOutput",
		`["` + digits + digits + `"]`:     "",
		`[` + digits + `,` + digits + `]`: "",
		`["\"` + digits + `9"]`:           "",
	} {
		server, url := start(t, standin.Options{})
		server.Register("open")
		wantCode(t, succeed(t, client(t, url), "open", output), code)
	}
}
