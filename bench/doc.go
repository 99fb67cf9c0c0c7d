// Command bench measures what the relay's promises cost, against a handler
// that makes none.
//
//	go run ./bench                    # or: make bench
//	go run ./bench -rounds 5 -clients 128
//	go run ./bench -markdown docs/benchmarks.md -svg docs/benchmarks.svg
//	go run ./bench -sizes -markdown docs/procedures.md
//
// Both serve the same two requests: one that registers a task token and
// returns a URL, and one to that URL that brings the output to Step Functions.
// The bare handler does the least that can work: SET, then GETDEL and
// SendTaskSuccess through the same AWS SDK. A payload that it fails to deliver
// is lost, and so is one that was posted a second too early.
//
// A round starts everything anew, each in a process of its own: redis-server
// without persistence, the stand-in for Step Functions, and the server under
// test, which is either the bare handler or the relay's release binary. After
// a warm-up every callback is registered, and then every callback is answered.
// Rounds of the two alternate, so that a machine that is busy for a while is
// so for both, and the figures are medians over the rounds.
//
// A run in which any request was not answered with success, or in which the
// stand-in's ledger does not hold every output byte for byte and once, fails
// and prints no figures. A missed aim is printed as one and fails nothing.
//
// With -sizes it measures what callbacks take in Redis instead: waiting,
// answered and over, with and without what a registration may have besides.
//
// Processor time and peak memory are read from /proc, so it runs on Linux.
package main
