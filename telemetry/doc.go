// Package telemetry makes what the relay tells its operators: a structured
// logger, the metrics and the traces.
//
// All metrics stand in [Metrics] and are registered as they are made, so that
// none is declared and never published; testdata/metrics.txt lists them. Its
// methods take basic types only: each part of the relay declares the small
// interface it needs, and Metrics satisfies all of them.
//
// Spans are made by [Tracer], and nil is a tracer that makes none. They go to a
// collector by an exporter of our own.
//
// Labels must come from small fixed sets (route patterns, states, classes of
// result), never from an id, a path or anything else that a caller chooses. A
// span may have the callback id besides.
package telemetry
