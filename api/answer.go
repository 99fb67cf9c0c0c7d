package api

// What became of a POST to a public link.
const (
	StatusDelivered = "delivered" // Step Functions has the answer
	StatusAccepted  = "accepted"  // stored; delivery continues without the sender
	StatusAlive     = "alive"     // the heartbeat reached Step Functions
	StatusIgnored   = "ignored"   // nothing changed: the post only tested the link
)

// AnswerResponse is the body of a successful answer from a public link.
type AnswerResponse struct {
	// ID is the callback's.
	ID     string `json:"id"`
	Status string `json:"status"`
	// Duplicate says that the same bytes were accepted before.
	Duplicate bool `json:"duplicate,omitempty"`
	// Text is the text of the link's response, as registered.
	Text string `json:"text,omitempty"`
}
