package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"callback-relay/telemetry"
)

// taken is the content of one export.
type taken struct {
	header http.Header
	traces tracepb.TracesData
}

// startCollector starts a collector that accepts traces and answers with a status.
func startCollector(t *testing.T, status int) (url string, exports chan *taken) {
	t.Helper()
	exports = make(chan *taken, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := &taken{header: r.Header}
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		text, err := io.ReadAll(body)
		if err == nil {
			err = proto.Unmarshal(text, &got.traces)
		}
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		exports <- got
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/traces", exports
}

func newTracer(t *testing.T, c telemetry.Collector, log io.Writer) *telemetry.Tracer {
	t.Helper()
	c.Timeout = time.Minute
	tracer, err := telemetry.NewTracer(t.Context(), c, "1.2.3", telemetry.NewLogger(log, 0, "text"))
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func TestExport(t *testing.T) {
	url, exports := startCollector(t, http.StatusOK)
	var log bytes.Buffer
	tracer := newTracer(t, telemetry.Collector{URL: url, Gzip: true, Headers: map[string]string{"X-Key": "secret"}}, &log)
	request, end := tracer.Request(httptest.NewRequest(http.MethodPost, "/c/KEY?q", nil), "public", "/c/:key", false)
	kept := tracer.Trace(request.Context())
	end(http.StatusServiceUnavailable, "k5f2")
	_, delivered := tracer.Delivery("k5f2", 3, kept)
	delivered("refused", "InvalidToken")
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := <-exports
	if got.header.Get("X-Key") != "secret" || got.header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("headers %v", got.header)
	}
	resource := got.traces.ResourceSpans[0]
	if text := resource.Resource.String(); !strings.Contains(text, "callback-relay") || !strings.Contains(text, "1.2.3") {
		t.Errorf("resource %s", text)
	}
	spans := resource.ScopeSpans[0].Spans
	if len(spans) != 2 || spans[0].Name != "POST /c/:key" || spans[1].Name != "deliver" {
		t.Fatalf("spans %v", spans)
	}
	for i, kind := range []tracepb.Span_SpanKind{tracepb.Span_SPAN_KIND_SERVER, tracepb.Span_SPAN_KIND_CLIENT} {
		s := spans[i]
		if s.Kind != kind || s.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.StartTimeUnixNano == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("span %v", s)
		}
	}
	if links := spans[1].Links; len(links) != 1 || !bytes.Equal(links[0].SpanId, spans[0].SpanId) {
		t.Errorf("links %v", links)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}

// A collector that refuses is logged once, and delays nothing.
func TestExportFails(t *testing.T) {
	url, exports := startCollector(t, http.StatusForbidden)
	var log bytes.Buffer
	for range 2 {
		tracer := newTracer(t, telemetry.Collector{URL: url}, &log)
		_, end := tracer.Delivery("k5f2", 1, "")
		end("delivered", "")
		if err := tracer.Close(t.Context()); err != nil {
			t.Error(err)
		}
		<-exports
	}
	if n := strings.Count(log.String(), "traces are lost"); n != 2 || !strings.Contains(log.String(), "403") {
		t.Errorf("logged %d times, want once for each tracer: %s", n, &log)
	}
}

var lostSpans = regexp.MustCompile(`traces are lost.* spans=(\d+) `)

// A lasting failure is logged once a minute. Close logs the losses that were not
// logged yet.
func TestExportKeepsFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		tracer := newTracer(t, telemetry.Collector{URL: "http://127.0.0.1:0/v1/traces"}, &log) // nothing can listen there
		for range 90 {
			_, end := tracer.Delivery("k5f2", 1, "")
			end("delivered", "")
			<-time.After(time.Second)
		}
		if err := tracer.Close(t.Context()); err != nil {
			t.Error(err)
		}
		lost := 0
		said := lostSpans.FindAllStringSubmatch(log.String(), -1)
		for _, m := range said {
			n, _ := strconv.Atoi(m[1])
			lost += n
		}
		if len(said) != 3 || lost != 90 {
			t.Errorf("logged %d spans of 90, %d times in a minute and a half: %s", lost, len(said), &log)
		}
	})
}

