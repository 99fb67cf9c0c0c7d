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

// progressView shows how far a migration has come: a bar that is drawn over on
// a terminal, and elsewhere, as in the log of a job, a line for each tenth.
type progressView struct {
	out    io.Writer
	draws  bool
	step   string // shown last
	tenth  int    // shown last
	inLine bool   // a bar is waiting for its end
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

// show takes one sign of progress.
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
// Elsewhere nothing is shown: the output is for a program, and the search ends.
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

// show takes how many callbacks were looked at, how many of them were found, and
// how far the search has come in the order of the list.
func (v *searchView) show(examined, found int, to *time.Time) {
	if !v.draws || to == nil {
		return
	}
	fmt.Fprintf(v.out, "\rlooked at %d callbacks %s %s, and found %d", examined, v.reach, to.Format(time.RFC3339), found)
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
