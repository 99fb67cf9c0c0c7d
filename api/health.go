package api

// The statuses that a probe gets with a 200. Any other answer is a [Problem].
const (
	HealthOK    = "ok"    // the process runs
	HealthReady = "ready" // it can take requests
)

// Health is the answer to /healthz and /readyz.
type Health struct {
	Status string `json:"status"`
	// Proof is the answer to a nonce sent to the public /healthz.
	Proof string `json:"proof,omitempty"`
	// Warnings lists what may be wrong with a relay that is ready. Only /readyz sends
	// it.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Warning is one thing that may be wrong with a relay that is ready.
type Warning struct {
	// Check is what was checked, such as public-url.
	Check  string `json:"check"`
	Reason string `json:"reason"`
}
