package relay

import "time"

// OnExpiry says what happens to the task if nobody answers before the deadline.
type OnExpiry string

// The choices. Fail is the default, so that no execution hangs unnoticed.
const (
	OnExpiryFail   OnExpiry = "fail"   // the task fails with [ErrorExpired]
	OnExpiryIgnore OnExpiry = "ignore" // the task keeps waiting until its own timeout
)

// Callback is one waiting task, registered once, as its owner may see it: without
// the task token and the payload.
type Callback struct {
	ID        CallbackID
	State     State
	CreatedAt time.Time
	ExpiresAt time.Time
	OnExpiry  OnExpiry
	Tags      map[string]string
	Links     []Link     // for each name, the link that was made last
	Key       string     // name of the master key that made the id and the links
	Decisions []Decision // in the order in which they were made, without comments and fields
	Declined  []Decline  // who said that an open link is not for them, of each link the newest, in order
	Outcome   *OutcomeView
	Delivery  *DeliveryView
}

// OutcomeView is an outcome without its payload.
type OutcomeView struct {
	Type   OutcomeType
	By     string // a link's name, or [ByExpiry]
	Number byte   // of that link
	At     time.Time
	Error  string // of a failure
}

// DeliveryView is the progress of bringing the outcome to Step Functions.
type DeliveryView struct {
	Attempts      int
	Confirmed     bool      // Step Functions itself said that it took the outcome
	NextAttemptAt time.Time // zero if there will be none
	LastError     string    // AWS' error code or our name for what went wrong
	DeliveredAt   time.Time // zero until delivered
}
