package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figure is a number in the first table of the report; most have an aim.
type figure struct {
	what string
	of   func(result) float64
	show func(float64) string
	aim  aim
	// steady is what the smoke judges in its place: a number with the same ratio that
	// a busy machine does not change. The smoke leaves out figures without one.
	steady func(result) float64
}

// throughput is a figure of requests a second. While every core is busy, these are the
// cores divided by the processor time of all processes for a request, so this time
// gives the same ratio, and a third process on the machine does not change it.
func throughput(what string, a aim) figure {
	return figure{
		what: what, of: result.perSecond, show: whole, aim: a,
		steady: func(r result) float64 { return 1e6 / allCPU(r) },
	}
}

func serverCPU(r result) float64          { return r.each(r.cpu.subject) }
func redisCPU(r result) float64           { return r.each(r.cpu.redis) }
func allCPU(r result) float64             { return r.each(r.cpu.all()) }
func p50(r result) float64                { return milliseconds(percentile(r.latencies, 50)) }
func p99(r result) float64                { return milliseconds(percentile(r.latencies, 99)) }
func memory(r result) float64             { return float64(r.peakMemory) / (1 << 20) }
func deliveredShare(r result) float64     { return r.share("delivered") }
func deliveredPerSecond(r result) float64 { return r.perSecond() * deliveredShare(r) }
func pendingBytes(r result) float64       { return r.pendingBytes }
func finishedBytes(r result) float64      { return r.finishedBytes }
func commands(r result) float64           { return r.commands }
func corePercent(r result) float64        { return 100 * r.cpu.subject.Seconds() / r.took.Seconds() }

// aim is a bound for a figure.
type aim struct {
	kind   aimKind
	limit  float64
	record float64 // worth having beyond the aim; 0 for none
}

type aimKind int

const (
	noAim      aimKind = iota
	leastRatio         // of the relay's figure to the reference's
	mostRatio
	leastValue // of the relay's figure
	mostValue
	mostAbove // the reference's figure
)

func atLeast(ratio, record float64) aim { return aim{leastRatio, ratio, record} }
func noMore(record float64) aim         { return aim{mostRatio, 1, record} }
func valueAtLeast(value float64) aim    { return aim{leastValue, value, 0} }
func valueAtMost(value float64) aim     { return aim{mostValue, value, 0} }
func aboveAtMost(value float64) aim     { return aim{mostAbove, value, 0} }

// judged returns the number that the aim bounds.
func (a aim) judged(reference, relay float64) float64 {
	switch a.kind {
	case leastRatio, mostRatio:
		return relay / reference
	case mostAbove:
		return relay - reference
	default:
		return relay
	}
}

// met tells whether a judged number keeps to a limit.
func (a aim) met(judged, limit float64) bool {
	if a.kind == leastRatio || a.kind == leastValue {
		return judged >= limit
	}
	return judged <= limit
}

// line is a measured figure: the medians over the rounds.
type line struct {
	figure
	reference, relay float64 // reference is 0 if there is none
	alone            bool
}

func (f figure) line(reference, relay []result) line {
	return line{f, median(reference, f.of), median(relay, f.of), len(reference) == 0}
}

// judged returns what the aim bounds, as exact as it is shown.
func (l line) judged() float64 {
	judged := l.aim.judged(l.reference, l.relay)
	if l.aim.kind == leastRatio || l.aim.kind == mostRatio {
		return shown(twoDigits, judged)
	}
	return shown(l.show, judged)
}

// shown returns the number that a reader sees.
func shown(show func(float64) string, v float64) float64 {
	rounded, err := strconv.ParseFloat(strings.ReplaceAll(show(v), ",", ""), 64)
	if err != nil {
		return v // such as NaN
	}
	return rounded
}

func (l line) ratio() string {
	if l.alone || l.reference == 0 || l.aim.kind == noAim {
		return ""
	}
	return twoDigits(l.relay / l.reference)
}

func (l line) aimText() string {
	switch l.aim.kind {
	case noAim:
		return ""
	case leastRatio:
		return "ratio ≥ " + twoDigits(l.aim.limit)
	case mostRatio:
		return "ratio ≤ " + twoDigits(l.aim.limit)
	case leastValue:
		return "≥ " + l.show(l.aim.limit)
	case mostValue:
		return "≤ " + l.show(l.aim.limit)
	default:
		return fmt.Sprintf("≤ %s more", l.show(l.aim.limit))
	}
}

func (l line) recordText() string {
	if l.aim.record == 0 {
		return ""
	}
	return twoDigits(l.aim.record)
}

// verdict says whether the aim is met.
func (l line) verdict() string {
	switch judged := l.judged(); {
	case l.aim.kind == noAim:
		return ""
	case !l.aim.met(judged, l.aim.limit):
		return "missed"
	case l.aim.record != 0 && l.aim.met(judged, l.aim.record):
		return "record"
	default:
		return "met"
	}
}

// median returns the middle value of a figure over the rounds, or the mean of
// the middle two.
func median(rounds []result, of func(result) float64) float64 {
	if len(rounds) == 0 {
		return 0
	}
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

func oneDigit(v float64) string    { return strconv.FormatFloat(v, 'f', 1, 64) }
func twoDigits(v float64) string   { return strconv.FormatFloat(v, 'f', 2, 64) }
func threeDigits(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

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
