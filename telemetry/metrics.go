package telemetry

import (
	"net/http"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric of the relay.
const namespace = "callback_relay"

var (
	// callBuckets, in seconds, suit requests and calls to Step Functions, which
	// usually take a few milliseconds and time out after seconds.
	callBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

	// redisBuckets, in seconds, end at the timeout of commands: a second for each
	// of two tries, and two more seconds for a wait for copies.
	redisBuckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .1, .25, 1, 2.5, 5}

	// permitBuckets, in seconds, end shortly after the time at which a fresh answer
	// goes back into the queue.
	permitBuckets = []float64{.001, .01, .05, .1, .25, .5, 1, 2.5}

	// lagBuckets, in seconds, range from an immediate delivery to one that waited a
	// day for an operator to fix a permission.
	lagBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800, 3600, 21600, 86400}
)

// MetricsOptions are the values that other packages define.
type MetricsOptions struct {
	Version string
	// Classes are the classes of failed delivery attempts, Refusals the reasons for
	// which Step Functions refuses an outcome, Checks the readiness checks, and
	// Warnings the other checks. Their series begin at 0, since Prometheus does not
	// see an increase from no value.
	Classes, Refusals, Checks, Warnings []string
	// Verdicts are what can become of a post to a link with a sender or outcomes, and
	// Unproven the reasons for which a sender is not proven. The series of a sender
	// begin at 0 when it first posts.
	Verdicts, Unproven []string
	// HookVerdicts are what can become of a request to a hook.
	HookVerdicts []string
}

// Metrics counts and times what the relay does. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	registrations, answers *prometheus.CounterVec
	posts, unproven        *prometheus.CounterVec
	ofSender               func(sender string) // begins the series of a sender
	hooks                  *hookMetrics
	cancellations, expired prometheus.Counter
	callbacks, oldest      *prometheus.GaugeVec
	nearDeadline, setAside prometheus.Gauge

	attempts, settled *prometheus.CounterVec
	lag               *prometheus.HistogramVec
	permits           prometheus.Histogram
	steps, redis      *prometheus.HistogramVec

	requests        *prometheus.HistogramVec
	inFlight, bytes *prometheus.GaugeVec

	failedChecks, warnings *prometheus.GaugeVec
	memory, skew           prometheus.Gauge
}

// NewMetrics returns metrics in their own registry, which also has those of the Go
// runtime, the process and the build.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	f := maker{promauto.With(m.registry)}
	m.makeCallbacks(f)
	m.hooks = makeHooks(f, o.HookVerdicts)
	m.makeDeliveries(f)
	m.makeProcess(f)

	for _, class := range o.Classes {
		m.attempts.WithLabelValues(class)
	}
	for _, reason := range o.Refusals {
		m.settled.WithLabelValues("refused", reason)
	}
	for _, check := range o.Checks {
		m.failedChecks.WithLabelValues(check)
	}
	for _, check := range o.Warnings {
		m.warnings.WithLabelValues(check)
	}
	m.ofSender = onceFor(func(sender string) {
		for _, verdict := range o.Verdicts {
			m.posts.WithLabelValues(sender, verdict)
		}
		for _, reason := range o.Unproven {
			m.unproven.WithLabelValues(sender, reason)
		}
	})
	f.gauges("build_info", "Which relay this is; always 1.", "version", "goversion").
		WithLabelValues(o.Version, runtime.Version()).Set(1)
	return m
}

// onceFor returns a function that calls do once for each name.
func onceFor(do func(name string)) func(name string) {
	var done sync.Map
	return func(name string) {
		if _, known := done.Load(name); !known {
			do(name)
			done.Store(name, nil)
		}
	}
}

func (m *Metrics) makeCallbacks(f maker) {
	m.registrations = f.counters("registrations_total",
		"Registrations of task tokens, by result and reason.", "result", "reason")
	m.answers = f.counters("answers_total",
		"Answers and heartbeats posted to links, by result and reason.", "result", "reason")
	m.posts = f.counters("posts_total",
		"Posts to links with a sender or outcomes, by sender and what became of them.", "sender", "verdict")
	m.unproven = f.counters("posts_unproven_total",
		"Posts whose sender was not proven, by sender and reason.", "sender", "reason")
	m.cancellations = f.counter("cancellations_total",
		"Acknowledged cancellations, including repeated ones.")
	m.expired = f.counter("deadlines_passed_total",
		"Callbacks that nobody answered before their deadline.")
	m.callbacks = f.gauges("callbacks",
		"Stored callbacks, of all replicas, by state. Those in a final state are kept until their retention ends.", "state")
	m.oldest = f.gauges("callbacks_oldest_age_seconds",
		"Age of the oldest callback among those that are next: since its registration if pending, since its answer if answered.", "state")
	m.nearDeadline = f.gauge("callbacks_near_deadline",
		"Pending callbacks with less than an hour left until their deadline, of all replicas.")
	m.setAside = f.gauge("entries_set_aside",
		"Entries of Redis that cannot be read and were set aside for an operator, of all replicas.")
}

func (m *Metrics) makeDeliveries(f maker) {
	m.attempts = f.counters("delivery_attempts_total",
		"Attempts to deliver an outcome to Step Functions, by class of result.", "class")
	m.settled = f.counters("deliveries_settled_total",
		"Deliveries that have ended, by final state and reason.", "state", "reason")
	m.lag = f.histograms("delivery_lag_seconds",
		"Time from recording an outcome to settling its delivery, by final state.", lagBuckets, "state")
	m.permits = f.histogram("rate_limit_wait_seconds",
		"Time waited for permits of the rate limit, by one delivery or for a batch.", permitBuckets)
	m.steps = f.histograms("step_functions_call_duration_seconds",
		"Time of each call to Step Functions, by call and class of result.", callBuckets, "call", "class")
	m.redis = f.histograms("redis_call_duration_seconds",
		"Time of each call to Redis as the relay waits for it, by script or command, and result.", redisBuckets, "operation", "result")
}

func (m *Metrics) makeProcess(f maker) {
	m.requests = f.histograms("http_request_duration_seconds",
		"Time of each HTTP request, by listener, route pattern, method and status code.", callBuckets,
		"listener", "route", "method", "code")
	m.inFlight = f.gauges("http_requests_in_flight",
		"HTTP requests that are being handled, by listener.", "listener")
	m.bytes = f.gauges("http_body_bytes_in_flight",
		"Bytes reserved for the bodies that are being handled, by listener.", "listener")
	m.failedChecks = f.gauges("check_failed",
		"1 while a readiness check fails, or registrations are stopped.", "check")
	m.warnings = f.gauges("warning",
		"1 while a check fails that does not affect readiness.", "check")
	m.memory = f.gauge("redis_memory_ratio",
		"Share of its memory limit that Redis has in use, of the fullest server; 0 without a limit.")
	m.skew = f.gauge("clock_skew_seconds",
		"How far the clock of this process is ahead of that of Redis.")
}

// maker creates and registers metrics.
type maker struct{ promauto.Factory }

func (f maker) counter(name, help string) prometheus.Counter {
	return f.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func (f maker) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return f.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (f maker) gauge(name, help string) prometheus.Gauge {
	return f.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func (f maker) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return f.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (f maker) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return f.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func (f maker) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return f.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
