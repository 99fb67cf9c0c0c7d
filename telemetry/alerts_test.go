package telemetry_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"callback-relay/programs"
)

const (
	rulesFile     = "../deploy/helm/callback-relay/files/rules.yaml"
	rulesTestFile = "testdata/rules_test.yaml"
	rulesDaysFile = "testdata/rules_days_test.yaml"
	dashboardFile = "../deploy/grafana/callback-relay.json"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAlerts tests the rules with promtool: each alert fires when it should, and
// only then.
func TestAlerts(t *testing.T) {
	programs.Need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", rulesTestFile}, {"test", "rules", rulesDaysFile}} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

var (
	alertName = regexp.MustCompile(`- alert: (\w+)`)
	annotated = []*regexp.Regexp{
		regexp.MustCompile(`(?m)^ {10}severity: (critical|warning)$`),
		regexp.MustCompile(`(?m)^ {10}summary: \S.*\.$`),
		regexp.MustCompile(`(?m)^ {10}description: \S.*\."?$`),
		regexp.MustCompile(`(?m)^ {10}runbook: docs/runbook\.md#\w+$`),
	}
)

// Every alert has a severity, a description and a link to the runbook, and a test
// in which it fires.
func TestAlertsAreComplete(t *testing.T) {
	rules, tested := read(t, rulesFile), read(t, rulesTestFile)+read(t, rulesDaysFile)
	starts := alertName.FindAllStringSubmatchIndex(rules, -1)
	if len(starts) < 8 {
		t.Fatalf("%d alerts", len(starts))
	}
	for i, at := range starts {
		name, rest := rules[at[2]:at[3]], rules[at[0]:]
		if i+1 < len(starts) {
			rest = rules[at[0]:starts[i+1][0]]
		}
		for _, want := range annotated {
			if !want.MatchString(rest) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		if !strings.Contains(tested, `alertname="`+name+`"`) {
			t.Errorf("%s never fires in %s", name, rulesTestFile)
		}
	}
}

var metricName = regexp.MustCompile(`\bcallback_relay_\w+`)

// All metrics that the dashboard and the alerts query exist.
func TestMetricsInUseExist(t *testing.T) {
	known := map[string]bool{}
	for line := range strings.Lines(read(t, golden)) {
		name, kind, _ := strings.Cut(line, " ")
		known[name] = true
		if strings.HasPrefix(kind, "histogram") {
			known[name+"_bucket"], known[name+"_sum"], known[name+"_count"] = true, true, true
		}
	}
	for _, file := range []string{rulesFile, rulesTestFile, dashboardFile} {
		used := metricName.FindAllString(read(t, file), -1)
		if len(used) < 10 {
			t.Errorf("%s uses %d metrics", file, len(used))
		}
		for _, name := range used {
			if !known[name] {
				t.Errorf("%s uses %s, which is not in %s", file, name, golden)
			}
		}
	}
}
