package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
)

// TestEveryAnswer checks every row of the table of public answers, with two replicas
// on one Redis. Consecutive requests go to different replicas.
func TestEveryAnswer(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		for _, row := range []struct {
			name string
			test func(w *world)
		}{
			{"first answer, again, other bytes", answeredInTime},
			{"accepted while step functions hangs", acceptedWhileHanging},
			{"expired", answeredAfterDeadline},
			{"cancelled", answeredAfterCancel},
			{"task closed", answeredAfterClose},
			{"not found", notFound},
			{"method not allowed", methodNotAllowed},
			{"too large", tooLarge},
			{"invalid or unsupported body", badBody},
			{"heartbeat", heartbeats},
			{"redis away", redisAway}, // for good
		} {
			t.Run(row.name, func(t *testing.T) {
				row.test(w.under(t))
			})
		}
	})
}

// under returns the same world for a subtest.
func (w *world) under(t *testing.T) *world {
	part := *w
	part.T = t
	return &part
}

func answeredInTime(w *world) {
	// Decoding this and encoding it again would change every part of it.
	const payload = ` {"n":12345678901234567890123, "n":1.0, "s":"\ud800<&>\u00e9é", "z":1e400} `
	task := w.register()
	w.wantTaken(w.post(task.URL, payload), task, api.StatusDelivered, false)
	w.wantOutput(task, payload)

	// The key survives being written in capitals.
	capitals := strings.TrimSuffix(task.URL, linkKey(task.URL)) + strings.ToUpper(linkKey(task.URL))
	for _, link := range []string{task.URL, task.URL, capitals} {
		w.wantTaken(w.post(link, payload), task, api.StatusDelivered, true)
	}
	for range 2 {
		other := w.post(task.URL, `{"n":0}`)
		w.wantProblem(other, api.CodeAlreadyAnswered)
		if strings.Contains(other.body, "12345") {
			w.Errorf("the refusal shows the first answer: %s", other.body)
		}
	}
	w.wantOutput(task, payload)
	if cb := w.get(task); cb.Delivery == nil || cb.Delivery.Attempts != 1 || cb.Delivery.Confirmed == nil || !*cb.Delivery.Confirmed {
		w.Errorf("delivery %+v, want one confirmed attempt", cb.Delivery)
	}
}

func acceptedWhileHanging(w *world) {
	task, quick := w.register(), w.start(hasty)
	w.steps.Inject(standin.Fault{Kind: standin.Hang, TaskToken: task.token})
	w.wantTaken(w.send(quick, call{link: task.URL, body: strings.NewReader(`1`)}), task, api.StatusAccepted, false)
	for range 2 {
		w.wantTaken(w.post(task.URL, `1`), task, api.StatusAccepted, true)
		w.wantProblem(w.post(task.URL, `2`), api.CodeAlreadyAnswered)
	}
	w.wantNothing(task)

	// The hang can begin after the answers, so it is released until it is over.
	w.eventually("the answer is delivered", func() bool {
		w.steps.Release()
		return w.get(task).State == api.StateDelivered
	})
	w.wantTaken(w.post(task.URL, `1`), task, api.StatusDelivered, true)
	w.wantOutput(task, `1`)
}

func answeredAfterDeadline(w *world) {
	failed, ignored := w.register(shortLived), w.register(shortLived, ignoring)
	w.untilOverdue(failed)
	w.untilOverdue(ignored)
	for range 2 {
		w.wantProblem(w.post(failed.URL, `{}`), api.CodeExpired)
		w.wantProblem(w.post(ignored.URL, `{}`), api.CodeExpired)
	}
	w.untilState(failed, api.StateDelivered)
	w.untilState(ignored, api.StateExpired)
	w.wantProblem(w.post(failed.URL, `{}`), api.CodeExpired)
	w.wantProblem(w.post(ignored.URL, `{}`), api.CodeExpired)
	w.wantNothing(ignored)
	if _, err := w.next().client.Cancel(w.Context(), ignored.ID); !isProblem(err, api.CodeExpired) {
		w.Errorf("cancel: %v, want %s", err, api.CodeExpired)
	}
}

func answeredAfterCancel(w *world) {
	task := w.register()
	for range 2 {
		cb, err := w.next().client.Cancel(w.Context(), task.ID)
		if err != nil || cb.State != api.StateCancelled {
			w.Fatalf("cancel: %q, %v", cb.State, err)
		}
		w.wantProblem(w.post(task.URL, `{}`), api.CodeCancelled)
	}
	w.wantProblem(w.post(task.Links["progress"].URL, ``), api.CodeCancelled)
	w.wantNothing(task)
}

func answeredAfterClose(w *world) {
	task := w.register()
	w.steps.Close(task.token)
	for range 3 { // the first is told by Step Functions, the others by Redis
		w.wantProblem(w.post(task.URL, `{}`), api.CodeTaskClosed)
	}
	if cb := w.get(task); cb.State != api.StateRefused || cb.Delivery.LastError != "TaskTimedOut" {
		w.Errorf("state %s, delivery %+v", cb.State, cb.Delivery)
	}
	w.wantNothing(task)
}