// The address of a collector may hold a key, and is not logged.
func TestExportSaysNoAddress(t *testing.T) {
	var log bytes.Buffer
	tracer := newTracer(t, telemetry.Collector{URL: "http://user:CANARY@127.0.0.1:0/CANARY?key=CANARY"}, &log)
	_, end := tracer.Delivery("k5f2", 1, "")
	end("delivered", "")
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "traces are lost") || strings.Contains(log.String(), "CANARY") {
		t.Errorf("logged %s", &log)
	}
}

// Redirects of a collector are not followed, since the headers are only for that
// collector.
func TestExportIsNotRedirected(t *testing.T) {
	elsewhere, exports := startCollector(t, http.StatusOK)
	server := httptest.NewServer(http.RedirectHandler(elsewhere+"?key=CANARY", http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	var log bytes.Buffer
	tracer := newTracer(t, telemetry.Collector{URL: server.URL, Headers: map[string]string{"X-Key": "secret"}}, &log)
	_, end := tracer.Delivery("k5f2", 1, "")
	end("delivered", "")
	if err := tracer.Close(t.Context()); err != nil || len(exports) > 0 {
		t.Errorf("%d exports, %v", len(exports), err)
	}
	if !strings.Contains(log.String(), "307") || strings.Contains(log.String(), "CANARY") {
		t.Errorf("logged %s", &log)
	}
}

// When the collector works again, the losses since the last line are logged.
func TestExportRecovers(t *testing.T) {
	statuses := make(chan int, 3)
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusOK} {
		statuses <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // no goroutine waits for the next answer, so time can pass
		w.WriteHeader(<-statuses)
	}))
	t.Cleanup(server.Close)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		tracer := newTracer(t, telemetry.Collector{URL: server.URL}, &log)
		for i, said := range []int{1, 1, 2} {
			_, end := tracer.Delivery("k5f2", 1, "")
			end("delivered", "")
			<-time.After(40 * time.Second)
			synctest.Wait()
			if n := strings.Count(log.String(), "spans=1 error=\"it answered 503"); n != said {
				t.Errorf("logged %d times after export %d, want %d: %s", n, i+1, said, &log)
			}
		}
		if err := tracer.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A nil tracer makes no spans and changes nothing.
func TestNoTracer(t *testing.T) {
	var tracer *telemetry.Tracer
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	same, end := tracer.Request(request, "private", "/", true)
	end(200, "")
	ctx, delivered := tracer.Delivery("k5f2", 1, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	delivered("delivered", "")
	tracer.Link(ctx, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if same != request || ctx != context.Background() || tracer.Trace(ctx) != "" || tracer.Close(ctx) != nil {
		t.Error("something was made")
	}
	if n := testing.AllocsPerRun(100, func() { _, end := tracer.Request(request, "", "", true); end(200, "") }); n > 0 {
		t.Errorf("%v allocations for no span", n)
	}
}

// If the caller does not sample its trace, nothing is exported or stored.
func TestUnsampled(t *testing.T) {
	url, exports := startCollector(t, http.StatusOK)
	tracer := newTracer(t, telemetry.Collector{URL: url}, io.Discard)
	r := httptest.NewRequest(http.MethodPost, "/v1/callbacks", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	request, end := tracer.Request(r, "private", "/v1/callbacks", true)
	if kept := tracer.Trace(request.Context()); kept != "" {
		t.Errorf("kept %s", kept)
	}
	end(200, "k5f2")
	if err := tracer.Close(t.Context()); err != nil || len(exports) > 0 {
		t.Errorf("%d exports, %v", len(exports), err)
	}
}

// A stored context that cannot be parsed makes no link.
func TestLinksThatCannotBeRead(t *testing.T) {
	url, exports := startCollector(t, http.StatusOK)
	tracer := newTracer(t, telemetry.Collector{URL: url}, io.Discard)
	for _, kept := range []string{"", "x", "00-00000000000000000000000000000000-b7ad6b7169203331-01", strings.Repeat("a", 1000)} {
		ctx, end := tracer.Delivery("k5f2", 1, kept)
		tracer.Link(ctx, kept)
		end("delivered", "")
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range (<-exports).traces.ResourceSpans[0].ScopeSpans[0].Spans {
		if len(s.Links) > 0 {
			t.Errorf("links %v", s.Links)
		}
	}
}
