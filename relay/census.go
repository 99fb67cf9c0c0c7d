package relay

import "time"

// Census counts the callbacks that are kept, and tells how long they wait.
type Census struct {
	Pending      int64
	Answered     int64 // the backlog: recorded outcomes that are not settled
	Finished     int64 // in a final state, and not yet forgotten
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
