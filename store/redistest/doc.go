// Package redistest starts real redis-servers for tests: each of its own, in
// the test's temporary directory, gone when the test ends. It uses no fixed
// port. Where redis-server is not installed a test runs on what it has besides,
// and says so; in CI that is a failure.
//
// A [Server] is one process that can be killed, paused and started again. A
// replica, a [Pair] under a Sentinel and a [Cluster] are made of such servers.
// Each is steered by one goroutine at a time.
package redistest
