package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric of the relay.
const namespace = "callback_relay"

var (
	// callBuckets, in seconds, suit requests and calls to Step Functions: a
	// few milliseconds when all is well, and cut off after seconds.
	callBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

	// lagBuckets, in seconds, reach from a delivery made at once to one that
	// waited a day for somebody to mend a permission.
	lagBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800, 3600, 21600, 86400}
)

// Metrics counts and times what the relay does. Its methods may be called from
// many goroutines.
type Metrics struct {
	registry *prometheus.Registry

	answers       *prometheus.CounterVec
	registrations *prometheus.CounterVec
	attempts      *prometheus.HistogramVec
	settled       *prometheus.CounterVec
	lag           *prometheus.HistogramVec
	backlog       prometheus.Gauge
	requests      *prometheus.HistogramVec
	memory        prometheus.Gauge
	skew          prometheus.Gauge
}

// NewMetrics returns metrics in a registry of their own, together with those
// of the Go runtime, the process and the build.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "answers_total",
			Help: "Answers posted to links, by what became of them.",
		}, []string{"result"}),
		registrations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "registrations_total",
			Help: "Registrations of task tokens, by what became of them.",
		}, []string{"result"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "delivery_attempt_duration_seconds",
			Help:    "Time of each attempt to tell Step Functions an outcome, by class of result.",
			Buckets: callBuckets,
		}, []string{"class"}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "deliveries_settled_total",
			Help: "Deliveries that came to an end, by final state and reason.",
		}, []string{"state", "reason"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "delivery_lag_seconds",
			Help:    "Time from recording an outcome to settling its delivery, by final state.",
			Buckets: lagBuckets,
		}, []string{"state"}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "delivery_backlog",
			Help: "Outcomes recorded and not yet settled, of all replicas.",
		}),
		memory: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "redis_memory_ratio",
			Help: "Share of its memory limit that Redis has in use, of the fullest server; 0 without a limit.",
		}),
		skew: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "clock_skew_seconds",
			Help: "How far the clock of this process is ahead of that of Redis.",
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_duration_seconds",
			Help:    "Time of each HTTP request, by listener, route pattern, method and status code.",
			Buckets: callBuckets,
		}, []string{"listener", "route", "method", "code"}),
	}
	m.registry.MustRegister(
		m.answers, m.registrations, m.attempts, m.settled, m.lag, m.backlog, m.requests, m.memory, m.skew,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m
}

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Answered counts an answer posted to a link.
func (m *Metrics) Answered(result string) { m.answers.WithLabelValues(result).Inc() }

// Registered counts a registration of a task token.
func (m *Metrics) Registered(result string) { m.registrations.WithLabelValues(result).Inc() }

// Attempted notes one attempt to deliver an outcome and how long it took.
func (m *Metrics) Attempted(class string, took time.Duration) {
	m.attempts.WithLabelValues(class).Observe(took.Seconds())
}

// Settled notes the end of a delivery, lag after its outcome was recorded. The
// reason is empty where the state says it all.
func (m *Metrics) Settled(state, reason string, lag time.Duration) {
	m.settled.WithLabelValues(state, reason).Inc()
	m.lag.WithLabelValues(state).Observe(lag.Seconds())
}

// Backlog sets how many recorded outcomes are not settled yet.
func (m *Metrics) Backlog(n int64) { m.backlog.Set(float64(n)) }

// Redis sets how Redis was found.
func (m *Metrics) Redis(memory float64, skew time.Duration) {
	m.memory.Set(memory)
	m.skew.Set(skew.Seconds())
}

// methods are the HTTP methods that get a label value of their own.
var methods = []string{
	http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
	http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace,
}

// RequestDone notes one HTTP request and how long it took. The route is a
// pattern, not a path. A method that HTTP does not define counts as "other":
// callers may make up as many as they like.
func (m *Metrics) RequestDone(listener, route, method string, status int, took time.Duration) {
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(listener, route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
