package api

// What a probe is told with a 200. Anything else is a [Problem].
const (
	HealthOK    = "ok"    // the process runs
	HealthReady = "ready" // it can take requests
)

// Health is the answer to /healthz and /readyz.
type Health struct {
	Status string `json:"status"`
}
