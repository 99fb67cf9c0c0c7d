package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"callback-relay/stepfunctions/standin"
)

// check runs 'relay check' with the environment of the test.
func (w *world) check(args ...string) (code int, out string) {
	w.Helper()
	var stdout, stderr logBuffer
	code = run(w.Context(), append([]string{"check"}, args...), terminal{nil, &stdout, &stderr})
	if code != exitOK && stderr.String() == "" {
		w.Error("it failed, and said nothing")
	}
	// "1 checks" is no English.
	if strings.Contains(stderr.String(), "1 checks") {
		w.Errorf("said %s", stderr.String())
	}
	return code, stdout.String()
}

// TestCheck (row 86): 'relay check' says what is right or wrong with Redis, the
// public URL and AWS, and what to do.
func TestCheck(t *testing.T) {
	w := newWorld(t, startStandalone(t), 1)
	here := "http://" + w.replicas[0].ports.public.Addr().String()
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	redirecting := httptest.NewServer(http.RedirectHandler(here+"/healthz", http.StatusMovedPermanently))
	t.Cleanup(redirecting.Close)
	answering := func(status int) map[string]string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return map[string]string{"RELAY_PUBLIC_URL": server.URL}
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	w.must(os.WriteFile(file, []byte("senders: {fal: {preset: fal, account: user_1}}"), 0o600))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.must(closed.Close())
	refuse := func(code, message string) standin.Fault {
		return standin.Fault{Kind: standin.Refuse, Code: code, Message: message, Action: standin.SendTaskHeartbeat}
	}
	const role = "arn:aws:sts::123456789012:assumed-role/relay/pod"
	for _, tt := range []struct {
		name        string
		environment map[string]string
		fault       standin.Fault
		code        int
		lines       []string // patterns of the output
	}{
		{"all is well", nil, standin.Fault{}, exitOK, []string{
			`(?m)^ok +redis `, `(?m)^ok +keyspace `, `(?m)^ok +eviction `, `(?m)^ok +durability `,
			`(?m)^ok +public-url .*leads to this relay`,
			`(?m)^ok +aws .*127\.0\.0\.1:\d+ \(region eu-central-1, credentials from environment variables\) can be called`,
		}},
		{"a configuration file", map[string]string{"RELAY_CONFIG_FILE": file}, standin.Fault{}, exitOK,
			[]string{`(?m)^ok +config-file +has 1 sender$`}},
		{"something else at the public URL", map[string]string{"RELAY_PUBLIC_URL": elsewhere.URL}, standin.Fault{}, exitFailed,
			[]string{`(?m)^failed +public-url .*status 404`, `(?m)^ok +aws `}},
		{"a redirect at the public URL", map[string]string{"RELAY_PUBLIC_URL": redirecting.URL}, standin.Fault{}, exitFailed,
			[]string{`(?m)^failed +public-url .*status 301`}},
		{"another relay at the public URL", map[string]string{"RELAY_KEYS": "k2:" + strings.Repeat("A", 43) + "="}, standin.Fault{}, exitFailed,
			[]string{`(?m)^failed +public-url .*another relay`}},
		{"nobody at the public URL", map[string]string{"RELAY_PUBLIC_URL": "http://" + closed.Addr().String()}, standin.Fault{}, exitOK,
			[]string{`(?m)^warning +public-url .*refused`}},
		{"too many requests at the public URL", answering(http.StatusTooManyRequests), standin.Fault{}, exitOK,
			[]string{`(?m)^warning +public-url .*status 429.*try again`}},
		{"nothing ready at the public URL", answering(http.StatusServiceUnavailable), standin.Fault{}, exitOK,
			[]string{`(?m)^warning +public-url .*status 503.*try again`}},
		{"a broken way to the public URL", answering(http.StatusBadGateway), standin.Fault{}, exitFailed,
			[]string{`(?m)^failed +public-url .*status 502`}},
		{"not allowed", nil, refuse("AccessDeniedException", "User: "+role+" is not authorized to perform: states:SendTaskHeartbeat"), exitFailed,
			[]string{`(?m)^failed +aws .*AccessDeniedException.*` + regexp.QuoteMeta(role) + `.*allow the role states:SendTaskSuccess`}},
		{"credentials of nobody", nil, refuse("UnrecognizedClientException", "The security token included in the request is invalid."), exitFailed,
			[]string{`(?m)^failed +aws .*UnrecognizedClientException.*is invalid.*AWS does not know`}},
		{"no way to AWS", map[string]string{"AWS_ENDPOINT_URL_SFN": "http://" + closed.Addr().String()}, standin.Fault{}, exitFailed,
			[]string{`(?m)^failed +aws .*` + regexp.QuoteMeta(closed.Addr().String()) + `.*no-connection.*refused`}},
		{"Redis is away", map[string]string{"RELAY_REDIS_URL": "redis://" + closed.Addr().String()}, standin.Fault{}, exitFailed,
			[]string{`(?m)^failed +redis .*RELAY_REDIS_URL`, `(?m)^ok +aws `}},
		{"an endpoint without a scheme", map[string]string{"AWS_ENDPOINT_URL_SFN": "localhost:4566"}, standin.Fault{}, exitUsage, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := w.under(t)
			for name, value := range serveEnv(w.server.url, w.stepsURL) {
				t.Setenv(name, value)
			}
			t.Setenv("RELAY_PUBLIC_URL", here)
			for name, value := range tt.environment {
				t.Setenv(name, value)
			}
			if tt.fault.Kind != "" {
				w.steps.SetFault(tt.fault)
				defer w.steps.SetFault()
			}
			code, out := w.check()
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, line := range tt.lines {
				if !regexp.MustCompile(line).MatchString(out) {
					t.Errorf("no %s in\n%s", line, out)
				}
			}
		})
	}

	t.Run("a Redis without a keyspace, as JSON", func(t *testing.T) {
		w := w.under(t)
		for name, value := range serveEnv(w.server.url, w.stepsURL) {
			t.Setenv(name, value)
		}
		w.must(w.redis.FlushAll(t.Context()).Err())
		code, out := w.check("--output=json")
		var got struct{ Checks []finding }
		w.must(json.Unmarshal([]byte(out), &got))
		found := map[string]finding{}
		for _, f := range got.Checks {
			found[f.Check] = f
		}
		if f := found["keyspace"]; code != exitFailed || f.Status != checkFailed || !strings.Contains(f.Text, "relay migrate up") {
			t.Errorf("exit code %d, %+v", code, got)
		}
	})
	if n := len(w.steps.Effects()); n != 0 {
		t.Errorf("%d effects", n)
	}
}
