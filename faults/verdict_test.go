package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// verdict is the result of a run.
type verdict struct {
	name         string
	seed         uint64
	callbacks    int
	acknowledged int // callbacks for which a sender got a 2xx
	effects      int
	faults       map[string]int
	violations   []violation
}

// reach judges every history.
func reach(name string, seed uint64, faults map[string]int, histories []*history) *verdict {
	v := &verdict{name: name, seed: seed, callbacks: len(histories), faults: faults}
	for _, h := range histories {
		if h.acknowledged() {
			v.acknowledged++
		}
		v.effects += len(h.effects)
		v.violations = append(v.violations, judge(h)...)
	}
	return v
}

func (v *verdict) count(kind string) int {
	n := 0
	for _, of := range v.violations {
		if of.kind == kind {
			n++
		}
	}
	return n
}

// String returns the table that a run prints.
func (v *verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", v.name)
	row := func(name string, value any) { fmt.Fprintf(&b, "  %-28s %6v\n", name, value) }
	row("seed", v.seed)
	row("callbacks", v.callbacks)
	row("answers acknowledged", v.acknowledged)
	row("effects", v.effects)
	row("duplicates", v.count(duplicate))
	row("lost", v.count(lost))
	row("otherwise wrong", v.count(wrong))
	total := 0
	for _, n := range v.faults {
		total += n
	}
	row("faults injected", total)
	for _, kind := range slices.Sorted(maps.Keys(v.faults)) {
		row("  "+kind, v.faults[kind])
	}
	return b.String()
}

// objection begins every line with an objection of the judge.
const objection = "the judge objects: "

// report prints the table, and fails the test when there are violations.
func (v *verdict) report(t testing.TB) {
	t.Helper()
	t.Logf("%s", v)
	const most = 2 // of each kind of callback
	shown, hidden := map[string]int{}, 0
	for _, found := range v.violations {
		if shown[found.of.kind]++; shown[found.of.kind] > most {
			hidden++
			continue
		}
		t.Errorf("%s%s: %s\n%s", objection, found.kind, found.what, found.of)
	}
	if hidden > 0 {
		t.Errorf("and %d more", hidden)
	}
}
