package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/migrations"
)

// TestProgress shows the same run in a log and on a terminal.
func TestProgress(t *testing.T) {
	m := migrations.Migration{Number: 2, Name: "a change"}
	signs := []migrations.Progress{
		{Step: "waiting for another"}, {Step: "waiting for another"},
		{Migration: m, Step: "rewriting", Done: 5, Of: 100},
		{Migration: m, Step: "rewriting", Done: 12, Of: 100},
		{Migration: m, Step: "rewriting", Done: 19, Of: 100},
		{Migration: m, Step: "rewriting", Done: 100, Of: 100},
		{Migration: m, Step: "cleaning up"},
	}
	for _, test := range []struct {
		name  string
		draws bool
		want  string
	}{
		{"log", false, "waiting for another\n" +
			"rewriting 2: a change\n  12 of 100 callbacks\n  100 of 100 callbacks\n" +
			"cleaning up 2: a change\n"},
		{"terminal", true, "waiting for another\n" +
			"\rrewriting 2: a change [#...................]   5%, 5 of 100" +
			"\rrewriting 2: a change [##..................]  12%, 12 of 100" +
			"\rrewriting 2: a change [###.................]  19%, 19 of 100" +
			"\rrewriting 2: a change [####################] 100%, 100 of 100\n" +
			"cleaning up 2: a change\n"},
	} {
		var out bytes.Buffer
		v := newProgressView(terminal{err: &out})
		v.draws = test.draws
		for _, p := range signs {
			v.show(p)
		}
		v.end()
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What is no terminal gets lines.
func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, w := range []interface{ Write([]byte) (int, error) }{file, &bytes.Buffer{}} {
		if isTerminal(w) {
			t.Errorf("%T is taken for a terminal", w)
		}
	}
}

// TestSearchProgress: only a terminal is shown how far a search has come.
func TestSearchProgress(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	for state, reach := range map[string]string{
		"": "back to", "delivered": "back to", "pending": "with deadlines up to", "answered": "with attempts up to",
	} {
		for draws, want := range map[bool]string{
			false: "",
			true: "\rexamined 1000 callbacks " + reach + " 2026-03-01T09:30:00Z, and found 0" +
				"\rexamined 2000 callbacks " + reach + " 2026-03-01T08:30:00Z, and found 3\n",
		} {
			var out bytes.Buffer
			v := newSearchView(terminal{err: &out}, state)
			v.draws = draws
			earlier := at.Add(-time.Hour)
			v.show(1000, 0, &at)
			v.show(2000, 3, &earlier)
			v.end()
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Errorf("on a terminal: %v (-want +got):\n%s", draws, diff)
			}
		}
	}
}
