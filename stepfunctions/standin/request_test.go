package standin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"callback-relay/stepfunctions/standin"
)

func TestLimits(t *testing.T) {
	server, url := start(t, standin.Options{AcceptAny: true})
	sdk := client(t, url)
	long := func(n int) *string { return aws.String(strings.Repeat("é", n)) }
	const refused = "ValidationException"
	tests := []struct {
		name string
		call func() error
		want string
	}{
		{"longest task token", func() error { return heartbeat(t, sdk, strings.Repeat("t", 2048)) }, ""},
		{"task token counted in characters", func() error { return heartbeat(t, sdk, *long(2048)) }, ""},
		{"task token too long", func() error { return heartbeat(t, sdk, strings.Repeat("t", 2049)) }, refused},
		{"no task token", func() error { return heartbeat(t, sdk, "") }, refused},
		{"largest output", func() error { return succeed(t, sdk, "a", quoted(262_144)) }, ""},
		{"output a byte over", func() error { return succeed(t, sdk, "b", quoted(262_145)) }, refused},
		{"output counted in bytes", func() error { return succeed(t, sdk, "b", `"`+*long(131_072)+`"`) }, refused},
		{"largest output, all of it escaped on the wire", func() error { return succeed(t, sdk, "c", quoted(2)+strings.Repeat("\n", 262_142)) }, ""},
		{"longest error and cause", func() error { return fail(t, sdk, "d", long(256), long(32_768)) }, ""},
		{"error too long", func() error { return fail(t, sdk, "e", long(257), nil) }, refused},
		{"cause too long", func() error { return fail(t, sdk, "e", nil, long(32_769)) }, refused},
		{"neither error nor cause", func() error { return fail(t, sdk, "f", nil, nil) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantCode(t, tt.call(), tt.want) })
	}
	if _, known := server.Task("b"); known {
		t.Error("a call over the limit reached its task")
	}
}

