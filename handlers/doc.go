// Package handlers translates between HTTP and package relay. It serves two
// listeners: [Public] serves links to the world, and [Private] serves the API,
// health and metrics inside the network.
//
// A handler parses, calls package relay, and renders. It contains no rules. The only
// table from errors to statuses is in problems.go; an error that is not in the table
// is answered with 500 and no detail.
//
// Logs and metrics contain the route's pattern and the callback's id, never the
// path, which contains the link's secret.
package handlers
