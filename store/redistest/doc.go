// Package redistest starts real redis-servers for tests. Each test has its own, in
// its temporary directory, until the test ends. No port is fixed. If redis-server
// is not installed, a test says so and runs without it; in CI it fails.
//
// A [Server] is one process that can be killed, paused and started again. A
// replica, a [Pair] under a Sentinel and a [Cluster] consist of such servers. A
// server may be used by only one goroutine at a time.
package redistest
