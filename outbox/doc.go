// Package outbox brings recorded outcomes to Step Functions.
//
// One function delivers, and it has two callers. The process that recorded an
// answer holds its lease and delivers at once ([Outbox.Deliver]). Everything
// that is not settled that way, because Step Functions was slow or throttled or
// the process died, is claimed from Redis when its lease or its waiting time
// has ended, by whichever replica comes first ([Outbox.Run]).
//
// An attempt is recorded before its first byte leaves, and counts as unclear
// until an answer proves otherwise. So "task timed out", which is what Step
// Functions says of a task that somebody completed earlier, can be read: after
// an unclear attempt it means that the attempt succeeded.
//
// Run also watches deadlines, trims what retention removed, and announces that
// this replica is alive. From the number of those that do, every replica
// computes its share of the fleet's rate, and how often it looks for work.
package outbox
