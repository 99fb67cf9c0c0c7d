package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cell returns a number of a table in Markdown: of the row that begins with these cells,
// so many cells from its beginning.
func cell(page string, column int, row ...string) (float64, error) {
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) > column && cmp.Equal(cells[:len(row)], row) {
			return strconv.ParseFloat(strings.ReplaceAll(cells[column], ",", ""), 64)
		}
	}
	return 0, fmt.Errorf("no row %q", row)
}

// readInputs reads the figures out of docs/benchmarks.md.
func readInputs(page string) (in scalingInputs, err error) {
	for _, c := range []struct {
		into   *float64
		column int
		row    []string
	}{
		{&in.answer.server, 5, []string{mainAnswers, relayName}},
		{&in.answer.redis, 6, []string{mainAnswers, relayName}},
		{&in.register.server, 5, []string{registrationsName, relayName}},
		{&in.register.redis, 6, []string{registrationsName, relayName}},
		{&in.pendingBytes, 2, []string{"Redis bytes per pending callback"}},
		{&in.finishedBytes, 2, []string{"Redis bytes per delivered callback"}},
	} {
		if *c.into, err = cell(page, c.column, c.row...); err != nil {
			return in, err
		}
	}
	return in, nil
}

// docs/scaling.md is what follows from docs/benchmarks.md, and from nothing older.
func TestScalingFollowsFromTheBenchmarks(t *testing.T) {
	benchmarks, err := os.ReadFile("../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	scaling, err := os.ReadFile("../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	in, err := readInputs(string(benchmarks))
	if err != nil {
		t.Fatal(err)
	}
	got, err := scalingMarks.text(string(scaling))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(in.markdown()), got); diff != "" {
		t.Errorf("make bench-docs writes both pages (-want +got):\n%s", diff)
	}
}

// What the report gives to docs/scaling.md can be read back out of docs/benchmarks.md.
func TestInputsAreThoseThatThePageShows(t *testing.T) {
	r := measured()
	want, err := r.inputs()
	if err != nil {
		t.Fatal(err)
	}
	got, err := readInputs(r.markdown())
	if err != nil || got != want {
		t.Errorf("read %+v, want %+v, %v", got, want, err)
	}
	r.compared = r.compared[:1]
	if _, err := r.inputs(); err == nil {
		t.Error("a run without registrations was taken")
	}
}

func TestScaling(t *testing.T) {
	text := scalingInputs{costs{200, 80}, costs{100, 20}, 1_500, 1_200}.markdown()
	for _, want := range []string{
		"takes 300 and 100.",
		"| one replica, on one core | 2,333 | 0.7 × 1,000,000 / 300 |",
		"| ten replicas, each on one core | 23,333 |",
		"| one Redis | 7,000 |",
		"| a cluster of 3 primaries | 19,478 | one Redis × 64 / 23;",
		"| a cluster of 16 primaries | 89,600 | one Redis × 64 / 5;",
		"the relay uses 15% of one core (answers alone: 10%), and Redis 5%.",
		"| 1,000,000 pending | 1.4 | 53 | 1,000,000 × 1,500; 2 × 1.4 / 16.8 × 0.437 × 730 |",
		"| 100,000,000 pending | 139.7 | 5,312 |",
		"| delivered, remembered for 8 days, 500 a second | 386.2 | 14,687 |",
		"| replicas: 10, each with 1 vCPU and 1 GB | 328 |",
		"| Step Functions: 500 waiting states a second | 32,850 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// The example is that of the specification of Redis Cluster, and the partitions are those
// of decision 7.
func TestSlots(t *testing.T) {
	if got := slot("123456789"); got != 0x31C3 {
		t.Errorf("slot %#x", got)
	}
	for n, want := range map[int]int{1: 64, 3: 23, 6: 12} {
		if got := busiest(n); got != want {
			t.Errorf("the busiest of %d primaries has %d partitions, want %d", n, got, want)
		}
	}
}
