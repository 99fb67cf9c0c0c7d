// Package handlers is HTTP in and out. It has two faces, each for a listener of
// its own: [Public] serves links to the world, [Private] serves the API,
// health and metrics to the inside.
//
// A handler parses, calls package relay, and renders. No rule lives here. The
// one table from errors to statuses is in problems.go; an error that is not in
// it is answered with 500 and silence.
//
// What leaves through logs and metrics carries the route's pattern and the
// callback's id, never the path, which holds the link's secret.
package handlers
