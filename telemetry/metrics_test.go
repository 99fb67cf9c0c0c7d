package telemetry_test

import (
	"cmp"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"callback-relay/telemetry"
)

var update = flag.Bool("update", false, "write the list of metrics to testdata")

const golden = "testdata/metrics.txt"

var options = telemetry.MetricsOptions{
	Version: "1.2.3", Classes: []string{"needs-operator"},
	Refusals: []string{"InvalidToken"}, Checks: []string{"clock", "memory"}, Warnings: []string{"aws", "public-url"},
}

// exercised returns metrics in which every family of series has been used once.
func exercised() *telemetry.Metrics {
	m := telemetry.NewMetrics(options)
	m.Registered("created", "")
	m.Answered("rejected", "expired")
	m.Posted("github", "ignored")
	m.Unproven("github", "signature")
	m.Received("stripe", "kept")
	m.Dropped("stripe", 2)
	m.NotGiven("stripe")
	m.Kept("stripe", 4, time.Minute)
	m.Late(20 * time.Second)
	m.Cancelled()
	m.Expired(3)
	m.Callbacks("answered", 7)
	m.OldestAge("answered", 90*time.Second)
	m.NearDeadline(5)
	m.SetAside(2)
	m.Attempted("done")
	m.Settled("refused", "TaskTimedOut", 1500*time.Millisecond)
	m.WaitedForPermit(20 * time.Millisecond)
	m.StepFunctionsCalled("SendTaskSuccess", "done", 30*time.Millisecond)
	m.RedisCalled("answer", true, 2*time.Millisecond)
	m.CheckFailed("clock", true)
	m.Warning("aws", true)
	m.Redis(0.5, -2*time.Second)
	m.RequestBegun("public")
	m.RequestBegun("public")
	m.BodyBytes("public", 100)
	m.BodyBytes("public", -40)
	m.RequestDone("public", "/c/:key", http.MethodPost, http.StatusOK, 40*time.Millisecond)
	return m
}

// scrape returns what Prometheus reads.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(recorder.Result().Body)
	if err != nil || recorder.Code != http.StatusOK {
		t.Fatalf("scrape: status %d, %v", recorder.Code, err)
	}
	return string(body)
}

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	seriesLine = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? \S+$`)
	labelName  = regexp.MustCompile(`(\w+)="`)
)

// list returns name, type and labels of each of the relay's own metrics.
func list(page string) string {
	labels := map[string]string{}
	for _, series := range seriesLine.FindAllStringSubmatch(page, -1) {
		var names []string
		for _, l := range labelName.FindAllStringSubmatch(series[2], -1) {
			if l[1] != "le" {
				names = append(names, l[1])
			}
		}
		slices.Sort(names)
		name := strings.TrimSuffix(series[1], "_count") // this series has a histogram's own labels
		labels[name] = strings.Join(names, ",")
	}
	lines := map[string]string{}
	for _, family := range typeLine.FindAllStringSubmatch(page, -1) {
		if name := family[1]; strings.HasPrefix(name, "callback_relay_") {
			lines[name] = strings.Join([]string{name, family[2], cmp.Or(labels[name], "-")}, " ")
		}
	}
	return strings.Join(slices.Sorted(maps.Values(lines)), "\n") + "\n"
}

// TestListOfMetrics compares the metrics with the list on which dashboards and
// alerts rely.
func TestListOfMetrics(t *testing.T) {
	got := list(scrape(t, exercised()))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("metrics (-%s +registry):\n%s\nif that is meant: go test ./telemetry -update", golden, diff)
	}
}

