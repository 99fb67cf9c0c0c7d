package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

const dashboardFile = "../../deploy/grafana/callback-relay.json"

// dashboard is the part of Grafana's model that the test uses.
type dashboard struct {
	Panels []struct {
		Type, Title, Description string

		FieldConfig struct {
			Defaults struct{ Unit string }
		}
		Targets []struct{ Expr string }
	}
}

// asked replaces Grafana's variables in a query with values.
var asked = strings.NewReplacer("$__rate_interval", "10s", "$namespace", ".*", "$job", ".*")

// TestDashboard runs every query of the dashboard on a real Prometheus, which
// watches two replicas under load: every panel has data. The alerts have data too:
// the one without a waiting time fires.
func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, startStandalone(t), 0)
	hooked := w.hooked()
	w.replicas = append(w.replicas, w.start(hooked), w.start(hooked))
	p := w.watch()
	w.breakBeats()

	empty := map[string]bool{} // queries by panel, until they have had data
	for _, panel := range d.Panels {
		if panel.Type == "row" {
			continue
		}
		if panel.Title == "" || panel.Description == "" || panel.FieldConfig.Defaults.Unit == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %q: want a title, a description, a unit and a query", panel.Title)
		}
		for _, target := range panel.Targets {
			empty[panel.Title+": "+asked.Replace(target.Expr)] = true
		}
	}
	if len(empty) < 30 {
		t.Fatalf("only %d queries: %v", len(empty), empty)
	}
	defer func() {
		if t.Failed() {
			t.Logf("without data: %v", empty)
		}
	}()
	w.eventually("every panel has data", func() bool {
		w.load()
		for query := range empty {
			if _, expr, _ := strings.Cut(query, ": "); hasData(p.ask(expr)) {
				delete(empty, query)
			}
		}
		return len(empty) == 0
	})
	for _, alert := range []string{"CallbackRelayInvalidToken", "CallbackRelayRulesFail"} {
		w.eventually(alert+" fires", func() bool { return p.firing()[alert] })
	}
}

// hasData reports whether a graph would show something. A quantile without data is
// NaN.
func hasData(samples []sample) bool {
	for _, s := range samples {
		if s.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// load makes everything happen that the metrics count.
func (w *world) load() {
	w.Helper()
	var posts []func() (answer, error)
	for i := range 20 {
		task := w.register()
		body := fmt.Sprintf(`{"n":%d}`, i)
		for range 2 { // one of them is the duplicate
			posts = append(posts, func() (answer, error) { return w.postAt(i%2, task, body) })
		}
	}
	w.atOnce(posts...)

	w.loadGuarded()
	w.loadHooks()
	refused, retried, beating, cancelled := w.register(), w.register(), w.register(), w.register()
	w.register(shortLived)
	w.steps.Inject(
		standin.Fault{Kind: standin.Refuse, Code: "InvalidToken", TaskToken: refused.token},
		standin.Fault{Kind: standin.CommitThenDrop, TaskToken: retried.token},
	)
	w.wantProblem(w.post(refused.URL, `1`), api.CodeRefused)
	w.wantTaken(w.post(retried.URL, `1`), retried, api.StatusAccepted, false)
	w.wantTaken(w.post(beating.Links["progress"].URL, ``), beating, api.StatusAlive, false)
	w.steps.Inject(standin.Fault{Kind: standin.Throttle, TaskToken: beating.token})
	w.wantProblem(w.post(beating.Links["progress"].URL, ``), api.CodeUnavailable)
	_, err := w.next().client.Cancel(w.Context(), cancelled.ID)
	w.must(err)
	if _, _, err := w.next().client.Create(w.Context(), api.CreateRequest{}); err == nil {
		w.Error("a registration without a task token was taken")
	}
}

// loadGuarded posts what is not proven, not wanted, and cannot be judged.
func (w *world) loadGuarded() {
	w.Helper()
	task := w.register(func(r *api.CreateRequest) {
		r.Links = map[string]api.LinkRequest{
			"proven": {Type: api.LinkWebhook, Sender: json.RawMessage(`{"preset":"header-secret"}`)},
			"judged": {Type: api.LinkWebhook, Outcomes: []api.EventOutcome{{When: "body.n + 1 > 5", Do: api.DoSucceed}}},
		}
	})
	w.wantProblem(w.post(task.Links["proven"].URL, `{"n":1}`), api.CodeUnproven)
	w.wantProblem(w.post(task.Links["judged"].URL, `{"n":"x"}`), api.CodeRuleFailed)
	w.post(task.Links["judged"].URL, `{"n":1}`)
}

// loadHooks posts events to hooks.
func (w *world) loadHooks() {
	w.Helper()
	for _, body := range []string{`{"id":"k"}`, `{"n":1}`} {
		if got := w.post(w.hookURL("open"), body); got.status != http.StatusOK {
			w.Errorf("an event got %d %s", got.status, got.body)
		}
	}
	w.wantProblem(w.post(w.hookURL("proven"), `{"id":"k"}`), api.CodeUnproven)
}

// breakBeats makes round trips to Redis fail until a replica has noticed, and then
// lets them succeed again.
func (w *world) breakBeats() {
	w.Helper()
	const replicas = "relay:v1:replicas"
	w.must(w.redis.Set(w.Context(), replicas, "not a sorted set", 0).Err())
	failed := []byte(`callback_relay_redis_call_duration_seconds_count{operation="announce",result="error"}`)
	w.eventually("an announcement failed", func() bool {
		_, page := w.private(w.next(), "/metrics")
		return bytes.Contains([]byte(page), failed)
	})
	w.must(w.redis.Del(w.Context(), replicas).Err())
}
