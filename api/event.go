package api

// The statuses of an event that a hook has accepted.
const (
	EventMatched   = "matched"   // callbacks wait for it, and get it
	EventDuplicate = "duplicate" // it came before
	EventKept      = "kept"      // nobody waits for it yet
	EventIgnored   = "ignored"   // it is of no use
)

// The reasons why an event is ignored.
const (
	EventNotAccepted = "not-accepted" // the hook does not accept it
	EventNoKey       = "no-key"       // it has nothing that a callback could await
	EventTooLarge    = "too-large"    // its headers or its query are too long
	EventUnsupported = "unsupported"  // its body could not be read
	EventFailedRule  = "failed-rule"  // an expression of the hook failed
)

// EventResponse is the body of a successful answer from a hook.
type EventResponse struct {
	Status string `json:"status"`
	// Reason says why an event is ignored. It is empty for a post that only tests the hook.
	Reason string `json:"reason,omitempty"`
}
