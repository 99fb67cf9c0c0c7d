package main

import (
	"io"
	"strings"
	"testing"
)

// TestSmoke runs the smoke with figures that are good, bad, or bad only at first.
func TestSmoke(t *testing.T) {
	cpu := figure{what: "CPU per answer", of: serverCPU, show: whole, aim: noMore(0.8), steady: serverCPU}
	calls := 0
	noisyAtFirst := func() float64 {
		if calls++; calls <= smokeRounds {
			return 2
		}
		return 1
	}
	ratios := map[string]float64{"slow answers": 0.1, "fast answers": 3}
	for _, c := range []struct {
		name    string
		cost    func() float64
		figures []figure
		bad     []string // figures that fail the run
	}{
		{"as good as the reference", same, []figure{throughput("answers", atLeast(1, 0)), cpu}, nil},
		{"within the margin", func() float64 { return 1.17 }, []figure{throughput("answers", atLeast(1, 0)), cpu}, nil},
		{"beyond the margin", func() float64 { return 1.19 }, []figure{throughput("answers", atLeast(1, 0)), cpu}, []string{"answers: 0.84", "CPU per answer: 1.19"}},
		{"one of two", func() float64 { return 1.3 }, []figure{throughput("answers", atLeast(0.5, 0)), cpu}, []string{"CPU per answer: 1.30"}},
		{"no worse than published", func() float64 { return 9 }, []figure{throughput("slow answers", atLeast(1, 0))}, nil},
		{"worse than published", func() float64 { return 13 }, []figure{throughput("slow answers", atLeast(1, 0))}, []string{"slow answers: 0.08"}},
		{"published, and better than the aim", func() float64 { return 1.1 }, []figure{throughput("fast answers", atLeast(1, 0))}, nil},
		{"a noisy machine", noisyAtFirst, []figure{cpu}, nil},
		{"share delivered at once", same, []figure{{what: "share", of: deliveredShare, show: whole, aim: valueAtLeast(0.99), steady: deliveredShare}}, nil},
		{"share too small", same, []figure{{what: "share", of: deliveredShare, show: whole, aim: valueAtLeast(1.2), steady: deliveredShare}}, []string{"share: 1.00"}},
	} {
		sides, _ := fakeSides()
		var out strings.Builder
		err := plan{}.judgeSmoke(t.Context(), []scenario{fake("fake", c.cost, c.figures...)}, ratios, sides, &out, io.Discard)
		if (err == nil) != (len(c.bad) == 0) {
			t.Errorf("%s: got %v\n%s", c.name, err, out.String())
			continue
		}
		for _, want := range c.bad {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not say %q: %v", c.name, want, err)
			}
		}
		for _, f := range c.figures {
			if strings.Contains(out.String(), f.what) != (f.steady != nil) {
				t.Errorf("%s: printed\n%s", c.name, out.String())
			}
		}
	}
}

// A scenario whose ratio failed is measured again with more rounds, and only it.
func TestSmokeMeasuresAgain(t *testing.T) {
	calls := map[string]int{}
	counting := func(name string, cost float64) func() float64 {
		return func() float64 { calls[name]++; return cost }
	}
	cpu := figure{what: "CPU", of: serverCPU, show: whole, aim: noMore(0), steady: serverCPU}
	sides, _ := fakeSides()
	err := plan{}.judgeSmoke(t.Context(), []scenario{
		fake("good", counting("good", 1), cpu), fake("bad", counting("bad", 2), cpu),
	}, nil, sides, io.Discard, io.Discard)
	if err == nil || calls["good"] != smokeRounds || calls["bad"] != smokeRounds+smokeAgain {
		t.Errorf("%v, with %v", err, calls)
	}
}

// The smoke never judges a throughput or a time, which other programs on the machine change.
func TestSmokeJudgesNoTime(t *testing.T) {
	judged := 0
	for _, s := range scenarios() {
		for _, f := range s.steady() {
			judged++
			fast, slow := roundOf(4000, 1), roundOf(1000, 1)
			if f.of(fast) != f.of(slow) {
				t.Errorf("%s: a slower machine changes it", f.what)
			}
		}
	}
	if judged == 0 {
		t.Error("nothing is judged")
	}
}

// The page has the ratio of every figure that the smoke holds to a ratio.
func TestPublishedRatios(t *testing.T) {
	ratios, err := publishedRatios("../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		for _, f := range s.steady() {
			if (f.aim.kind == leastRatio || f.aim.kind == mostRatio) && ratios[f.what] == 0 {
				t.Errorf("docs/benchmarks.md has no ratio for %q", f.what)
			}
		}
	}
}
