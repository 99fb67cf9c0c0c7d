package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"callback-relay/programs"
)

// rulesFile holds the alerts, as the chart installs them.
const rulesFile = "../../deploy/helm/callback-relay/files/rules.yaml"

// prometheus is a real Prometheus that scrapes replicas twice a second, with the
// chart's alerts.
type prometheus struct {
	*world
	url string
}

var listeningLine = regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)

// watch starts a Prometheus that scrapes all replicas. If it is not installed, the
// test is skipped; in CI the test fails.
func (w *world) watch() *prometheus {
	w.Helper()
	programs.Need(w, "prometheus")
	rules, err := filepath.Abs(rulesFile)
	w.must(err)
	var targets []string
	for _, r := range w.replicas {
		targets = append(targets, fmt.Sprintf("%q", r.ports.private.Addr()))
	}
	dir := w.TempDir()
	w.must(os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(fmt.Sprintf(`
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - job_name: relay
    static_configs: [{targets: [%s]}]
`, rules, strings.Join(targets, ", "))), 0o600))

	log := &logBuffer{}
	cmd := exec.Command("prometheus", "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", "127.0.0.1:0")
	cmd.Stderr = log
	w.must(cmd.Start())
	w.Cleanup(func() {
		_ = cmd.Process.Kill() // its data are not needed
		_ = cmd.Wait()
		if w.Failed() {
			w.Logf("prometheus said:\n%s", log)
		}
	})
	p := &prometheus{world: w}
	w.eventually("prometheus listens", func() bool {
		if found := listeningLine.FindStringSubmatch(log.String()); found != nil {
			p.url = "http://" + found[1]
		}
		return p.url != ""
	})
	return p
}

// sample is one element of what a query returned.
type sample struct {
	Metric map[string]string
	Value  [2]any // time, and the value as text
}

// ask evaluates a query now. A query that Prometheus does not understand fails
// the test.
func (p *prometheus) ask(query string) []sample {
	p.Helper()
	var got struct {
		Status, Error string
		Data          struct{ Result []sample }
	}
	p.get("/api/v1/query?query="+url.QueryEscape(query), &got)
	if got.Status != "success" {
		p.Fatalf("%s: %s", query, got.Error)
	}
	return got.Data.Result
}

// firing returns the names of the alerts that fire.
func (p *prometheus) firing() map[string]bool {
	p.Helper()
	names := map[string]bool{}
	for _, s := range p.ask(`ALERTS{alertstate="firing"}`) {
		names[s.Metric["alertname"]] = true
	}
	return names
}

func (p *prometheus) get(path string, into any) {
	p.Helper()
	response, err := http.Get(p.url + path)
	p.must(err)
	defer response.Body.Close()
	p.must(json.NewDecoder(response.Body).Decode(into))
}