// TestForm starts from a valid request and makes one thing invalid at a time.
func TestForm(t *testing.T) {
	const (
		date   = "20260504T030201Z"
		scope  = "AKIDEXAMPLE/20260504/eu-west-1/states/aws4_request"
		signed = "content-type;host;x-amz-date;x-amz-target"
	)
	signature := strings.Repeat("0a", 32)
	sigV4 := func(scope, signed, signature string) string {
		return "AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=" + signed + ", Signature=" + signature
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	body := func(s string) func(*http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(s)), int64(len(s)) }
	}
	tests := []struct {
		name   string
		spoil  func(*http.Request)
		status int
		code   string
	}{
		{"nothing", func(*http.Request) {}, 200, ""},
		{"method", func(r *http.Request) { r.Method = http.MethodPut }, 405, "UnknownOperationException"},
		{"path", func(r *http.Request) { r.URL.Path = "/SendTaskHeartbeat" }, 404, "UnknownOperationException"},
		{"no target", set("X-Amz-Target", ""), 400, "UnknownOperationException"},
		{"other service's target", set("X-Amz-Target", "Other.SendTaskHeartbeat"), 400, "UnknownOperationException"},
		{"other operation", set("X-Amz-Target", "AWSStepFunctions.StopExecution"), 400, "UnknownOperationException"},
		{"content type", set("Content-Type", "application/json"), 415, "UnsupportedMediaTypeException"},
		{"awsJson1.1", set("Content-Type", "application/x-amz-json-1.1"), 415, "UnsupportedMediaTypeException"},
		{"charset", set("Content-Type", "application/x-amz-json-1.0; charset=UTF-8"), 200, ""},
		{"charset in lower case", set("Content-Type", "application/x-amz-json-1.0;charset=utf-8"), 200, ""},
		{"other charset", set("Content-Type", "application/x-amz-json-1.0; charset=ISO-8859-1"), 415, "UnsupportedMediaTypeException"},
		{"other parameter", set("Content-Type", "application/x-amz-json-1.0; version=1"), 415, "UnsupportedMediaTypeException"},
		{"no signature", set("Authorization", ""), 400, "MissingAuthenticationTokenException"},
		{"bearer", set("Authorization", "Bearer x"), 400, "IncompleteSignatureException"},
		{"short signature", set("Authorization", sigV4(scope, signed, signature[1:])), 400, "IncompleteSignatureException"},
		{"upper-case signature", set("Authorization", sigV4(scope, signed, strings.ToUpper(signature))), 400, "IncompleteSignatureException"},
		{"scope without region", set("Authorization", sigV4("AKID/20260504/states/aws4_request", signed, signature)), 400, "IncompleteSignatureException"},
		{"other service's scope", set("Authorization", sigV4("AKID/20260504/eu-west-1/sqs/aws4_request", signed, signature)), 400, "InvalidSignatureException"},
		{"scope of another day", set("Authorization", sigV4("AKID/20260505/eu-west-1/states/aws4_request", signed, signature)), 400, "InvalidSignatureException"},
		{"host not signed", set("Authorization", sigV4(scope, "x-amz-date;x-amz-target", signature)), 400, "InvalidSignatureException"},
		{"date not signed", set("Authorization", sigV4(scope, "host;x-amz-target", signature)), 400, "InvalidSignatureException"},
		{"session token not signed", set("X-Amz-Security-Token", "s"), 400, "InvalidSignatureException"},
		{"signed headers not sorted", set("Authorization", sigV4(scope, "x-amz-target;host;x-amz-date", signature)), 400, "InvalidSignatureException"},
		{"no date", set("X-Amz-Date", ""), 400, "IncompleteSignatureException"},
		{"date of another form", set("X-Amz-Date", "Mon, 04 May 2026 03:02:01 GMT"), 400, "IncompleteSignatureException"},
		{"body not JSON", body(`{`), 400, "SerializationException"},
		{"body not UTF-8", body("{\"taskToken\":\"\xff\"}"), 400, "SerializationException"},
		{"body of another shape", body(`{"taskToken":1}`), 400, "SerializationException"},
		{"body null", body(`null`), 400, "SerializationException"},
		{"body a list", body(`[]`), 400, "SerializationException"},
		{"unknown member", body(`{"taskToken":"t","output":1}`), 200, ""},
		{"body too large", body(`{"x":"` + strings.Repeat("x", 2<<20) + `"}`), 413, "RequestEntityTooLargeException"},
		{"member missing", body(`{}`), 400, "ValidationException"},
		{"member null", body(`{"taskToken":null}`), 400, "ValidationException"},
		{"output missing", func(r *http.Request) {
			set("X-Amz-Target", "AWSStepFunctions.SendTaskSuccess")(r)
		}, 400, "ValidationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, url := start(t, standin.Options{AcceptAny: true})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(`{"taskToken":"t"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-amz-json-1.0")
			r.Header.Set("X-Amz-Target", "AWSStepFunctions.SendTaskHeartbeat")
			r.Header.Set("X-Amz-Date", date)
			r.Header.Set("Authorization", sigV4(scope, signed, signature))
			tt.spoil(r)

			status, answer := do(t, r)
			var got struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatalf("%v in %s", err, answer)
			}
			if code := got.Type[strings.LastIndex(got.Type, "#")+1:]; status != tt.status || code != tt.code {
				t.Errorf("got %d %s, want %d %s", status, answer, tt.status, tt.code)
			}
			if (got.Message == "") != (tt.code == "" || tt.code == "SerializationException") {
				t.Errorf("message %q", got.Message)
			}
			if n := server.Calls().Total(); n != 1 {
				t.Errorf("%d calls counted", n)
			}
			if n := len(server.Heartbeats()); (n == 1) != (tt.code == "") {
				t.Errorf("%d heartbeats taken", n)
			}
		})
	}
}

// do makes one request on its own connection.
func do(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read)
}

func TestListenOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "nonsense"} {
		if _, stop, err := standin.New(standin.Options{}).Listen(addr); err == nil {
			stop()
			t.Errorf("%s was taken", addr)
		}
	}
}

func TestMalformedCallsAreCounted(t *testing.T) {
	server, url := start(t, standin.Options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	do(t, r)
	want := standin.Calls{"malformed": {"UnknownOperationException": 1}}
	if diff := cmp.Diff(want, server.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
