package telemetry

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans of requests and deliveries. A nil Tracer makes none, which
// turns tracing off.
//
// A registration, its answer and its delivery may be days apart and in different
// processes. So each is its own trace; they are linked by the W3C traceparents
// that the store keeps. Of a request, spans have only the callback id and the
// pattern of the route.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// NewTracer returns a tracer that exports to a collector. The SDK itself reads
// OTEL_TRACES_SAMPLER, OTEL_BSP_SCHEDULE_DELAY and similar variables, and also
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. The caller closes the tracer.
func NewTracer(ctx context.Context, collector Collector, version string, logger *slog.Logger) (*Tracer, error) {
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "callback-relay"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv()) // the last one wins
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(newExporter(collector, logger)), sdktrace.WithResource(about))
	return &Tracer{provider, provider.Tracer("callback-relay")}, nil
}

// Close exports the remaining spans, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Request begins the span of a request to a route. It continues the caller's trace
// only if the caller is trusted. The returned request has the span in its context.
// The caller must call end with the result, or the span is not exported.
func (t *Tracer) Request(r *http.Request, listener, route string, trusted bool) (_ *http.Request, end func(status int, callback string)) {
	if t == nil {
		return r, func(int, string) {}
	}
	ctx := r.Context()
	if trusted {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	method := knownMethod(r.Method)
	ctx, span := t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method),
		attribute.String("http.route", route),
		attribute.String("callback_relay.listener", listener),
	))
	return r.WithContext(ctx), func(status int, callback string) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if callback != "" {
			span.SetAttributes(callbackID(callback))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}

// Delivery begins the span of an attempt to deliver an outcome, linked to the
// stored trace context of the answer. The caller calls end with the callback's
// state after the attempt, and the reason.
func (t *Tracer) Delivery(callback string, attempt int, answer string) (_ context.Context, end func(state, reason string)) {
	ctx := context.Background()
	if t == nil {
		return ctx, func(string, string) {}
	}
	ctx, span := t.tracer.Start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(links(answer)...),
		trace.WithAttributes(callbackID(callback), attribute.Int("callback_relay.delivery.attempt", attempt)))
	return ctx, func(state, reason string) {
		span.SetAttributes(attribute.String("callback_relay.callback.state", state))
		if reason != "" {
			span.SetAttributes(attribute.String("callback_relay.delivery.reason", reason))
		}
		if state != "delivered" {
			span.SetStatus(codes.Error, reason)
		}
		span.End()
	}
}

// Trace returns the context of the span in ctx as a traceparent to store, or "" if
// there is no recorded span.
func (t *Tracer) Trace(ctx context.Context) string {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	stored := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, stored)
	return stored["traceparent"]
}

// Link links the span in ctx to the span of a stored context.
func (t *Tracer) Link(ctx context.Context, stored string) {
	if t == nil {
		return
	}
	for _, link := range links(stored) {
		trace.SpanFromContext(ctx).AddLink(link)
	}
}

// links returns a link to the span of a stored context, if it can be parsed.
func links(stored string) []trace.Link {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": stored})
	if to := trace.SpanContextFromContext(ctx); to.IsValid() {
		return []trace.Link{{SpanContext: to}}
	}
	return nil
}

func callbackID(id string) attribute.KeyValue {
	return attribute.String("callback_relay.callback.id", id)
}
