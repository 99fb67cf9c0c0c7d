package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

var seriesLine = regexp.MustCompile(`(?m)^(callback_relay_\w+(?:\{[^}]*\})?) `)

// series returns the relay's own series at a replica, without values.
func (w *world) series(r *replica) []string {
	w.Helper()
	_, page := w.private(r, "/metrics")
	var found []string
	for _, m := range seriesLine.FindAllStringSubmatch(page, -1) {
		found = append(found, m[1])
	}
	if len(found) < 50 {
		w.Fatalf("only %d series:\n%s", len(found), page)
	}
	slices.Sort(found)
	return found
}

// TestLabelsAreBounded sends invented values from everyone who talks to a relay:
// senders, callers of the private API, Step Functions. The first round may add
// series; later rounds must not.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	r := w.replicas[0]
	_, page := w.private(r, "/metrics")
	if mend := `callback_relay_delivery_attempts_total{class="needs-operator"} 0`; !strings.Contains(page, mend) {
		t.Errorf("%s, on which an alert waits, is missing", mend)
	}
	calm := w.register() // for the series of successes
	w.wantTaken(w.post(calm.URL, `1`), calm, api.StatusDelivered, false)
	makeUp := func(i int) {
		name := "made-up-" + strings.Repeat("x", i)
		task := w.register(func(q *api.CreateRequest) {
			q.Tags = map[string]string{name: name}
			q.Links[name] = api.LinkRequest{Type: api.LinkWebhook}
		})
		w.request(task.URL, strings.ToUpper(name), name, "X-Request-Id", name, "Content-Type", "text/"+name)
		w.request(publicURL+"/"+name, "POST", name, "Host", name)
		w.request(publicURL+"/c/"+name, "POST", name)
		w.request(task.URL, "POST", name+"\xff", "Content-Type", "application/"+name)
		w.private(r, "/"+name+"?"+name+"="+name)
		// An unknown code of AWS, as each kind of error.
		for _, status := range []int{400, 429, 500} {
			w.steps.Inject(standin.Fault{
				Kind: standin.Refuse, Action: standin.SendTaskHeartbeat, Status: status, Code: "MadeUp" + strings.Repeat("X", i), Message: name,
			})
			w.post(w.register().Links["progress"].URL, name) // of a task each: see row 78
		}
		w.steps.Inject(standin.Fault{
			Kind: standin.Refuse, Action: standin.SendTaskSuccess, Status: 500, Code: "MadeUp" + strings.Repeat("X", i), Message: name,
		})
		w.wantTaken(w.post(task.Links[name].URL, `"`+name+`"`), task, api.StatusAccepted, false)
		w.untilState(task, api.StateDelivered)
		w.wantProblem(w.post(task.URL, `2`), api.CodeAlreadyAnswered)
	}
	makeUp(1)
	w.untilMeasured(r)
	before := w.series(r)
	for i := range 10 {
		makeUp(i + 2)
	}
	after := w.series(r)
	for _, s := range after {
		slow := strings.Contains(s, `result="error"`) // of Redis on a slow machine: not an invented value
		if _, known := slices.BinarySearch(before, s); !known && !slow {
			t.Errorf("%s came with what was made up", s)
		}
		if strings.Contains(strings.ToLower(s), "made") {
			t.Errorf("%s holds what was made up", s)
		}
		for _, handshake := range []string{`operation=""`, `operation="hello"`, `operation="client"`} {
			if strings.Contains(s, handshake) {
				t.Errorf("%s is no round trip of the relay", s)
			}
		}
	}
}

// untilMeasured waits until a replica has counted the callbacks, which the outbox
// does every five seconds, and has served its metrics once.
func (w *world) untilMeasured(r *replica) {
	w.Helper()
	w.series(r) // the request for the metrics has series too
	w.eventually("the callbacks are counted", func() bool {
		_, page := w.private(r, "/metrics")
		return strings.Contains(page, `callback_relay_callbacks{state="pending"}`)
	})
}

// TestStatesAreCounted checks the fleet's callbacks by state in the metrics of each
// replica.
func TestStatesAreCounted(t *testing.T) {
	onEachRedis(t, func(t *testing.T, server redisServer) {
		w := newWorld(t, server, 2)
		delivered, stuck, cancelled := w.register(), w.register(), w.register()
		w.register()
		w.wantTaken(w.post(delivered.URL, `1`), delivered, api.StatusDelivered, false)
		w.steps.SetFault(standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException"})
		w.wantTaken(w.post(stuck.URL, `1`), stuck, api.StatusAccepted, false)
		_, err := w.replicas[0].client.Cancel(t.Context(), cancelled.ID)
		w.must(err)
		for _, r := range w.replicas {
			for state, n := range map[string]int{"pending": 1, "answered": 1, "delivered": 1, "cancelled": 1, "refused": 0} {
				line := fmt.Sprintf("callback_relay_callbacks{state=%q} %d\n", state, n)
				w.eventually("there is "+line, func() bool {
					_, page := w.private(r, "/metrics")
					return strings.Contains(page, line)
				})
			}
		}
	})
}

// A replica counts the events that wait at hooks again and again, not only at its start.
func TestKeptEventsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.start(w.hooked())
	w.replicas = append(w.replicas, r)
	counted := func(events int) func() bool {
		want := fmt.Sprintf("\ncallback_relay_hook_events_kept{sender=\"open\"} %d\n", events)
		return func() bool {
			_, page := w.private(r, "/metrics")
			return strings.Contains(page, want)
		}
	}
	w.eventually("none is kept", counted(0))
	if got := w.request(w.hookURL("open"), http.MethodPost, `{"id":"k"}`, "Content-Type", "application/json"); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.eventually("one is kept", counted(1))
}
