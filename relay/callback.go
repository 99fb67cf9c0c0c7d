package relay

import "time"

// OnExpiry says what a deadline that passes unanswered does to the task.
type OnExpiry string

// The choices. Fail is the default, so that no execution hangs unseen.
const (
	OnExpiryFail   OnExpiry = "fail"   // the task fails with [ErrorExpired]
	OnExpiryIgnore OnExpiry = "ignore" // the task waits on, for its own timeout
)

// Callback is one waiting task, registered once, as its owner may see it:
// neither the task token nor the payload is in it.
type Callback struct {
	ID        CallbackID
	State     State
	CreatedAt time.Time
	ExpiresAt time.Time
	OnExpiry  OnExpiry
	Tags      map[string]string
	Links     []Link     // of each name the one that was made last
	Key       string     // name of the master key that made the id and the links
	Decisions []Decision // of people, in their order, without what they wrote
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

// DeliveryView tells how bringing the outcome to Step Functions goes.
type DeliveryView struct {
	Attempts      int
	Confirmed     bool      // Step Functions itself said that it took the outcome
	NextAttemptAt time.Time // zero when there is none to come
	LastError     string    // AWS' error code or our name for what went wrong
	DeliveredAt   time.Time // zero until delivered
}
