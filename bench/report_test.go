package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	var out strings.Builder
	r := measured()
	r.compared = []compared{r.compared[1], r.compared[len(r.compared)-1]}
	if err := r.text(&out); err != nil {
		t.Fatal(err)
	}
	want := `
                                 bare handler   relay   ratio   aim            record
answers a second, 64 clients     4,000          3,000   0.75    ratio ≥ 0.95   1.10     missed
CPU µs per answer, 64 clients    100            125     1.25    ratio ≤ 1.00   0.80     missed
p99 of answers, ms, 64 clients   40.0           40.0    1.00    ratio ≤ 1.00            met
peak memory, MiB, 64 clients     32.0           32.0    1.00    ≤ 40.0 more             met
Redis commands a second, idle                   4.0             ≤ 20.0                  met
share of a core, idle, %                        37.50           ≤ 0.30                  missed

                                     a second   p50, ms   p99, ms   CPU µs: server   Redis   all   peak MiB
answers, 64 clients   bare handler   4,000      2.0       40.0      100              20      200   32
answers, 64 clients   relay          3,000      2.0       40.0      125              25      250   32

Medians of 1 round, taken in turn. Payloads of 300 bytes, task tokens of 700. A machine. Answers of the relay by status: 2 accepted, 998 delivered.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The report has a line for every aim, missed or not.
func TestEveryAimIsReported(t *testing.T) {
	text := measured().markdown()
	for _, s := range scenarios() {
		if s.name != idleName && !strings.Contains(text, "| "+s.name+" | relay | 3,000 |") {
			t.Errorf("no row for the load %q", s.name)
		}
		for _, f := range s.figures {
			if !strings.Contains(text, "| "+f.what+" | ") {
				t.Errorf("no row for the aim %q", f.what)
			}
		}
	}
	if !strings.Contains(text, "| answers a second, 64 clients | 4,000 | 3,000 | 0.75 | ratio ≥ 0.95 | 1.10 | missed |\n") {
		t.Errorf("the table: %s", text)
	}
}

func TestTextGoesBetweenItsMarks(t *testing.T) {
	page := "before\n" + benchMarks.begin + "\nold\n" + benchMarks.end + "\nafter\n" + millionMarks.begin + millionMarks.end
	got, err := benchMarks.splice([]byte(page), "new\n")
	if err != nil {
		t.Fatal(err)
	}
	want := "before\n" + benchMarks.begin + "\n\nnew\n\n" + benchMarks.end + "\nafter\n" + millionMarks.begin + millionMarks.end
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, err := benchMarks.splice(got, "new\n"); err != nil || string(again) != string(got) {
		t.Errorf("a second time it changed, or %v", err)
	}
	if text, err := benchMarks.text(string(got)); err != nil || text != "new" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := scalingMarks.splice([]byte(page), "new\n"); err == nil {
		t.Error("a page without these marks was taken")
	}
}

// The run writes all files that the plan names.
func TestReportWritesFiles(t *testing.T) {
	dir := t.TempDir()
	r := measured()
	r.plan.markdown, r.plan.svg, r.plan.scaling = filepath.Join(dir, "a.md"), filepath.Join(dir, "a.svg"), filepath.Join(dir, "b.md")
	for file, m := range map[string]marks{r.plan.markdown: benchMarks, r.plan.scaling: scalingMarks} {
		if err := os.WriteFile(file, []byte(m.begin+m.end), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.write(io.Discard); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{r.plan.markdown: "ratio ≥ 0.95", r.plan.scaling: "ten replicas", r.plan.svg: "</svg>"} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no %q: %v", file, want, err)
		}
	}
}

func TestDrawingIsXML(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(measured().drawing()))
	found := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			found[e.Name.Local]++
		}
	}
	// Rectangles: the background, four parts of two bars, and a key of two and of four.
	if found["rect"] != 1+2*4+2+4 || found["polyline"] != 2 || found["circle"] != 2*4 {
		t.Errorf("found %v", found)
	}
}

func TestPlan(t *testing.T) {
	p, err := parsePlan([]string{"-rounds", "7", "-svg", "x.svg"}, io.Discard)
	if want := (plan{rounds: 7, scale: 1, pending: 1_000_000, svg: "x.svg", published: "docs/benchmarks.md"}); err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range [][]string{
		{"-rounds", "0"}, {"x"}, {"-scale", "-1"}, {"-nonsense"}, {"-only", "("}, {"-only", "answers", "-markdown", "x.md"},
		{"-million", "-svg", "x.svg"}, {"-sizes", "-scaling", "x.md"}, {"-smoke", "-markdown", "x.md"},
	} {
		if _, err := parsePlan(bad, io.Discard); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	p, err = parsePlan([]string{"-only", "^reg"}, io.Discard)
	if chosen := p.scenarios(); err != nil || len(chosen) != 1 || chosen[0].name != registrationsName || chosen[0].payload != payloadBytes {
		t.Errorf("chose %d scenarios, %v", len(chosen), err)
	}
}

func TestProgressTellsWhatIsLeft(t *testing.T) {
	var out strings.Builder
	bar := newProgress(&out, 4)
	bar.began = bar.began.Add(-61e9)
	bar.step("first")
	if want := "[1 of 4, 1:01 of about 4:04] first\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
