package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
	"callback-relay/telemetry"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	traceparent  = "00-" + callersTrace + "-" + callersSpan + "-01"
)

// parented makes requests to the private API part of a caller's trace.
type parented struct{ http.RoundTripper }

func (p parented) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("traceparent", traceparent)
	r.Header.Set("tracestate", "canary=1")
	return p.RoundTripper.RoundTrip(r)
}

// traced starts two replicas that send their traces to a collector.
func traced(t *testing.T) *world {
	w := newWorld(t, startStandalone(t), 0)
	w.collector = newCollector(t)
	for range 2 {
		w.replicas = append(w.replicas, w.start(func(s *config.Settings) { s.LogFormat = "json" }))
	}
	return w
}

// spans waits until n spans of a callback have arrived, and returns them.
func (w *world) spans(t task, name string, n int) []*tracepb.Span {
	w.Helper()
	var found []*tracepb.Span
	w.eventually("the collector has the spans "+name, func() bool {
		found = w.collector.of(t.ID, name)
		return len(found) >= n
	})
	if len(found) != n {
		w.Fatalf("%d spans %s, want %d", len(found), name, n)
	}
	return found
}

// wantLink checks that a span is linked to exactly one other span.
func (w *world) wantLink(s, to *tracepb.Span) {
	w.Helper()
	if len(s.Links) != 1 || !bytes.Equal(s.Links[0].TraceId, to.TraceId) || !bytes.Equal(s.Links[0].SpanId, to.SpanId) {
		w.Errorf("%s has the links %v, want one to %s", s.Name, s.Links, to.Name)
	}
	if bytes.Equal(s.TraceId, to.TraceId) || len(s.ParentSpanId) > 0 {
		w.Errorf("%s is part of the trace of %s", s.Name, to.Name)
	}
}

// TestTraces follows a callback through two replicas: from the caller's trace to the
// registration, through a link to the answer, and through another to each delivery
// attempt.
func TestTraces(t *testing.T) {
	t.Parallel()
	w := traced(t)
	for _, r := range w.replicas {
		var err error
		r.client, err = client.New("http://"+r.ports.private.Addr().String(), testAPIKey,
			client.WithHTTPClient(&http.Client{Transport: parented{w.http}}))
		w.must(err)
	}
	task := w.register()
	w.steps.Inject(standin.Fault{Kind: standin.Throttle, TaskToken: task.token})
	got := w.request(task.URL, "POST", `1`, "Content-Type", "application/json", "traceparent", traceparent)
	if got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	w.untilState(task, api.StateDelivered)

	registration := w.spans(task, "POST /v1/callbacks", 1)[0]
	if hex.EncodeToString(registration.TraceId) != callersTrace || hex.EncodeToString(registration.ParentSpanId) != callersSpan {
		t.Errorf("the registration is not part of its caller's trace: %v", registration)
	}
	answer := w.spans(task, "POST /base/c/:key", 1)[0]
	w.wantLink(answer, registration)
	if hex.EncodeToString(answer.TraceId) == callersTrace {
		t.Error("a stranger's trace goes on here")
	}
	attempts := w.spans(task, "deliver", 2)
	for i, want := range []map[string]any{
		{"callback_relay.delivery.attempt": int64(1), "callback_relay.callback.state": "answered", "callback_relay.delivery.reason": "ThrottlingException"},
		{"callback_relay.delivery.attempt": int64(2), "callback_relay.callback.state": "delivered"},
	} {
		w.wantLink(attempts[i], answer)
		want["callback_relay.callback.id"] = task.ID
		if diff := cmp.Diff(want, attributes(attempts[i])); diff != "" {
			t.Errorf("attempt %d (-want +got):\n%s", i+1, diff)
		}
		if failed := attempts[i].Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR; failed != (i == 0) {
			t.Errorf("attempt %d has the status %v", i+1, attempts[i].Status)
		}
	}
	for _, r := range w.replicas {
		w.must(r.stop())
	}
	log := w.replicas[0].log.String() + w.replicas[1].log.String()
	for what, s := range map[string]*tracepb.Span{
		`"route":"/v1/callbacks"`: registration, `"route":"/base/c/:key"`: answer, `"msg":"delivered"`: attempts[1],
	} {
		trace := `"trace":"` + hex.EncodeToString(s.TraceId) + `"`
		if !slices.ContainsFunc(strings.Split(log, "\n"), func(line string) bool {
			return strings.Contains(line, what) && strings.Contains(line, trace)
		}) {
			t.Errorf("no line of the log with %s has %s", what, trace)
		}
	}
}

// A passing deadline has no request, so its delivery links to the registration. And
// callbacks registered without traces are delivered with them.
func TestTracesOfAnExpiry(t *testing.T) {
	t.Parallel()
	w := traced(t)
	expired := w.register(shortLived)
	w.untilState(expired, api.StateDelivered)
	w.wantLink(w.spans(expired, "deliver", 1)[0], w.spans(expired, "POST /v1/callbacks", 1)[0])

	collector, replicas := w.collector, w.replicas
	w.collector = nil
	w.replicas = []*replica{w.start()}
	task := w.register()
	w.collector, w.replicas = collector, replicas
	w.wantTaken(w.post(task.URL, `1`), task, api.StatusDelivered, false)
	answer := w.spans(task, "POST /base/c/:key", 1)[0]
	if len(answer.Links) != 0 {
		t.Errorf("the answer has links: %v", answer.Links)
	}
	w.wantLink(w.spans(task, "deliver", 1)[0], answer)
}

// The attributes that a span may have.
var spanAttributes = []string{
	"callback_relay.callback.id", "callback_relay.callback.state", "callback_relay.delivery.attempt",
	"callback_relay.delivery.reason", "callback_relay.listener",
	"http.request.method", "http.response.status_code", "http.route",
}

