package relay

import "time"

// Delivery is one attempt to bring an outcome to Step Functions. The attempt is
// already recorded, and leased to the holder until the lease ends.
type Delivery struct {
	ID             CallbackID
	TaskToken      TaskToken
	Outcome        Outcome
	Lease          string // the lease's unique name; only its holder can settle the delivery
	Attempt        int    // 1 is the first
	EarlierUnclear int    // earlier attempts that may have had an effect
	CreatedAt      time.Time
	AnsweredAt     time.Time
	LeasedAt       time.Time // by the clock of Redis, as the two above
	// Trace is the trace context of the answer, or of the registration if nobody
	// answered; "" without one.
	Trace string
	// Unreadable is set when no master key of the ring opens what was stored.
	// The task token or the outcome is then missing.
	Unreadable error
}

// Settlement is how an attempt ended.
type Settlement struct {
	// State is [StateDelivered], [StateRefused], or [StateAnswered] if the delivery
	// will be tried again.
	State     State
	Confirmed bool          // of delivered: Step Functions itself said so
	Reason    string        // of refused and of a retry: the error's code
	RetryIn   time.Duration // of a retry
	// NoEffect says that the attempt certainly had no effect, so it no longer counts
	// as unclear. NotMade says that there was no attempt at all.
	NoEffect bool
	NotMade  bool
}