func notFound(w *world) {
	task := w.register()
	key := linkKey(task.URL)
	// The next to last character carries five bits of the MAC.
	forged := key[:50] + string(otherThan(key[50])) + key[51:]
	var first string
	for name, path := range map[string]string{
		"unknown":      "/c/" + strings.Repeat("a", 52),
		"forged":       "/c/" + forged,
		"too short":    "/c/" + key[:51],
		"too long":     "/c/" + key + "a",
		"not base32":   "/c/" + key[:51] + "1",
		"wrong kind":   "/a/" + key,
		"slash in key": "/c/" + key[:20] + "%2f" + key[20:],
		"dots":         "/c/x/../" + key,
		"no key":       "/c/",
		"private":      "/v1/callbacks/" + task.ID,
	} {
		got := w.post(publicURL+path, `{}`)
		w.wantProblem(got, api.CodeNotFound)
		same := strings.Replace(got.body, got.header.Get("X-Request-Id"), "", 1)
		if first == "" {
			first = same
		}
		if same != first {
			w.Errorf("%s: body %s, others %s", name, same, first)
		}
	}
	w.wantNothing(task)
	w.wantTaken(w.post(strings.Replace(task.URL, "/base/", "/", 1), `{}`), task, api.StatusDelivered, false)
}

func methodNotAllowed(w *world) {
	task := w.register()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"} {
		for name, link := range task.Links {
			got := w.send(w.next(), call{method: method, link: link.URL})
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
				w.Errorf("%s %s: %d, Allow %q", method, name, got.status, got.header.Get("Allow"))
			}
		}
	}
	if cb := w.get(task); cb.State != api.StatePending {
		w.Errorf("state %s, want it unchanged", cb.State)
	}
}

func tooLarge(w *world) {
	const limit = 262_144
	exact := `"` + strings.Repeat("é", (limit-2)/2) + `"`
	over := `"` + strings.Repeat("x", limit-1) + `"`
	task := w.register()
	for name, body := range map[string]io.Reader{
		"declared": strings.NewReader(over),
		"chunked":  io.MultiReader(strings.NewReader(over)), // of unknown length
	} {
		got := w.send(w.next(), call{link: task.URL, body: body})
		w.wantProblem(got, api.CodeTooLarge)
		if p := got.problem; p.LimitBytes == nil || *p.LimitBytes != limit {
			w.Errorf("%s: limitBytes %v, want %d", name, p.LimitBytes, limit)
		} else if name == "declared" && (p.ActualBytes == nil || *p.ActualBytes != limit+1) {
			w.Errorf("%s: actualBytes %v, want %d", name, p.ActualBytes, limit+1)
		}
	}
	w.wantNothing(task)
	w.wantTaken(w.post(task.URL, exact), task, api.StatusDelivered, false)
	w.wantOutput(task, exact)
}

func badBody(w *world) {
	task := w.register()
	got := w.post(task.URL, `{"account": oops-4711}`)
	w.wantProblem(got, api.CodeInvalidBody)
	if p := got.problem; p.Offset == nil || *p.Offset != 12 || strings.Contains(got.body, "oops") {
		w.Errorf("got %s, want offset 12 and nothing of the body", got.body)
	}
	w.wantProblem(w.post(task.URL, "\"\xff\""), api.CodeInvalidBody)
	w.wantProblem(w.send(w.next(), call{link: task.URL, contentType: "image/png", body: strings.NewReader("\xff")}),
		api.CodeUnsupportedMediaType)
	w.wantNothing(task)
	w.wantTaken(w.post(task.URL, ``), task, api.StatusDelivered, false)
	w.wantOutput(task, `{}`)
}

func heartbeats(w *world) {
	task := w.register()
	beat := task.Links["progress"].URL
	for range 2 { // one for each replica, which passes on one a second (row 78)
		w.wantTaken(w.post(beat, `ignored`), task, api.StatusAlive, false)
	}
	beaten := 0
	for _, e := range w.steps.Heartbeats() {
		if e.TaskToken == task.token {
			beaten++
		}
	}
	if beaten != 2 {
		w.Errorf("step functions took %d heartbeats, want 2", beaten)
	}
	failing := w.register()
	w.steps.Inject(standin.Fault{Kind: standin.Unavailable, TaskToken: failing.token})
	w.wantProblem(w.post(failing.Links["progress"].URL, ``), api.CodeUnavailable)
	w.wantTaken(w.post(task.URL, `{}`), task, api.StatusDelivered, false)
	w.wantProblem(w.post(beat, ``), api.CodeAlreadyAnswered)

	closed := w.register()
	w.steps.Close(closed.token)
	for range 2 {
		w.wantProblem(w.post(closed.Links["progress"].URL, ``), api.CodeTaskClosed)
	}
}

func redisAway(w *world) {
	task := w.register()
	w.server.kill()
	for _, link := range []string{task.URL, task.Links["progress"].URL} {
		for range 2 {
			got := w.post(link, `{}`)
			w.wantProblem(got, api.CodeUnavailable)
			if got.header.Get("Retry-After") == "" {
				w.Errorf("%d without Retry-After", got.status)
			}
		}
	}
	if _, err := w.next().client.Get(w.Context(), task.ID); !isProblem(err, api.CodeUnavailable) {
		w.Errorf("get: %v, want %s", err, api.CodeUnavailable)
	}
	// Requests that need no Redis get the usual responses.
	w.wantProblem(w.post(publicURL+"/c/"+strings.Repeat("a", 52), `{}`), api.CodeNotFound)
	w.wantNothing(task)
}

func otherThan(c byte) byte {
	if c == 'a' {
		return 'b'
	}
	return 'a'
}

// isProblem reports whether an error of the client is the problem of a code.
func isProblem(err error, code api.Code) bool {
	answer, ok := errors.AsType[*client.Error](err)
	return ok && answer.Problem.Type == code
}
