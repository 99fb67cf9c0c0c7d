package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The aims.
const (
	answerAim       = 0.8 // of the bare handler's answers a second
	registrationAim = 0.7 // of a bare SET's registrations a second
	eventAim        = 0.8 // of a constant 204's events a second
)

// pendingAim is the most memory that a pending callback may take in Redis, in all
// keys: 1.5 times its task token, plus 500 bytes.
const pendingAim = taskTokenBytes*3/2 + 500

// figure is one line of the report.
type figure struct {
	name string
	of   func(result) float64
	show func(float64) string
	// atLeast is the aim for relay / bare, and atMost the aim for the relay
	// itself; 0 is no aim.
	atLeast, atMost float64
}

// figures are the lines of the report in their order.
var figures = []figure{
	{name: "answers per second", of: func(r result) float64 { return r.answering.perSecond() }, show: whole, atLeast: answerAim},
	{name: "CPU µs per answer", of: func(r result) float64 { return r.answering.each(r.answering.cpu) }, show: whole},
	{name: "CPU µs per answer, Redis", of: func(r result) float64 { return r.answering.each(r.answering.redisCPU) }, show: whole},
	{name: "CPU µs per answer, all processes", of: func(r result) float64 { return r.answering.each(r.answering.totalCPU) }, show: whole},
	{name: "answer p50, ms", of: func(r result) float64 { return milliseconds(percentile(r.answering.latencies, 50)) }, show: oneDigit},
	{name: "answer p99, ms", of: func(r result) float64 { return milliseconds(percentile(r.answering.latencies, 99)) }, show: oneDigit},
	{name: "registrations per second", of: func(r result) float64 { return r.registering.perSecond() }, show: whole, atLeast: registrationAim},
	{name: "CPU µs per registration", of: func(r result) float64 { return r.registering.each(r.registering.cpu) }, show: whole},
	{name: "CPU µs per registration, Redis", of: func(r result) float64 { return r.registering.each(r.registering.redisCPU) }, show: whole},
	{name: "CPU µs per registration, all processes", of: func(r result) float64 { return r.registering.each(r.registering.totalCPU) }, show: whole},
	{name: "registration p50, ms", of: func(r result) float64 { return milliseconds(percentile(r.registering.latencies, 50)) }, show: oneDigit},
	{name: "registration p99, ms", of: func(r result) float64 { return milliseconds(percentile(r.registering.latencies, 99)) }, show: oneDigit},
	{name: "unwanted events per second", of: func(r result) float64 { return r.unwanted.perSecond() }, show: whole, atLeast: eventAim},
	{name: "CPU µs per unwanted event", of: func(r result) float64 { return r.unwanted.each(r.unwanted.cpu) }, show: whole},
	{name: "CPU µs per unwanted event, all processes", of: func(r result) float64 { return r.unwanted.each(r.unwanted.totalCPU) }, show: whole},
	{name: "events that nobody awaits per second", of: func(r result) float64 { return r.unexpected.perSecond() }, show: whole, atLeast: eventAim},
	{name: "CPU µs per event that nobody awaits", of: func(r result) float64 { return r.unexpected.each(r.unexpected.cpu) }, show: whole},
	{name: "CPU µs per event that nobody awaits, all processes", of: func(r result) float64 { return r.unexpected.each(r.unexpected.totalCPU) }, show: whole},
	{name: "peak memory, MiB", of: func(r result) float64 { return float64(r.peakMemory) / (1 << 20) }, show: oneDigit},
	{name: "Redis bytes per pending callback", of: func(r result) float64 { return r.pendingBytes }, show: whole, atMost: pendingAim},
}

// line is a measured figure: the medians over the rounds.
type line struct {
	figure
	bare, relay float64
}

func (f figure) line(bare, relay []result) line {
	return line{f, median(bare, f.of), median(relay, f.of)}
}

func (l line) ratio() float64 { return l.relay / l.bare }

// aim describes the aim, or returns "" if there is none.
func (l line) aim() string {
	switch {
	case l.atLeast > 0:
		return fmt.Sprintf("at least %.2f", l.atLeast)
	case l.atMost > 0:
		return "at most " + l.show(l.atMost)
	}
	return ""
}

// verdict says whether the aim is met, or returns "" if there is none.
func (l line) verdict() string {
	switch {
	case l.aim() == "":
		return ""
	case l.atLeast > 0 && l.ratio() < l.atLeast, l.atMost > 0 && l.relay > l.atMost:
		return "missed"
	}
	return "met"
}

// median returns the middle value of a figure over the rounds, or the mean of
// the middle two.
func median(rounds []result, of func(result) float64) float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// percentile returns the smallest of the sorted durations that p percent of
// them do not exceed (nearest rank).
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func oneDigit(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// whole formats a number without a fraction and with separated thousands.
func whole(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && d != '-' && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
