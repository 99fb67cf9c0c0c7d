package docs_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
	"callback-relay/stepfunctions"
)

var (
	alert   = regexp.MustCompile(`- alert: (\w+)`)
	runbook = regexp.MustCompile(`runbook: docs/runbook\.md#(\S+)`)
)

// Each alert has a section in runbook.md, its annotation leads there, and
// there is no section without an alert.
func TestRunbooks(t *testing.T) {
	rules := read(t, "../deploy/helm/callback-relay/files/rules.yaml")
	page := read(t, "runbook.md")
	_, page, _ = strings.Cut(page, "\n## Alerts\n")
	page, _, _ = strings.Cut(page, "\n## ")
	var alerts, sections []string
	for _, m := range alert.FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, m[1])
	}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		sections = append(sections, m[1])
	}
	if diff := cmp.Diff(alerts, sections); diff != "" || len(alerts) == 0 {
		t.Errorf("alerts of the rules (-) and sections under Alerts (+):\n%s", diff)
	}
	found, leads := anchors(page), runbook.FindAllStringSubmatch(rules, -1)
	if len(leads) != len(alerts) {
		t.Fatalf("%d alerts, and %d of them lead to the runbook", len(alerts), len(leads))
	}
	for i, m := range leads {
		if !found[m[1]] || m[1] != strings.ToLower(alerts[i]) {
			t.Errorf("the runbook of %s is %s", alerts[i], m[1])
		}
	}
}

var notTold = regexp.MustCompile(`state="refused",reason!~"([^"]+)"`)

// The runbook of refused outcomes has every reason for which its alert fires,
// and no other.
func TestRefusalsAreExplained(t *testing.T) {
	except := notTold.FindStringSubmatch(read(t, "../deploy/helm/callback-relay/files/rules.yaml"))
	if except == nil {
		t.Fatal("no alert leaves out reasons")
	}
	want := slices.DeleteFunc(append(stepfunctions.Refusals(), relay.ReasonGivenUp), func(reason string) bool {
		return slices.Contains(strings.Split(except[1], "|"), reason)
	})
	var got []string
	for _, row := range table(t, read(t, "runbook.md"), "### CallbackRelayOutcomesRefused") {
		got = append(got, code(row[0])...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-) and the runbook (+):\n%s", diff)
	}
}

// The table of metrics has all of them, with their labels.
func TestMetricsAreDescribed(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for line := range strings.Lines(read(t, "../telemetry/testdata/metrics.txt")) {
		fields := strings.Fields(line)
		labels := fields[2]
		if labels == "-" {
			labels = ""
		}
		want[fields[0]] = labels
	}
	for _, row := range table(t, read(t, "runbook.md"), "### Metrics") {
		labels := code(row[1])
		slices.Sort(labels)
		got[code(row[0])[0]] = strings.Join(labels, ",")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics of the list (-) and of runbook.md (+), %d:\n%s", len(slices.Collect(maps.Keys(want))), diff)
	}
}
