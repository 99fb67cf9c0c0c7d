package relay

import "time"

// Census counts the callbacks that are kept, and tells how long they wait.
type Census struct {
	// Callbacks are how many there are in each state. Those that are answered
	// are the backlog; those in a final state are not forgotten yet.
	Callbacks    map[State]int64
	NearDeadline int64 // of the pending ones
	SetAside     int64 // entries that cannot be read, and wait for an operator

	// OldestPending is the age of the oldest callback among those that are next
	// to expire, and OldestAnswered the age of the oldest outcome among those
	// whose attempt is next: each partition's first. So no queue is read to its
	// end. Where deadlines differ a lot, an older callback may be further back. An
	// older outcome may be, too, until its next attempt is due, after a minute at
	// most, and those that were due before it have had theirs.
	OldestPending  time.Duration
	OldestAnswered time.Duration
}
