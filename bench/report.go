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
	plan        plan
	machine     string
	bare, relay []result
}

// write prints the table, and writes it to the files that the plan names.
func (r report) write(out io.Writer) error {
	if err := r.text(out); err != nil {
		return err
	}
	if r.plan.svg != "" {
		if err := os.WriteFile(r.plan.svg, []byte(r.drawing()), 0o644); err != nil {
			return err
		}
	}
	if r.plan.markdown == "" {
		return nil
	}
	return spliceFile(r.plan.markdown, r.markdown())
}

func (r report) lines() []line {
	lines := make([]line, len(figures))
	for i, f := range figures {
		lines[i] = f.line(r.bare, r.relay)
	}
	return lines
}

// cells returns a line as the columns of the table.
func (l line) cells() []string {
	return []string{l.name, l.show(l.bare), l.show(l.relay), fmt.Sprintf("%.2f", l.ratio()), l.aim(), l.verdict()}
}

var header = []string{"", bareName, relayName, "ratio", "aim", ""}

// text prints the table for people.
func (r report) text(out io.Writer) error {
	fmt.Fprintf(out, "\n%s\n%s\n\n", r.conditions(), r.machine)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, l := range r.lines() {
		fmt.Fprintln(w, strings.Join(l.cells(), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for row := range strings.Lines(table.String()) {
		fmt.Fprintln(out, strings.TrimRight(row, " \n"))
	}
	_, err := fmt.Fprintf(out, "\nanswers of the relay by status: %s\n", r.statuses())
	return err
}

// conditions describes in a sentence how the figures were measured.
func (r report) conditions() string {
	rounds := "rounds"
	if r.plan.rounds == 1 {
		rounds = "round"
	}
	return fmt.Sprintf("Medians of %d %s each, taken in turn; in each %s callbacks, %d clients, payloads of %d bytes, task tokens of %d.",
		r.plan.rounds, rounds, whole(float64(r.plan.callbacks)), r.plan.clients, payloadBytes, taskTokenBytes)
}

// statuses adds up the statuses of the relay's responses over all rounds.
func (r report) statuses() string {
	sum := map[string]int{}
	for _, round := range r.relay {
		for status, n := range round.statuses {
			sum[status] += n
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
