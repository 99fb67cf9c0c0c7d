package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector is the receiver of spans, by OTLP over HTTP with protobuf.
type Collector struct {
	URL     string            // of the traces, such as http://collector:4318/v1/traces; may hold a secret
	Headers map[string]string // sent along; may hold a secret
	Timeout time.Duration     // of one export
	Gzip    bool
	Roots   *x509.CertPool // nil trusts those of the system
}

// complainEvery is how often lost spans are logged.
const complainEvery = time.Minute

// exporter sends each batch of spans to a collector once. A batch that fails is
// lost: tracing has no guarantees, and must not delay anything.
type exporter struct {
	collector Collector
	client    *http.Client
	logger    *slog.Logger

	mu         sync.Mutex
	complained time.Time
	lost       int   // spans lost since then
	failure    error // the reason for the last loss
}

func newExporter(c Collector, logger *slog.Logger) *exporter {
	transport := http.DefaultTransport.(*http.Transport).Clone() // with the proxy of the environment
	transport.TLSClientConfig = &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	client := &http.Client{
		Transport: transport, Timeout: c.Timeout,
		// A redirect would send the headers to another server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &exporter{collector: c, client: client, logger: logger}
}

// ExportSpans implements [sdktrace.SpanExporter]. It logs errors instead of
// returning them, since the SDK would only print them to standard error.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.send(ctx, spans)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.lost += len(spans)
		e.failure = err
		if failed, ok := errors.AsType[*url.Error](err); ok {
			e.failure = failed.Err // without the URL
		}
	}
	if time.Since(e.complained) >= complainEvery {
		e.complain()
	}
	return nil
}

// complain logs the spans lost since its last line, even if the collector works
// again.
func (e *exporter) complain() {
	if e.lost == 0 {
		return
	}
	e.logger.Warn("traces are lost: the collector does not accept them", "spans", e.lost, "error", e.failure)
	e.complained, e.lost = time.Now(), 0
}

func (e *exporter) send(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	// The request of OTLP has the same form as this, and no other dependency.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: resourceSpans(spans)})
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/x-protobuf"}}
	if e.collector.Gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(body) // writing to a buffer never fails
		_ = w.Close()
		body = packed.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	for name, value := range e.collector.Headers {
		header.Set(name, value)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.collector.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if response.StatusCode >= 300 {
		return fmt.Errorf("it answered %s", response.Status)
	}
	return nil
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.complain()
	return nil
}
