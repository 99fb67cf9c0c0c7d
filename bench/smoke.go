package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// The smoke is a short comparison for CI. It judges ratios of processor times and
// shares, never a time or a throughput, and a ratio that failed is measured again
// before the run fails. It holds a ratio to its aim, or, if docs/benchmarks.md says that the
// aim is missed, to what that page says: nothing may become slower unseen.
const (
	smokeScale  = 0.2
	smokeRounds = 3
	smokeAgain  = 7    // rounds of a scenario with a ratio that failed
	smokeMargin = 0.85 // of the aim, or of the published ratio
)

// runSmoke fails if a ratio is far from its aim, or from what the page says.
func (p plan) runSmoke(ctx context.Context, sides sides, out, progress io.Writer) error {
	ratios, err := publishedRatios(p.published)
	if err != nil {
		return err
	}
	p.scale *= smokeScale
	chosen := slices.DeleteFunc(p.scenarios(), func(s scenario) bool { return len(s.steady()) == 0 })
	return p.judgeSmoke(ctx, chosen, ratios, sides, out, progress)
}

// judgeSmoke is runSmoke for some scenarios and published ratios.
func (p plan) judgeSmoke(ctx context.Context, chosen []scenario, ratios map[string]float64, sides sides, out, progress io.Writer) error {
	p.rounds = smokeRounds
	all, err := p.compare(ctx, chosen, sides, progress)
	if err != nil {
		return err
	}
	if failed := failing(all, ratios); len(failed) > 0 {
		fmt.Fprintln(progress, "some ratios failed; measuring them again, with more rounds")
		p.rounds = smokeAgain
		again, err := p.compare(ctx, failed, sides, progress)
		if err != nil {
			return err
		}
		for _, c := range again {
			i := slices.IndexFunc(all, func(first compared) bool { return first.name == c.name })
			all[i] = c
		}
	}
	var lines []smokeLine
	for _, c := range all {
		lines = append(lines, c.smoke(ratios)...)
	}
	return smokeReport(out, lines)
}

// steady returns the scenario's figures that the smoke judges, by what it judges.
func (s scenario) steady() (figures []figure) {
	for _, f := range s.figures {
		if f.steady != nil {
			f.of = f.steady
			figures = append(figures, f)
		}
	}
	return figures
}

// failing returns the scenarios with a figure that fails.
func failing(all []compared, ratios map[string]float64) (failed []scenario) {
	for _, c := range all {
		if slices.ContainsFunc(c.smoke(ratios), func(l smokeLine) bool { return !l.passes() }) {
			failed = append(failed, c.scenario)
		}
	}
	return failed
}

// smoke returns what the smoke judges of a scenario.
func (c compared) smoke(ratios map[string]float64) (lines []smokeLine) {
	for _, f := range c.steady() {
		lines = append(lines, smokeLine{f.line(c.reference, c.relay), ratios[f.what]})
	}
	return lines
}

// smokeLine is a figure as the smoke judges it.
type smokeLine struct {
	line
	published float64 // ratio; 0 for none
}

func (l smokeLine) ratio() float64 { return l.aim.judged(l.reference, l.relay) }

// bound is where the smoke fails.
func (l smokeLine) bound() float64 {
	switch {
	case l.aim.kind == leastRatio && l.published > 0:
		return min(l.aim.limit, l.published) * smokeMargin
	case l.aim.kind == mostRatio && l.published > 0:
		return max(l.aim.limit, l.published) / smokeMargin
	case l.aim.kind == leastRatio || l.aim.kind == leastValue:
		return l.aim.limit * smokeMargin
	}
	return l.aim.limit / smokeMargin
}

func (l smokeLine) passes() bool { return l.aim.met(l.ratio(), l.bound()) }

// smokeReport prints the ratios, and returns an error that names those that failed.
func smokeReport(out io.Writer, lines []smokeLine) error {
	var failed []string
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\t ratio\taim\tfails beyond\t")
	for _, l := range lines {
		verdict := "passed"
		if !l.passes() {
			verdict = "FAILED"
			failed = append(failed, fmt.Sprintf("%s: %.2f, and the bound is %.2f", l.what, l.ratio(), l.bound()))
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\n", l.what, l.ratio(), l.aim.limit, l.bound(), verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(failed) > 0 {
		return errors.New("too slow:\n  " + strings.Join(failed, "\n  "))
	}
	return nil
}
