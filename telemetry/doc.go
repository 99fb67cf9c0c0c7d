// Package telemetry makes what the relay tells its operators: a structured
// logger and the metrics.
//
// All metrics stand in [Metrics] and are registered as they are made, so that
// none is declared and never published; testdata/metrics.txt lists them. Its
// methods take basic types only: each part of the relay declares the small
// interface it needs, and Metrics satisfies all of them.
//
// Labels must come from small fixed sets (route patterns, states, classes of
// result), never from an id, a path or anything else that a caller chooses.
package telemetry
