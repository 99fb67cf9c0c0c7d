package api

// What became of a POST to a public link.
const (
	StatusDelivered = "delivered" // Step Functions has it
	StatusAccepted  = "accepted"  // stored; delivery goes on without the sender
	StatusAlive     = "alive"     // the heartbeat reached Step Functions
	StatusIgnored   = "ignored"   // nothing changed: the post only tried the link
)

// AnswerResponse is the success of a public link.
type AnswerResponse struct {
	// ID is the callback's.
	ID     string `json:"id"`
	Status string `json:"status"`
	// Duplicate says that the same bytes had been taken before.
	Duplicate bool `json:"duplicate,omitempty"`
	// Text is what the link's registration wants said.
	Text string `json:"text,omitempty"`
}