// TestValues checks that each method changes its metric, in the unit of its name.
func TestValues(t *testing.T) {
	page := scrape(t, exercised())
	for _, line := range []string{
		`callback_relay_registrations_total{reason="",result="created"} 1`,
		`callback_relay_answers_total{reason="expired",result="rejected"} 1`,
		`callback_relay_cancellations_total 1`,
		`callback_relay_deadlines_passed_total 3`,
		`callback_relay_callbacks{state="answered"} 7`,
		`callback_relay_callbacks_oldest_age_seconds{state="answered"} 90`,
		`callback_relay_callbacks_near_deadline 5`,
		`callback_relay_delivery_attempts_total{class="done"} 1`,
		`callback_relay_deliveries_settled_total{reason="TaskTimedOut",state="refused"} 1`,
		`callback_relay_delivery_lag_seconds_sum{state="refused"} 1.5`,
		`callback_relay_rate_limit_wait_seconds_sum 0.02`,
		`callback_relay_step_functions_call_duration_seconds_sum{call="SendTaskSuccess",class="done"} 0.03`,
		`callback_relay_redis_call_duration_seconds_sum{operation="answer",result="error"} 0.002`,
		`callback_relay_check_failed{check="clock"} 1`,
		`callback_relay_warning{check="aws"} 1`,
		`callback_relay_entries_set_aside 2`,
		`callback_relay_redis_memory_ratio 0.5`,
		`callback_relay_clock_skew_seconds -2`,
		`callback_relay_http_requests_in_flight{listener="public"} 1`,
		`callback_relay_http_body_bytes_in_flight{listener="public"} 60`,
		`callback_relay_http_request_duration_seconds_sum{code="200",listener="public",method="POST",route="/c/:key"} 0.04`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
}

// TestFirstScrape reads metrics before anything has happened. Series for alerts
// begin at 0.
func TestFirstScrape(t *testing.T) {
	page := scrape(t, telemetry.NewMetrics(options))
	for _, name := range []string{
		"callback_relay_callbacks_near_deadline 0", "go_goroutines ", "go_build_info{", "process_",
		`callback_relay_build_info{goversion="` + runtime.Version() + `",version="1.2.3"} 1`,
		`callback_relay_delivery_attempts_total{class="needs-operator"} 0`,
		`callback_relay_deliveries_settled_total{reason="InvalidToken",state="refused"} 0`,
		`callback_relay_check_failed{check="memory"} 0`,
		`callback_relay_warning{check="public-url"} 0`,
	} {
		if !strings.Contains(page, "\n"+name) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestMadeUpMethodsShareALabel(t *testing.T) {
	m := telemetry.NewMetrics(options)
	m.RequestDone("public", "/c/:key", "BREW", http.StatusMethodNotAllowed, time.Millisecond)
	m.RequestDone("public", "/c/:key", "post", http.StatusMethodNotAllowed, time.Millisecond)
	want := `callback_relay_http_request_duration_seconds_count{code="405",listener="public",method="other",route="/c/:key"} 2`
	if page := scrape(t, m); !strings.Contains(page, want) {
		t.Errorf("%s is missing", want)
	}
}

// TestConventions checks names, units and help texts with Prometheus's own linter.
func TestConventions(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, exercised()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "callback_relay_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// Prometheus does not see an increase from no value. So what can become of the posts of a
// sender is there from its first post on, with 0.
func TestSeriesOfASenderBeginAtZero(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.MetricsOptions{Verdicts: []string{"ignored", "failed-rule"}, Unproven: []string{"signature"}})
	m.Posted("stripe", "ignored")
	m.Unproven("github", "signature")
	page := scrape(t, m)
	for _, series := range []string{
		`posts_total{sender="stripe",verdict="ignored"} 1`, `posts_total{sender="stripe",verdict="failed-rule"} 0`,
		`posts_unproven_total{reason="signature",sender="stripe"} 0`, `posts_unproven_total{reason="signature",sender="github"} 1`,
	} {
		if !strings.Contains(page, "\ncallback_relay_"+series+"\n") {
			t.Errorf("%s is missing", series)
		}
	}
}

// The series of a hook begin at 0 when it is configured, since Prometheus does not see an
// increase from no value. What is stored for a hook is not shown once it is gone.
func TestSeriesOfHooks(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.MetricsOptions{HookVerdicts: []string{"matched", "kept", "unproven"}})
	m.Configured([]string{"github", "stripe"})
	m.Kept("github", 3, time.Minute)
	m.Received("stripe", "kept")
	m.Received("github", "unproven")
	page := scrape(t, m)
	for _, want := range []string{
		`callback_relay_hook_events_total{sender="github",verdict="matched"} 0`,
		`callback_relay_hook_events_total{sender="github",verdict="unproven"} 1`,
		`callback_relay_hook_events_total{sender="stripe",verdict="kept"} 1`,
		`callback_relay_hook_events_dropped_total{sender="stripe"} 0`,
		`callback_relay_hook_gives_failed_total{sender="stripe"} 0`,
		`callback_relay_hook_events_kept{sender="github"} 3`,
		`callback_relay_hook_events_kept_oldest_age_seconds{sender="github"} 60`,
		`callback_relay_hook_last_event_timestamp_seconds{sender="stripe"} `,
	} {
		if !strings.Contains(page, "\n"+want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	if strings.Contains(page, `hook_last_event_timestamp_seconds{sender="github"}`) {
		t.Error("what was not proven counts as heard")
	}
	m.Configured([]string{"stripe"})
	page = scrape(t, m)
	for _, gone := range []string{`hook_events_kept{sender="github"}`, `hook_events_kept_oldest_age_seconds{sender="github"}`} {
		if strings.Contains(page, gone) {
			t.Errorf("%s is still shown", gone)
		}
	}
	if !strings.Contains(page, `hook_events_total{sender="github",verdict="unproven"} 1`) || !strings.Contains(page, `hook_last_event_timestamp_seconds{sender="stripe"}`) {
		t.Error("more is gone than should be")
	}
}
