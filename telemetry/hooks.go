package telemetry

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// hookMetrics are the metrics of hooks. All but late have the label sender.
type hookMetrics struct {
	events            *prometheus.CounterVec // by verdict, too
	dropped, notGiven *prometheus.CounterVec
	kept, oldest      *prometheus.GaugeVec
	heard             *prometheus.GaugeVec
	late              prometheus.Gauge

	begin func(sender string) // begins the series of a sender

	mu         sync.Mutex
	configured []string
}

func makeHooks(f maker, verdicts []string) *hookMetrics {
	h := &hookMetrics{
		events: f.counters("hook_events_total",
			"Requests to hooks, by sender and what became of them.", "sender", "verdict"),
		dropped: f.counters("hook_events_dropped_total",
			"Events that nobody waited for, and that had to make room for others.", "sender"),
		notGiven: f.counters("hook_gives_failed_total",
			"Attempts to give events that another process had left, and that failed; they are tried again.", "sender"),
		kept: f.gauges("hook_events_kept",
			"Events that nobody has used, of all replicas.", "sender"),
		oldest: f.gauges("hook_events_kept_oldest_age_seconds",
			"Age of the oldest of these events.", "sender"),
		heard: f.gauges("hook_last_event_timestamp_seconds",
			"When this replica got the last proven event.", "sender"),
		late: f.gauge("hook_gives_late_seconds",
			"For how long a replica should have looked at events that are for callbacks, of all replicas; 0 if none is late."),
	}
	h.begin = onceFor(func(sender string) {
		for _, verdict := range verdicts {
			h.events.WithLabelValues(sender, verdict)
		}
		h.dropped.WithLabelValues(sender)
		h.notGiven.WithLabelValues(sender)
	})
	return h
}

// provenVerdicts are those of events whose sender was proven.
var provenVerdicts = []string{"matched", "duplicate", "kept", "ignored", "failed-rule", "unsupported", "too-large"}

// Received counts a request to a hook.
func (m *Metrics) Received(sender, verdict string) {
	m.hooks.begin(sender)
	m.hooks.events.WithLabelValues(sender, verdict).Inc()
	if slices.Contains(provenVerdicts, verdict) {
		m.hooks.heard.WithLabelValues(sender).SetToCurrentTime()
	}
}

// Dropped counts events that had to make room for others.
func (m *Metrics) Dropped(sender string, events int) {
	m.hooks.begin(sender)
	m.hooks.dropped.WithLabelValues(sender).Add(float64(events))
}

// NotGiven counts a failed attempt to give events.
func (m *Metrics) NotGiven(sender string) {
	m.hooks.begin(sender)
	m.hooks.notGiven.WithLabelValues(sender).Inc()
}

// Configured sets which hooks there are. What is stored for others is not shown.
func (m *Metrics) Configured(senders []string) {
	m.hooks.mu.Lock()
	defer m.hooks.mu.Unlock()
	for _, sender := range m.hooks.configured {
		if !slices.Contains(senders, sender) {
			for _, gauge := range []*prometheus.GaugeVec{m.hooks.kept, m.hooks.oldest, m.hooks.heard} {
				gauge.DeleteLabelValues(sender)
			}
		}
	}
	for _, sender := range senders {
		m.hooks.begin(sender)
	}
	m.hooks.configured = slices.Clone(senders)
}

// Kept sets how many events of a hook nobody has used, and the age of the oldest.
func (m *Metrics) Kept(sender string, events int, oldest time.Duration) {
	m.hooks.kept.WithLabelValues(sender).Set(float64(events))
	m.hooks.oldest.WithLabelValues(sender).Set(oldest.Seconds())
}

// Late sets for how long a replica should have looked at events for callbacks.
func (m *Metrics) Late(by time.Duration) { m.hooks.late.Set(by.Seconds()) }
