// Command bench measures what the relay's promises cost, against a handler
// that makes none.
//
//	go run ./bench                    # or: make bench
//	go run ./bench -rounds 5 -clients 128
//	go run ./bench -markdown docs/benchmarks.md -svg docs/benchmarks.svg
//	go run ./bench -sizes -markdown docs/procedures.md
//
// Both serve the same two requests: one registers a task token and returns a URL,
// and one posts the output to that URL. The bare handler does the least that can
// work: SET, then GETDEL and SendTaskSuccess with the same AWS SDK. It loses a
// payload that it cannot deliver, or that is posted a second too early.
//
// A round starts fresh processes: redis-server without persistence, the stand-in
// for Step Functions, and the server under test, which is either the bare handler
// or the relay's release binary. After a warm-up, every callback is registered,
// and then every callback is answered. Rounds of the two servers alternate, so
// that a busy machine slows both. The figures are medians over the rounds.
//
// A run fails and prints no figures if any request fails, or if the stand-in's
// ledger does not have every output exactly once and byte for byte. A missed aim
// is printed, but the run does not fail.
//
// With -sizes it instead measures the memory that callbacks take in Redis, while
// they wait, are answered or have ended, with and without optional members of a
// registration.
//
// Processor time and peak memory are read from /proc, so it runs on Linux.
package main
