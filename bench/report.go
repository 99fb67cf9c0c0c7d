package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is the result of a run.
type report struct {
	plan     plan
	machine  string
	compared []compared
	names    [2]string // of the reference and the relay; by default those of the servers
	marks    marks     // of the page; by default those of the comparison
	note     string    // a further sentence
}

// write prints the tables, and writes the files that the plan names.
func (r report) write(out io.Writer) error {
	if r.names[0] == "" {
		r.names, r.marks = [2]string{bareName, relayName}, benchMarks
	}
	if err := r.text(out); err != nil {
		return err
	}
	if r.plan.svg != "" {
		if err := os.WriteFile(r.plan.svg, []byte(r.drawing()), 0o644); err != nil {
			return err
		}
	}
	if r.plan.scaling != "" {
		in, err := r.inputs()
		if err != nil {
			return err
		}
		if err := scalingMarks.spliceFile(r.plan.scaling, in.markdown()); err != nil {
			return err
		}
	}
	if r.plan.markdown == "" {
		return nil
	}
	return r.marks.spliceFile(r.plan.markdown, r.markdown())
}

// table is text in rows and columns.
type table struct {
	head  []string
	left  int // columns that are aligned to the left
	right int // the columns after the left ones that are aligned to the right
	rows  [][]string
}

// aims returns the figures that have an aim.
func (r report) aims() table {
	t := table{head: []string{"", r.names[0], r.names[1], "ratio", "aim", "record", ""}, left: 1, right: 3}
	for _, l := range lines(r.compared) {
		reference := ""
		if !l.alone {
			reference = l.show(l.reference)
		}
		t.rows = append(t.rows, []string{l.what, reference, l.show(l.relay), l.ratio(), l.aimText(), l.recordText(), l.verdict()})
	}
	return t
}

// loads returns what was measured of every scenario, each side in a row.
func (r report) loads() table {
	t := table{
		head: []string{"", "", "a second", "p50, ms", "p99, ms", "CPU µs: server", "Redis", "all", "peak MiB"},
		left: 2, right: 7,
	}
	for _, c := range r.compared {
		for i, rounds := range [][]result{c.reference, c.relay} {
			if len(rounds) == 0 || rounds[0].requests == 0 {
				continue
			}
			row := []string{c.name, r.names[i]}
			for _, column := range []struct {
				of   func(result) float64
				show func(float64) string
			}{
				{result.perSecond, whole}, {p50, oneDigit}, {p99, oneDigit},
				{serverCPU, whole}, {redisCPU, whole}, {allCPU, whole}, {memory, whole},
			} {
				row = append(row, column.show(median(rounds, column.of)))
			}
			t.rows = append(t.rows, row)
		}
	}
	return t
}

// text prints the table with its columns aligned.
func (t table) text(out io.Writer) error {
	var aligned strings.Builder
	w := tabwriter.NewWriter(&aligned, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for row := range strings.Lines(aligned.String()) {
		fmt.Fprintln(out, strings.TrimRight(row, " \n"))
	}
	return nil
}

// markdown returns the table for a page.
func (t table) markdown() string {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(t.head)
	rules := make([]string, len(t.head))
	for i := range rules {
		rules[i] = "---"
		if i >= t.left && i < t.left+t.right {
			rules[i] = "--:"
		}
	}
	row(rules)
	for _, cells := range t.rows {
		row(cells)
	}
	return b.String()
}

// text prints the report for people.
func (r report) text(out io.Writer) error {
	for _, t := range []table{r.aims(), r.loads()} {
		fmt.Fprintln(out)
		if err := t.text(out); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\n%s\n", r.conditions())
	return err
}

// markdown returns the report for a page.
func (r report) markdown() string {
	return r.aims().markdown() + "\n" + r.loads().markdown() + "\n" + r.conditions() + "\n"
}

// conditions describes in sentences how the figures were measured.
func (r report) conditions() string {
	rounds := "rounds"
	if r.plan.rounds == 1 {
		rounds = "round"
	}
	text := fmt.Sprintf("Medians of %d %s, taken in turn. Payloads of %d bytes, task tokens of %d. %s", r.plan.rounds, rounds, payloadBytes, taskTokenBytes, r.machine)
	if r.plan.scale != 1 {
		text += fmt.Sprintf(" A trial with %v times the usual number of requests.", r.plan.scale)
	}
	if r.note != "" {
		text += " " + r.note
	}
	if statuses := r.statuses(); statuses != "" {
		text += " Answers of the relay by status: " + statuses + "."
	}
	return text
}

// statuses adds up the responses to the relay's answers over all scenarios and rounds,
// without those of the backlog, which are meant to be accepted only.
func (r report) statuses() string {
	sum := map[string]int{}
	for _, c := range r.compared {
		for _, round := range c.relay {
			for _, status := range []string{"delivered", "accepted"} {
				if n := round.statuses[status]; n > 0 && !c.alone {
					sum[status] += n
				}
			}
		}
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(sum)) {
		parts = append(parts, fmt.Sprintf("%s %s", whole(float64(sum[status])), status))
	}
	return strings.Join(parts, ", ")
}

// describeMachine describes the machine on which the figures were measured.
func describeMachine(ctx context.Context) string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := cpuModel(string(info)); model != "" {
			parts = append(parts, model)
		}
	}
	parts = append(parts, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version())
	if version, err := exec.CommandContext(ctx, "redis-server", "--version").Output(); err == nil {
		parts = append(parts, redisVersion(string(version)))
	}
	return strings.Join(parts, ", ") + "."
}

// cpuModel reads the processor's name out of /proc/cpuinfo, or returns "".
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// redisVersion shortens what redis-server --version prints.
func redisVersion(printed string) string {
	_, after, _ := strings.Cut(printed, "v=")
	version, _, _ := strings.Cut(after, " ")
	return strings.TrimSpace("Redis " + version)
}
