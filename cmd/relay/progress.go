package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"callback-relay/migrations"
	"callback-relay/relay"
)

// progressView shows the progress of a migration: as a redrawn bar on a terminal,
// and elsewhere, such as in a job's log, as a line for each tenth.
type progressView struct {
	out    io.Writer
	draws  bool
	step   string // shown last
	tenth  int    // shown last
	inLine bool   // the bar's line is not ended yet
}

func newProgressView(t terminal) *progressView {
	return &progressView{out: t.err, draws: isTerminal(t.err)}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show shows one report of progress.
func (v *progressView) show(p migrations.Progress) {
	step := p.Step
	if p.Number > 0 {
		step = fmt.Sprintf("%s %d: %s", p.Step, p.Number, p.Name)
	}
	if step != v.step {
		v.end()
		v.step, v.tenth = step, 0
		if !v.draws || p.Of == 0 {
			fmt.Fprintln(v.out, step)
		}
	}
	if p.Of == 0 {
		return
	}
	if v.draws {
		fmt.Fprintf(v.out, "\r%s %s %3d%%, %d of %d", step, bar(p.Done, p.Of), 100*p.Done/p.Of, p.Done, p.Of)
		v.inLine = true
		return
	}
	if tenth := 10 * p.Done / p.Of; tenth > v.tenth {
		v.tenth = tenth
		fmt.Fprintf(v.out, "  %d of %d callbacks\n", p.Done, p.Of)
	}
}

// end leaves the bar as it is, and goes to a new line.
func (v *progressView) end() {
	if v.inLine {
		fmt.Fprintln(v.out)
		v.inLine = false
	}
}

// searchView shows on a terminal how far a search through callbacks has come.
// Elsewhere it shows nothing, since the output is for a program.
type searchView struct {
	out    io.Writer
	reach  string // what the time says that show gets
	draws  bool
	inLine bool
}

// newSearchView returns the view of a search through the callbacks in a state, ""
// for all.
func newSearchView(t terminal, state string) *searchView {
	reach := "back to"
	switch relay.State(state) {
	case relay.StatePending:
		reach = "with deadlines up to"
	case relay.StateAnswered:
		reach = "with attempts up to"
	}
	return &searchView{out: t.err, reach: reach, draws: isTerminal(t.err)}
}

// show shows how many callbacks were examined, how many were found, and how far
// the search has come in the order of the list.
func (v *searchView) show(examined, found int, to *time.Time) {
	if !v.draws || to == nil {
		return
	}
	fmt.Fprintf(v.out, "\rexamined %d callbacks %s %s, and found %d", examined, v.reach, to.Format(time.RFC3339), found)
	v.inLine = true
}

// end goes to a new line.
func (v *searchView) end() {
	if v.inLine {
		fmt.Fprintln(v.out)
	}
}

const barWidth = 20

func bar(done, of int) string {
	full := barWidth * done / of
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}
