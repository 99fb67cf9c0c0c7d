package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1},
		{ms(3), 99, 3 * time.Millisecond}, {ms(1, 2, 3), 50, 2 * time.Millisecond}, {nil, 50, 0},
	} {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("percentile %d of %d values: got %v, want %v", c.p, len(c.sorted), got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	three := []result{{pendingBytes: 9}, {pendingBytes: 1}, {pendingBytes: 2}}
	if got := median(three, pendingBytes); got != 2 {
		t.Errorf("of three: %v", got)
	}
	if got := median(three[:2], pendingBytes); got != 5 {
		t.Errorf("of two: %v", got)
	}
	if got := median(nil, pendingBytes); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestWhole(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 999.6: "1,000", 1234567: "1,234,567", 12: "12", 123456: "123,456", -1234: "-1,234", -123: "-123",
	} {
		if got := whole(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}

// A line judges what its aim bounds: a ratio, the relay's own figure, or how much more
// it is than the reference's.
func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		aim              aim
		reference, relay float64
		want, aimText    string
	}{
		"ratio met":           {atLeast(0.95, 1.10), 100, 95, "met", "ratio ≥ 0.95"},
		"ratio missed":        {atLeast(0.95, 1.10), 100, 94, "missed", "ratio ≥ 0.95"},
		"ratio, record":       {atLeast(0.95, 1.10), 100, 110, "record", "ratio ≥ 0.95"},
		"ratio as shown":      {atLeast(0.95, 1.10), 1000, 946, "met", "ratio ≥ 0.95"},
		"small ratio met":     {noMore(0.8), 100, 100, "met", "ratio ≤ 1.00"},
		"small ratio missed":  {noMore(0.8), 100, 101, "missed", "ratio ≤ 1.00"},
		"small ratio, record": {noMore(0.8), 100, 80, "record", "ratio ≤ 1.00"},
		"value met":           {valueAtLeast(2000), 0, 2000, "met", "≥ 2,000"},
		"value missed":        {valueAtLeast(2000), 9000, 1999, "missed", "≥ 2,000"},
		"small value met":     {valueAtMost(20), 0, 20, "met", "≤ 20"},
		"small value missed":  {valueAtMost(20), 900, 21, "missed", "≤ 20"},
		"more, met":           {aboveAtMost(40), 30, 70, "met", "≤ 40 more"},
		"more, missed":        {aboveAtMost(40), 30, 71, "missed", "≤ 40 more"},
		"no figure":           {atLeast(0.95, 0), 0, 0, "missed", "ratio ≥ 0.95"},
	} {
		l := line{figure: figure{show: whole, aim: c.aim}, reference: c.reference, relay: c.relay}
		if got := l.verdict(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if got := l.aimText(); got != c.aimText {
			t.Errorf("%s: got %s, want %s", name, got, c.aimText)
		}
	}
}

// With every core busy, the ratio of throughputs is the inverse of that of processor
// times, which is why the smoke may judge these.
func TestSteadyRatioIsThatOfThroughputs(t *testing.T) {
	f := throughput("answers", atLeast(1, 0))
	busy := func(cores, each float64) result { // each is the µs of a request, of all processes
		r := result{requests: 1000, took: time.Duration(1000 * each / cores * 1000)}
		r.cpu = clocks{subject: time.Duration(1000 * each * 500), generator: time.Duration(1000 * each * 500)}
		return r
	}
	reference, relay := busy(2, 200), busy(2, 250)
	if a, b := f.of(relay)/f.of(reference), f.steady(relay)/f.steady(reference); a < 0.79 || a > 0.81 || b < a-0.01 || b > a+0.01 {
		t.Errorf("throughputs %.3f, processor times %.3f, want 0.8", a, b)
	}
	if shared := busy(1, 250); f.steady(shared) != f.steady(relay) {
		t.Error("another process that takes a core changes the smoke's figure")
	}
}

func TestPaceIsThatOfTheMiddle(t *testing.T) {
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1)*time.Millisecond)
	}
	sorted[0], sorted[99] = 0, time.Hour // neither counts
	if got := pace(sorted); got != 100*time.Millisecond {
		t.Errorf("got %v, want 100ms for a hundred, one each millisecond", got)
	}
}
