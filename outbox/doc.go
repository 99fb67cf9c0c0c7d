// Package outbox delivers recorded outcomes to Step Functions.
//
// One function delivers, and it has two callers. The process that recorded an
// answer holds its lease and delivers immediately ([Outbox.Deliver]). That
// delivery may not be settled: Step Functions was slow or throttled, or the
// process died. Then the first replica to find it due, when its lease or its
// waiting time has ended, claims it from Redis ([Outbox.Run]).
//
// An attempt is recorded before its first byte is sent, and counts as unclear
// until Step Functions replies. This gives a meaning to "task timed out", which
// Step Functions also says of a task that was completed earlier: after an
// unclear attempt, it means that the attempt succeeded.
//
// Run also watches deadlines, trims what retention removed, and announces that
// this replica is alive. From the number of live replicas, each computes its
// share of the fleet's rate, and how often it looks for work.
package outbox
