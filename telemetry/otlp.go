package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// resourceSpans encodes spans as OTLP. All spans must come from one process and
// one tracer.
func resourceSpans(spans []sdktrace.ReadOnlySpan) []*tracepb.ResourceSpans {
	if len(spans) == 0 {
		return nil
	}
	converted := make([]*tracepb.Span, len(spans))
	for i, s := range spans {
		converted[i] = span(s)
	}
	return []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: attributes(spans[0].Resource().Attributes())},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: spans[0].InstrumentationScope().Name},
			Spans: converted,
		}},
	}}
}

// kinds are the kinds of span that the relay makes.
var kinds = map[trace.SpanKind]tracepb.Span_SpanKind{
	trace.SpanKindServer: tracepb.Span_SPAN_KIND_SERVER,
	trace.SpanKindClient: tracepb.Span_SPAN_KIND_CLIENT,
}

// span encodes a span without its trace state, since callers choose its text.
func span(s sdktrace.ReadOnlySpan) *tracepb.Span {
	traceID, spanID := s.SpanContext().TraceID(), s.SpanContext().SpanID()
	out := &tracepb.Span{
		TraceId: traceID[:], SpanId: spanID[:],
		Name: s.Name(), Kind: kinds[s.SpanKind()],
		StartTimeUnixNano: nanos(s.StartTime()), EndTimeUnixNano: nanos(s.EndTime()),
		Attributes: attributes(s.Attributes()),
	}
	if parent := s.Parent().SpanID(); parent.IsValid() {
		out.ParentSpanId = parent[:]
	}
	if s.Status().Code == codes.Error {
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.Status().Description}
	}
	for _, link := range s.Links() {
		traceID, spanID := link.SpanContext.TraceID(), link.SpanContext.SpanID()
		out.Links = append(out.Links, &tracepb.Span_Link{TraceId: traceID[:], SpanId: spanID[:]})
	}
	return out
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

func attributes(all []attribute.KeyValue) []*commonpb.KeyValue {
	out := make([]*commonpb.KeyValue, len(all))
	for i, a := range all {
		out[i] = &commonpb.KeyValue{Key: string(a.Key), Value: value(a.Value)}
	}
	return out
}

// value encodes a value. Values that are neither numbers nor texts become texts.
func value(v attribute.Value) *commonpb.AnyValue {
	if v.Type() == attribute.INT64 {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v.String()}}
}
