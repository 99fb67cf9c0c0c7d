package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/programs"
)

// TestScenarios runs every scenario with a few requests against the real servers, so
// that none rots between releases. It judges no figure.
func TestScenarios(t *testing.T) {
	needLinux(t)
	programs.Need(t, "redis-server")
	binary, err := relayBinary()
	if err != nil {
		t.Fatal(err)
	}
	sides := bareAndRelay(binary)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := plan{rounds: 1}
			all, err := p.compare(t.Context(), []scenario{tiny(s)}, sides, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			c := all[0]
			if len(c.relay) != 1 || s.alone == (len(c.reference) == 1) {
				t.Fatalf("%d results of the reference, %d of the relay", len(c.reference), len(c.relay))
			}
			for _, r := range slices.Concat(c.reference, c.relay) {
				if r.took <= 0 || r.peakMemory <= 0 {
					t.Errorf("took %v, memory %d", r.took, r.peakMemory)
				}
				if s.name != idleName && (r.requests != c.requests || len(r.latencies) != c.requests || r.cpu.subject <= 0) {
					t.Errorf("%d requests, want %d; %d latencies, CPU %v", r.requests, c.requests, len(r.latencies), r.cpu)
				}
				if fastest := percentile(r.latencies, 0); fastest < s.both.latency {
					t.Errorf("an answer took %v, and Step Functions alone should take %v", fastest, s.both.latency)
				}
			}
			if s.name == registrationsName && c.relay[0].pendingBytes < taskTokenBytes {
				t.Errorf("%v bytes for a pending callback are less than its task token", c.relay[0].pendingBytes)
			}
		})
	}
}

// tiny returns a scenario with a few requests.
func tiny(s scenario) scenario {
	s = s.scaled(1)
	s.requests, s.clients, s.pause = 40, min(s.clients, 8), 50*time.Millisecond
	if s.name == registrationsName {
		s.requests = 2_000 // so that the buffers of Redis do not hide its memory for callbacks
	}
	return s
}

// TestMillion runs the comparison with far less than a million.
func TestMillion(t *testing.T) {
	needLinux(t)
	programs.Need(t, "redis-server")
	binary, err := relayBinary()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	p := plan{rounds: 1, scale: 0.01, pending: 2_500, million: true}
	if err := p.runMillion(t.Context(), binary, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,000 pending", "2,500 pending", "answers a second", "registrations a second", "expiries a second"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
}

// fakeSides are sides without processes, which note the order in which they are opened.
func fakeSides() (sides, *[]string) {
	var order []string
	open := func(name string) func(context.Context, scenario) (*bed, error) {
		return func(context.Context, scenario) (*bed, error) {
			order = append(order, name)
			return &bed{subject: &subject{apiKey: name}}, nil
		}
	}
	return sides{side{name: bareName, open: open(bareName)}, side{name: relayName, open: open(relayName)}}, &order
}

// fake returns a scenario in which the relay uses cost times the processor time of the
// reference; each measurement asks for it.
func fake(name string, cost func() float64, figures ...figure) scenario {
	return scenario{name: name, clients: 1, requests: 1, figures: figures, measure: func(_ context.Context, b *bed) (result, error) {
		if b.subject.apiKey == relayName {
			return roundOf(1000, cost()), nil
		}
		return roundOf(1000, 1), nil
	}}
}

func same() float64 { return 1 }

func TestRoundsTakeTurns(t *testing.T) {
	sides, order := fakeSides()
	alone := fake("alone", same)
	alone.alone = true
	all, err := plan{rounds: 3}.compare(t.Context(), []scenario{fake("both", same), alone}, sides, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	const a, b = bareName, relayName
	if want := []string{a, b, b, a, a, b, b, b, b}; !slices.Equal(*order, want) {
		t.Errorf("got %q, want %q", *order, want)
	}
	if len(all[0].reference) != 3 || len(all[0].relay) != 3 || len(all[1].reference) != 0 || len(all[1].relay) != 3 {
		t.Errorf("results: %d and %d, %d and %d", len(all[0].reference), len(all[0].relay), len(all[1].reference), len(all[1].relay))
	}
}

func TestFailureEndsTheRunAndNamesItsPlace(t *testing.T) {
	sides, _ := fakeSides()
	broken := fake("the broken one", same)
	broken.measure = func(context.Context, *bed) (result, error) { return result{}, errors.New("no luck") }
	_, err := plan{rounds: 2}.compare(t.Context(), []scenario{fake("good", same), broken}, sides, io.Discard)
	if err == nil || err.Error() != "the broken one, bare handler, round 1: no luck" {
		t.Errorf("got %v", err)
	}
}
