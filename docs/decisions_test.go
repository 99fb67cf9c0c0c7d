package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	recordName  = regexp.MustCompile(`^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md$`)
	recordTitle = regexp.MustCompile(`^# (\d+)\. \S.*\n`)
	recordHead  = regexp.MustCompile(`(?m)^## (.*)$`)
)

// recordLines limits a decision record to about one page.
const recordLines = 60

func TestDecisionsHaveOneShape(t *testing.T) {
	entries, err := os.ReadDir("decisions")
	if err != nil {
		t.Fatal(err)
	}
	index := read(t, "architecture.md")
	want := []string{"Context", "Decision", "Alternatives", "Consequences"}
	for i, entry := range entries { // in the order of their names
		name, text := entry.Name(), read(t, "decisions/"+entry.Name())
		number, title := recordName.FindStringSubmatch(name), recordTitle.FindStringSubmatch(text)
		if number == nil || number[1] != fmt.Sprintf("%04d", i+1) {
			t.Errorf("%s: want the number %04d and a name in lower case", name, i+1)
		}
		if title == nil || title[1] != fmt.Sprint(i+1) {
			t.Errorf("%s: want a first line like \"# %d. What was decided\"", name, i+1)
		}
		var heads []string
		for _, m := range recordHead.FindAllStringSubmatch(text, -1) {
			heads = append(heads, m[1])
		}
		if !slices.Equal(heads, want) {
			t.Errorf("%s: headings %q, want %q", name, heads, want)
		}
		if n := strings.Count(text, "\n"); n > recordLines {
			t.Errorf("%s: %d lines, want one page of at most %d", name, n, recordLines)
		}
		if !strings.Contains(index, "(decisions/"+name+")") {
			t.Errorf("%s: architecture.md does not link to it", name)
		}
	}
}
