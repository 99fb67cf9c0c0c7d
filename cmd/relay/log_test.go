package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
)

// logLine has the fields of a log line that the tests use.
type logLine struct {
	Time, Level, Msg, Route, Callback, Answer, State, Reason, Error string

	Status  int
	Attempt int
	Lag     *int `json:"lag_ms"`
}

// lines reads a replica's log, every line of which must be JSON.
func (w *world) lines(r *replica) []logLine {
	w.Helper()
	var all []logLine
	for text := range strings.Lines(r.log.String()) {
		var line logLine
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Time == "" || line.Msg == "" {
			w.Errorf("not a line of the log: %v: %s", err, text)
		}
		all = append(all, line)
	}
	return all
}

// TestLogTellsOfEachOnce reads the log as an operator's tools do: one line for
// each request, with what became of the answer in it, and one for each delivery that ended
// without somebody waiting for it, with the id of the callback.
func TestLogTellsOfEachOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.start(func(s *config.Settings) { s.LogFormat, s.LogLevel = "json", "info" })
	w.replicas = []*replica{r}

	taken, retried, refused, expired := w.register(), w.register(), w.register(), w.register(shortLived)
	w.wantTaken(w.post(taken.URL, `1`), taken, api.StatusDelivered, false)
	w.wantTaken(w.post(taken.URL, `1`), taken, api.StatusDelivered, true)
	w.wantProblem(w.post(taken.URL, `2`), api.CodeAlreadyAnswered)
	w.steps.Inject(standin.Fault{Kind: standin.Throttle, TaskToken: retried.token})
	w.wantTaken(w.post(retried.URL, `1`), retried, api.StatusAccepted, false)
	w.untilState(retried, api.StateDelivered)
	w.steps.Inject(standin.Fault{Kind: standin.Refuse, Code: "InvalidToken", TaskToken: refused.token})
	w.wantProblem(w.post(refused.URL, `1`), api.CodeRefused)
	w.untilState(expired, api.StateDelivered)
	w.must(r.stop())

	posts, settled := map[string][]string{}, map[string][]logLine{}
	for _, line := range w.lines(r) {
		switch {
		case line.Msg == "request" && strings.HasSuffix(line.Route, "/c/:key"):
			posts[line.Callback] = append(posts[line.Callback], line.Answer)
		case line.Msg == "request" && line.Callback == "":
			t.Errorf("a request for a callback without its id: %+v", line)
		case line.State == api.StateDelivered || line.State == api.StateRefused:
			settled[line.Callback] = append(settled[line.Callback], line)
		}
	}
	for _, want := range []struct {
		task
		posts                []string
		attempt              int // 0 if the line of the request says it
		level, state, reason string
	}{
		{taken, []string{"delivered", "duplicate", "already-answered"}, 0, "", "", ""},
		{retried, []string{"accepted"}, 2, "INFO", api.StateDelivered, ""},
		{refused, []string{"refused"}, 1, "WARN", api.StateRefused, "InvalidToken"},
		{expired, nil, 1, "INFO", api.StateDelivered, ""},
	} {
		if !slices.Equal(posts[want.ID], want.posts) {
			t.Errorf("lines of posts %q, want %q", posts[want.ID], want.posts)
		}
		ends := settled[want.ID]
		if want.attempt == 0 && len(ends) == 0 {
			continue
		}
		if len(ends) != 1 {
			t.Errorf("%d lines of the end of a delivery, want 1: %+v", len(ends), ends)
			continue
		}
		if end := ends[0]; end.Attempt != want.attempt || end.Level != want.level || end.State != want.state ||
			end.Reason != want.reason || end.Lag == nil {
			t.Errorf("got %+v, want %+v", end, want)
		}
	}
}

// TestLogHasTheWordsOfAWS: if Step Functions refuses a call, the log line of the
// delivery or heartbeat has its reason, with the role, the action and the key, and
// without the task token, the payload and the credentials (row 88).
func TestLogHasTheWordsOfAWS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.start(hasty, func(s *config.Settings) { s.LogFormat, s.LogLevel = "json", "info" })
	w.replicas = []*replica{r}
	const (
		role     = "arn:aws:sts::123456789012:assumed-role/relay/pod"
		resource = "arn:aws:states:eu-central-1:123456789012:stateMachine:orders"
		payload  = `{"iban":"DE02120300000000202051"}`
		session  = "IQoJb3JpZ2luX2VjEJr//////////wEaCWV1LXdlc3QtMSJHMEUCIQDk+Rk0mM0hcXEwZm9vYmFyYmF6cXV4IHdpdGggZW5vdWdoIGNoYXJhY3RlcnM="
	)
	task := w.register()
	words := fmt.Sprintf("User: %s is not authorized to perform: states:SendTaskSuccess on resource: %s with %s for %s (%s)", role, resource, task.token, payload, session)
	w.steps.SetFault(
		standin.Fault{Kind: standin.Refuse, Code: "AccessDeniedException", Message: words, TaskToken: task.token, Action: standin.SendTaskSuccess},
		standin.Fault{Kind: standin.Refuse, Code: "KmsAccessDeniedException", Message: "no kms:Decrypt on key " + resource, TaskToken: task.token},
	)
	w.wantProblem(w.post(task.Links["progress"].URL, ``), api.CodeUnavailable)
	w.wantTaken(w.post(task.URL, payload), task, api.StatusAccepted, false)
	w.eventually("the attempt is settled", func() bool { return w.get(task).Delivery.LastError == "AccessDeniedException" })
	w.must(r.stop())

	told := map[string]string{}
	for _, line := range w.lines(r) {
		told[line.Msg] += line.Error
	}
	for msg, words := range map[string][]string{
		"delivery will be tried again": {role, resource, "states:SendTaskSuccess", "HTTP 400", "[redacted]"},
		"request failed":               {"KmsAccessDeniedException", "kms:Decrypt", resource},
	} {
		for _, word := range words {
			if !strings.Contains(told[msg], word) {
				t.Errorf("no %q in the line %q: %s", word, msg, told[msg])
			}
		}
	}
	for _, secret := range []string{task.token, payload, session} {
		if strings.Contains(r.log.String(), secret[:20]) {
			t.Errorf("a secret in the log: %s", secret)
		}
	}
}
