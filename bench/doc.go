// Command bench measures what the relay's promises cost, against a handler
// that makes none.
//
//	go run ./bench                    # or: make bench
//	go run ./bench -rounds 1 -only 'answers, 64'
//	go run ./bench -markdown docs/benchmarks.md -svg docs/benchmarks.svg -scaling docs/scaling.md
//	go run ./bench -smoke
//	go run ./bench -million -markdown docs/benchmarks.md
//	go run ./bench -sizes -markdown docs/procedures.md
//
// Both serve the same two requests: one registers a task token and returns a URL,
// and one posts the output to that URL. The bare handler does the least that can
// work: SET, then GETDEL and SendTaskSuccess with the same AWS SDK. It loses a
// payload that it cannot deliver, or that is posted a second too early.
//
// What is measured is one table, [scenarios], and one loop goes through it. A round
// of a scenario starts fresh processes: redis-server, the stand-in for Step
// Functions, and the server under test, which is either the bare handler or the
// relay's release binary. The two sides take turns, A B and then B A, so that a busy
// machine slows both. The figures are medians over the rounds.
//
// A run fails and prints no figures if any request fails, if fewer responses than
// requests were counted, or if the stand-in's ledger does not have every output
// exactly once and byte for byte. A missed aim is printed, but the run does not fail;
// only that of -smoke does, if a ratio is far from its aim.
//
// With -million it compares a relay with a million pending callbacks with one that
// has a thousand. With -sizes it instead measures the memory that callbacks take in
// Redis, while they wait, are answered or have ended, with and without optional
// members of a registration.
//
// Processor time and peak memory are read from /proc, so it runs on Linux.
package main
