package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// side is one of the two that scenarios compare.
type side struct {
	name string
	open func(context.Context, scenario) (*bed, error)
	kept bool // the bed outlives a round, and is not closed by it
}

// sides are the reference and what is compared with it.
type sides struct{ reference, relay side }

// bareAndRelay compares the relay's binary with the bare handler.
func bareAndRelay(binary string) sides {
	return sides{
		side{name: bareName, open: func(ctx context.Context, s scenario) (*bed, error) {
			return openBed(ctx, startBare, s.both)
		}},
		side{name: relayName, open: func(ctx context.Context, s scenario) (*bed, error) {
			c := s.relay
			c.latency = max(c.latency, s.both.latency)
			return openBed(ctx, startRelay(binary, c.settings...), c)
		}},
	}
}

// of returns the sides that a round of a scenario measures: A B, then B A, so that a
// machine that becomes slower or faster favours neither.
func (s sides) of(sc scenario, round int) []side {
	switch {
	case sc.alone:
		return []side{s.relay}
	case round%2 == 0:
		return []side{s.reference, s.relay}
	default:
		return []side{s.relay, s.reference}
	}
}

// compared is a scenario with what its rounds found.
type compared struct {
	scenario
	reference, relay []result
}

// scenarios returns those that the plan asks for.
func (p plan) scenarios() (chosen []scenario) {
	for _, s := range scenarios() {
		if p.only == nil || p.only.MatchString(s.name) {
			chosen = append(chosen, s.scaled(p.scale))
		}
	}
	return chosen
}

// compare measures every scenario in all its rounds.
func (p plan) compare(ctx context.Context, chosen []scenario, sides sides, out io.Writer) ([]compared, error) {
	bar := newProgress(out, p.steps(chosen, sides))
	all := make([]compared, 0, len(chosen))
	for _, s := range chosen {
		c := compared{scenario: s}
		for round := range p.rounds {
			for _, side := range sides.of(s, round) {
				r, err := s.once(ctx, side)
				if err != nil {
					return nil, fmt.Errorf("%s, %s, round %d: %w", s.name, side.name, round+1, err)
				}
				bar.step(fmt.Sprintf("%s, %s: %s", s.name, side.name, r.brief()))
				if side.name == sides.relay.name {
					c.relay = append(c.relay, r)
				} else {
					c.reference = append(c.reference, r)
				}
			}
		}
		all = append(all, c)
	}
	return all, nil
}

func (p plan) steps(chosen []scenario, sides sides) (n int) {
	for _, s := range chosen {
		n += p.rounds * len(sides.of(s, 0))
	}
	return n
}

// once measures one side in one round.
func (s scenario) once(ctx context.Context, side side) (result, error) {
	b, err := side.open(ctx, s)
	if err != nil {
		return result{}, err
	}
	if !side.kept {
		defer b.close()
	}
	b.setLoad(s)
	return s.measure(ctx, b)
}

// brief describes a result in a few words.
func (r result) brief() string {
	if r.requests == 0 {
		return fmt.Sprintf("%.1f commands a second, %.2f%% of a core", r.commands, corePercent(r))
	}
	return fmt.Sprintf("%s/s, %.0f CPU µs each", whole(r.perSecond()), allCPU(r))
}

// lines returns the figures of all scenarios that have an aim.
func lines(all []compared) (lines []line) {
	for _, c := range all {
		for _, f := range c.figures {
			lines = append(lines, f.line(c.reference, c.relay))
		}
	}
	return lines
}

// find returns the scenario of a name.
func find(all []compared, name string) (compared, bool) {
	i := slices.IndexFunc(all, func(c compared) bool { return c.name == name })
	if i < 0 {
		return compared{}, false
	}
	return all[i], true
}

// progress prints how far a run is.
type progress struct {
	out         io.Writer
	done, steps int
	began       time.Time
}

func newProgress(out io.Writer, steps int) *progress {
	return &progress{out: out, steps: steps, began: time.Now()}
}

// step prints that a step has ended, and how long all of them are likely to take.
func (p *progress) step(what string) {
	p.done++
	elapsed := time.Since(p.began)
	expected := elapsed * time.Duration(p.steps) / time.Duration(p.done)
	fmt.Fprintf(p.out, "[%d of %d, %s of about %s] %s\n", p.done, p.steps, clock(elapsed), clock(expected), what)
}

// clock formats a duration as minutes and seconds.
func clock(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
