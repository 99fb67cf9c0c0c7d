package api

// What a probe is told with a 200. Anything else is a [Problem].
const (
	HealthOK    = "ok"    // the process runs
	HealthReady = "ready" // it can take requests
)

// Health is the answer to /healthz and /readyz.
type Health struct {
	Status string `json:"status"`
	// Proof answers the nonce that the public /healthz was asked with.
	Proof string `json:"proof,omitempty"`
	// Warnings are what may be wrong with a relay that is ready, of /readyz.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Warning is one thing that may be wrong with a relay that is ready.
type Warning struct {
	// Check is what was looked at, such as public-url.
	Check  string `json:"check"`
	Reason string `json:"reason"`
}
