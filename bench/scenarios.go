package main

import (
	"cmp"
	"time"
)

// scenario is a load under certain conditions. Both sides get it in turn.
type scenario struct {
	name     string
	clients  int
	requests int           // measured in each round
	payload  int           // bytes; 300 by default
	pause    time.Duration // of what measures a relay without requests
	both     conditions    // of both sides
	relay    conditions    // of the relay, whose promises need them
	alone    bool          // there is nothing to compare the relay with
	measure  measurement
	figures  []figure
}

// warmUp is how many requests each round sends before it measures.
func (s scenario) warmUp() int { return min(s.requests/4, 2_000) }

// scaled returns the scenario with other numbers of requests, and what it leaves out
// filled in.
func (s scenario) scaled(scale float64) scenario {
	s.payload = cmp.Or(s.payload, payloadBytes)
	s.requests = max(int(float64(s.requests)*scale), 1)
	s.pause = time.Duration(float64(s.pause) * scale)
	return s
}

// payloadBytes is the size of a usual payload: that of a webhook.
const payloadBytes = 300

// pendingAim is the most memory that a pending callback may take in Redis, in all
// keys: 1.5 times its task token, plus 500 bytes.
const pendingAim = taskTokenBytes*3/2 + 500

// mainAnswers is the scenario that the plot of processor time and docs/scaling.md show.
const mainAnswers = "answers, 64 clients"

// registrationsName is the scenario of registrations, which docs/scaling.md shows too.
const registrationsName = "registrations"

// clientsName names a scenario that differs from others only in its clients.
func clientsName(clients int) string { return "answers, " + whole(float64(clients)) + " clients" }

// idleName is the scenario without requests.
const idleName = "idle, with callbacks that wait"

// scenarios are what a run measures, in this order.
func scenarios() []scenario {
	return []scenario{
		{name: clientsName(8), clients: 8, requests: 5_000, measure: answers},
		{name: mainAnswers, clients: 64, requests: 12_000, measure: answers, figures: []figure{
			throughput("answers a second, 64 clients", atLeast(0.95, 1.10)),
			{what: "CPU µs per answer, 64 clients", of: serverCPU, show: whole, aim: noMore(0.80), steady: serverCPU},
			{what: "p99 of answers, ms, 64 clients", of: p99, show: oneDigit, aim: noMore(0)},
			{what: "peak memory, MiB, 64 clients", of: memory, show: oneDigit, aim: aboveAtMost(40)},
		}},
		{name: clientsName(256), clients: 256, requests: 12_000, measure: answers, figures: []figure{
			throughput("answers a second, 256 clients", atLeast(1.00, 1.30)),
			{what: "share delivered at once, 256 clients", of: deliveredShare, show: threeDigits, aim: valueAtLeast(0.99), steady: deliveredShare},
		}},
		{name: clientsName(1024), clients: 1024, requests: 10_000, measure: answers},
		{
			name: "answers, append-only file synced every second", clients: 64, requests: 10_000, measure: answers,
			relay:   conditions{redis: []string{"--appendonly", "yes", "--appendfsync", "everysec"}},
			figures: []figure{throughput("answers a second, append-only file (bare: none)", atLeast(0.90, 1.00))},
		},
		{
			name: "answers, wait:1", clients: 64, requests: 10_000, measure: answers,
			relay:   conditions{replica: true, settings: []string{"RELAY_REDIS_DURABILITY=wait:1"}},
			figures: []figure{throughput("answers a second, wait:1 (bare: no replica)", atLeast(0.80, 1.00))},
		},
		{
			name: "answers of 200 KB, 32 clients", clients: 32, requests: 500, payload: 200_000, measure: answers,
			figures: []figure{throughput("answers a second, 200 KB, 32 clients", atLeast(0.85, 0))},
		},
		{
			name: "answers, Step Functions takes 20 ms", clients: 64, requests: 6_000, measure: answers,
			both: conditions{latency: 20 * time.Millisecond},
		},
		{
			name: "answers, Step Functions takes 50 ms", clients: 256, requests: 10_000, measure: answers,
			both:    conditions{latency: 50 * time.Millisecond},
			figures: []figure{{what: "delivered a second, Step Functions takes 50 ms", of: deliveredPerSecond, show: whole, aim: valueAtLeast(2_000)}},
		},
		{name: registrationsName, clients: 64, requests: 12_000, measure: registrations, figures: []figure{
			throughput("registrations a second", atLeast(0.75, 0.85)),
			{what: "Redis bytes per pending callback", of: pendingBytes, show: whole, aim: valueAtMost(pendingAim)},
			{what: "Redis bytes per delivered callback", of: finishedBytes, show: whole},
		}},
		{name: "forged links", clients: 64, requests: 24_000, pause: time.Second, measure: forgeries, figures: []figure{
			throughput("forged links a second", atLeast(0.85, 0)),
			{what: "Redis commands per forged link", of: commands, show: twoDigits, aim: valueAtMost(0)},
		}},
		{name: "unwanted events", clients: 64, requests: 16_000, measure: events(unwanted, "ignored"), figures: []figure{
			throughput("unwanted events a second", atLeast(0.80, 0)),
		}},
		{name: "events that nobody awaits yet", clients: 64, requests: 12_000, measure: events(unexpected, "kept"), figures: []figure{
			throughput("events that nobody awaits yet a second", atLeast(0.80, 0)),
		}},
		{
			name: "backlog", clients: 64, requests: 8_000, alone: true, measure: backlog,
			relay: conditions{settings: []string{"RELAY_ANSWER_WAIT=0s"}},
		},
		{name: idleName, clients: 16, requests: 1_000, pause: 10 * time.Second, alone: true, measure: idle, figures: []figure{
			{what: "Redis commands a second, idle", of: commands, show: oneDigit, aim: valueAtMost(20)},
			{what: "share of a core, idle, %", of: corePercent, show: twoDigits, aim: valueAtMost(0.3)},
		}},
	}
}
