package relay

import "time"

// Census counts the stored callbacks, and says how long they have been waiting.
type Census struct {
	// Callbacks counts the callbacks in each state. Answered callbacks are the
	// backlog; callbacks in a final state are counted until they are forgotten.
	Callbacks    map[State]int64
	NearDeadline int64 // pending callbacks with a near deadline
	SetAside     int64 // entries and keys that cannot be read and need an operator

	// OldestPending and OldestAnswered are estimates, so that no queue is read to its
	// end: only the first entry of each partition's queue is looked at.
	// OldestPending is the greatest age among the callbacks that expire next; if
	// deadlines differ a lot, an older callback may be further back in a queue.
	// OldestAnswered is the greatest age among the outcomes whose attempt is next; an
	// older outcome may be further back until its own attempt is due, after a minute
	// at most, and the attempts before it have been made.
	OldestPending  time.Duration
	OldestAnswered time.Duration
}
