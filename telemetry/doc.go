// Package telemetry provides the relay's structured logger, metrics and traces.
//
// All metrics are in [Metrics] and are registered when they are created, so none
// can be declared and never published; testdata/metrics.txt lists them. The
// methods of Metrics take only basic types: each part of the relay declares the
// small interface it needs, and Metrics satisfies all of them.
//
// [Tracer] makes spans; a nil Tracer makes none. The package's own exporter sends
// them to a collector.
//
// Labels must come from small fixed sets (route patterns, states, classes of
// result), never from an id, a path or anything else that a caller chooses. Spans
// may also have the callback id.
package telemetry
