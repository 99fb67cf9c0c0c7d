package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Posted counts a post to a link with a sender or outcomes.
func (m *Metrics) Posted(sender, verdict string) {
	m.ofSender(sender)
	m.posts.WithLabelValues(sender, verdict).Inc()
}

// Unproven counts a post whose sender was not proven.
func (m *Metrics) Unproven(sender, reason string) {
	m.ofSender(sender)
	m.unproven.WithLabelValues(sender, reason).Inc()
}

// Registered counts a registration of a task token. The reason is empty if the
// result needs none.
func (m *Metrics) Registered(result, reason string) {
	m.registrations.WithLabelValues(result, reason).Inc()
}

// Answered counts an answer posted to a link, as Registered does.
func (m *Metrics) Answered(result, reason string) { m.answers.WithLabelValues(result, reason).Inc() }

// Cancelled counts a cancellation.
func (m *Metrics) Cancelled() { m.cancellations.Inc() }

// Expired counts callbacks whose deadline passed.
func (m *Metrics) Expired(n int) { m.expired.Add(float64(n)) }

// Callbacks sets how many callbacks there are in a state.
func (m *Metrics) Callbacks(state string, n int64) {
	m.callbacks.WithLabelValues(state).Set(float64(n))
}

// OldestAge sets how long the oldest callback has been in a state.
func (m *Metrics) OldestAge(state string, age time.Duration) {
	m.oldest.WithLabelValues(state).Set(age.Seconds())
}

// NearDeadline sets how many pending callbacks are near their deadline.
func (m *Metrics) NearDeadline(n int64) { m.nearDeadline.Set(float64(n)) }

// SetAside sets how many entries of Redis cannot be read.
func (m *Metrics) SetAside(n int64) { m.setAside.Set(float64(n)) }

// Attempted counts an attempt to deliver an outcome.
func (m *Metrics) Attempted(class string) { m.attempts.WithLabelValues(class).Inc() }

// Settled counts the end of a delivery, lag after its outcome was recorded. The
// reason is empty if the state needs none.
func (m *Metrics) Settled(state, reason string, lag time.Duration) {
	m.settled.WithLabelValues(state, reason).Inc()
	m.lag.WithLabelValues(state).Observe(lag.Seconds())
}

// WaitedForPermit observes a wait for the rate limit.
func (m *Metrics) WaitedForPermit(took time.Duration) { m.permits.Observe(took.Seconds()) }

// StepFunctionsCalled observes a call to Step Functions.
func (m *Metrics) StepFunctionsCalled(call, class string, took time.Duration) {
	m.steps.WithLabelValues(call, class).Observe(took.Seconds())
}

// RedisCalled observes a call of a script, or a round trip of other commands to Redis.
func (m *Metrics) RedisCalled(operation string, failed bool, took time.Duration) {
	result := "ok"
	if failed {
		result = "error"
	}
	m.redis.WithLabelValues(operation, result).Observe(took.Seconds())
}

// CheckFailed sets whether a readiness check fails.
func (m *Metrics) CheckFailed(check string, failed bool) {
	m.failedChecks.WithLabelValues(check).Set(flag(failed))
}

// Warning sets whether a check fails that does not affect readiness.
func (m *Metrics) Warning(check string, fails bool) {
	m.warnings.WithLabelValues(check).Set(flag(fails))
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}

// Redis sets the memory in use and the clock skew of Redis.
func (m *Metrics) Redis(memory float64, skew time.Duration) {
	m.memory.Set(memory)
	m.skew.Set(skew.Seconds())
}

// RequestBegun counts an HTTP request as being handled, until RequestDone.
func (m *Metrics) RequestBegun(listener string) { m.inFlight.WithLabelValues(listener).Inc() }

// BodyBytes changes how many bytes are reserved for bodies.
func (m *Metrics) BodyBytes(listener string, change int64) {
	m.bytes.WithLabelValues(listener).Add(float64(change))
}

// methods are the HTTP methods that are named in metrics and spans.
var methods = []string{
	http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
	http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace,
}

// knownMethod returns the name of a method, or "other" if HTTP does not define it,
// since callers can invent any number of methods.
func knownMethod(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return "other"
}

// RequestDone observes one HTTP request and how long it took. The route is a
// pattern, not a path.
func (m *Metrics) RequestDone(listener, route, method string, status int, took time.Duration) {
	m.inFlight.WithLabelValues(listener).Dec()
	m.requests.WithLabelValues(listener, route, knownMethod(method), strconv.Itoa(status)).Observe(took.Seconds())
}