// TestSpansSayLittle makes every kind of request. No attribute may hold a value that
// a caller chose, and requests that need no link may have no span.
func TestSpansSayLittle(t *testing.T) {
	t.Parallel()
	w := traced(t)
	task := w.register()
	w.request(task.URL+"/x?CANARY=1", "POST", `1`, "User-Agent", "CANARY", "Referer", task.URL)
	w.request(publicURL+"/CANARY", "CANARY", `1`)
	w.request(publicURL+"/CANARY", "POST", `1`)
	w.request(publicURL+"/c/CANARY", "POST", `1`)
	w.request(publicURL+"/c/CANARY", "GET", "")
	w.request(publicURL+"/healthz", "GET", "")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/CANARY"} {
		w.private(w.replicas[0], path)
	}
	w.wantTaken(w.post(task.URL, `"CANARY"`), task, api.StatusDelivered, false)
	w.spans(task, "deliver", 1)
	for _, r := range w.replicas {
		w.must(r.stop()) // which exports the rest
	}
	if text := w.collector.text(); strings.Contains(text, "CANARY") || strings.Contains(text, linkKey(task.URL)) || strings.Contains(text, task.token) {
		t.Errorf("the traces hold what must not get out: %q", text)
	}
	names := map[string]bool{}
	for _, s := range w.collector.spans {
		names[s.Name] = true
		about := attributes(s)
		if _, known := about["callback_relay.callback.id"]; !known {
			t.Errorf("%s is about no callback: %v", s.Name, about)
		}
		for name := range about {
			if !slices.Contains(spanAttributes, name) {
				t.Errorf("%s has the attribute %s", s.Name, name)
			}
		}
	}
	want := []string{"POST /base/c/:key", "POST /v1/callbacks", "deliver"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(names))); diff != "" {
		t.Errorf("names of spans (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(w.replicas[0].log.String() + w.replicas[1].log.String()) {
		if strings.Contains(line, `"status":404`) && strings.Contains(line, `"trace"`) {
			t.Errorf("names a trace that was not kept: %s", line)
		}
	}
}

// TestTracesAreAskedFor tests OpenTelemetry's own variables.
func TestTracesAreAskedFor(t *testing.T) {
	const all, traces = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
	for name, c := range map[string]struct {
		env   []string
		url   string // "" makes no traces
		wrong []string
	}{
		"nothing":           {nil, "", nil},
		"an endpoint":       {[]string{all + "ENDPOINT=https://c:1/x/"}, "https://c:1/x/v1/traces", nil},
		"one of its own":    {[]string{all + "ENDPOINT=https://c", traces + "ENDPOINT=http://d/here"}, "http://d/here", nil},
		"the exporter":      {[]string{"OTEL_TRACES_EXPORTER=otlp"}, "http://localhost:4318/v1/traces", nil},
		"none":              {[]string{"OTEL_TRACES_EXPORTER=none", all + "ENDPOINT=http://c"}, "", nil},
		"disabled":          {[]string{"OTEL_SDK_DISABLED=true", all + "ENDPOINT=http://c"}, "", nil},
		"another exporter":  {[]string{"OTEL_TRACES_EXPORTER=zipkin"}, "", []string{"OTEL_TRACES_EXPORTER"}},
		"mistakes that are": {[]string{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=zipkin"}, "", nil},
		"many mistakes": {
			[]string{
				all + "ENDPOINT=canary", all + "PROTOCOL=grpc", traces + "HEADERS=canary", all + "TIMEOUT=-1",
				all + "COMPRESSION=zip", all + "CERTIFICATE=/canary",
			}, "",
			[]string{all + "ENDPOINT", all + "PROTOCOL", all + "COMPRESSION", all + "TIMEOUT", traces + "HEADERS", all + "CERTIFICATE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, set := range c.env {
				variable, value, _ := strings.Cut(set, "=")
				t.Setenv(variable, value)
			}
			wanted, err := tracesWanted()
			collector := telemetry.Collector{}
			if wanted && err == nil {
				collector, err = readCollector()
			}
			if len(c.wrong) > 0 {
				var named []string
				for line := range strings.Lines(fmt.Sprint(err)) {
					variable, _, _ := strings.Cut(line, ":")
					named = append(named, variable)
				}
				if diff := cmp.Diff(c.wrong, named); diff != "" || strings.Contains(fmt.Sprint(err), "canary") {
					t.Errorf("mistakes (-want +got):\n%s%v", diff, err)
				}
				return
			}
			if collector.URL != c.url || err != nil {
				t.Errorf("%q, %v, want %q", collector.URL, err, c.url)
			}
		})
	}
	t.Setenv(all+"HEADERS", "authorization=Basic%20abc%3D, x = y")
	t.Setenv(all+"TIMEOUT", "1500")
	t.Setenv(all+"COMPRESSION", "gzip")
	collector, err := readCollector()
	want := map[string]string{"authorization": "Basic abc=", "x": "y"}
	if diff := cmp.Diff(want, collector.Headers); diff != "" || err != nil || !collector.Gzip || collector.Timeout != 1500*time.Millisecond {
		t.Errorf("%+v, %v, headers (-want +got):\n%s", collector, err, diff)
	}
}

// A process follows its environment.
func TestTracesOfAProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	w.collector = newCollector(t)
	w.replicas = []*replica{w.start()}
	task := w.register()
	p := w.launch("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+w.collector.url, "OTEL_BSP_SCHEDULE_DELAY=50")
	got, err := w.trySend(p.address, call{link: task.URL, body: strings.NewReader(`1`)})
	w.must(err)
	if got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	w.wantLink(w.spans(task, "POST /base/c/:key", 1)[0], w.spans(task, "POST /v1/callbacks", 1)[0])
}
