package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/stepfunctions/standin"
)

// serveOnly starts a replica without its background loops, so that every round trip
// belongs to a request.
func (w *world) serveOnly(change ...func(*config.Settings)) *replica {
	w.Helper()
	r := w.build(change...)
	w.replicas = append(w.replicas, r)
	r.readAwaited(w.Context())
	go r.public.Serve(r.ports.public)
	go r.private.Serve(r.ports.private)
	w.Cleanup(func() {
		w.must(r.public.Close())
		w.must(r.private.Close())
		r.close()
	})
	return r
}

// costOn returns a function that counts the round trips and the calls of Step Functions
// that something takes.
func (w *world) costOn(r *replica) func(what string, trips int64, calls int, do func()) {
	return func(what string, trips int64, calls int, do func()) {
		w.Helper()
		tripsBefore, callsBefore := r.trips.total(), w.steps.Calls().Total()
		do()
		if got := r.trips.total() - tripsBefore; got != trips {
			w.Errorf("%s: %d round trips to Redis, want %d", what, got, trips)
		}
		if got := w.steps.Calls().Total() - callsBefore; got != calls {
			w.Errorf("%s: %d calls of Step Functions, want %d", what, got, calls)
		}
	}
}

// TestHotPath counts the round trips of the common case.
func TestHotPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.serveOnly()

	w.post(w.register().URL, `{}`) // the first one loads the scripts
	task, beating := w.register(), w.register()
	w.post(w.register().Links["progress"].URL, ``)
	cost := w.costOn(r)
	cost("registration", 1, 0, func() { w.register() })
	cost("answer", 2, 1, func() {
		w.wantTaken(w.post(task.URL, `{"n":1}`), task, api.StatusDelivered, false)
	})
	cost("duplicate", 1, 0, func() {
		w.wantTaken(w.post(task.URL, `{"n":1}`), task, api.StatusDelivered, true)
	})
	w.post(task.URL, `{"n":2}`) // the first conflict loads the script of the history
	cost("conflict", 2, 0, func() { w.wantProblem(w.post(task.URL, `{"n":2}`), api.CodeAlreadyAnswered) })
	cost("heartbeat", 1, 1, func() {
		w.wantTaken(w.post(beating.Links["progress"].URL, ``), beating, api.StatusAlive, false)
	})
	paying := w.register(payments)
	pay := func(event payment) answer {
		return w.send(r, event.call(t, paying.Links["paid"].URL))
	}
	cost("event that is ignored", 2, 0, func() { w.wantTaken(pay(paymentStream[0]), paying, api.StatusIgnored, false) })
	cost("event that answers", 3, 1, func() { w.wantTaken(pay(paymentStream[5]), paying, api.StatusDelivered, false) })
	inChunks := func(c call) call { // without a length
		c.body = io.MultiReader(c.body)
		return c
	}
	chunked, payingInChunks := w.register(), w.register(payments)
	cost("answer in chunks", 2, 1, func() {
		w.wantTaken(w.send(r, inChunks(call{link: chunked.URL, body: strings.NewReader(`{"n":1}`)})), chunked, api.StatusDelivered, false)
	})
	cost("event in chunks that answers", 3, 1, func() {
		event := paymentStream[5].call(t, payingInChunks.Links["paid"].URL)
		w.wantTaken(w.send(r, inChunks(event)), payingInChunks, api.StatusDelivered, false)
	})
	forged := paymentStream[5].call(t, paying.Links["paid"].URL)
	forged.header.Set("Stripe-Signature", "t=1,v1=00")
	cost("event that is not proven", 2, 0, func() { w.wantProblem(w.send(r, forged), api.CodeUnproven) })
	cost("forged and malformed links", 0, 0, func() {
		key := linkKey(task.URL)
		for _, k := range []string{key[:50] + string(otherThan(key[50])) + key[51:], strings.Repeat("a", 52), key[1:], ""} {
			w.wantProblem(w.post(publicURL+"/c/"+k, `{}`), api.CodeNotFound)
		}
	})
	if got := w.steps.Calls().Of(standin.SendTaskSuccess); got != 5 {
		t.Errorf("%d calls of SendTaskSuccess in all, want 5", got)
	}
}

// TestHotPathOfHooks counts the round trips of what comes to hooks. Most of it is for
// nobody.
func TestHotPathOfHooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 0)
	r := w.serveOnly(w.hooked())
	cost := w.costOn(r)
	post := func(hook, body, verdict string) {
		t.Helper()
		if got := w.post(r.service.HookURL(hook), body); got.status != http.StatusOK || !strings.Contains(got.body, verdict) {
			t.Errorf("%d %s, want %s", got.status, got.body, verdict)
		}
	}
	awaiting := func(key string) func(*api.CreateRequest) {
		return func(c *api.CreateRequest) {
			c.Awaits = map[string]api.AwaitRequest{"done": {Sender: "open", Key: json.RawMessage(`"` + key + `"`)}}
		}
	}
	w.register(awaiting("first")) // the first ones load the scripts
	post("open", `{"id":"first"}`, "matched")
	post("open", `{"id":"nobody's"}`, "kept")

	cost("registration with an await", 2, 0, func() { w.register(awaiting("k")) })
	cost("event that a callback awaits", 6, 1, func() { post("open", `{"id":"k"}`, "matched") })
	cost("repeated event", 1, 0, func() { post("open", `{"id":"k"}`, "duplicate") })
	cost("event for nobody", 1, 0, func() { post("open", `{"id":"other"}`, "kept") })
	cost("event about nothing", 0, 0, func() { post("open", `{"n":1}`, "ignored") })
	cost("event that is not proven", 0, 0, func() { w.wantProblem(w.post(r.service.HookURL("proven"), `{"id":"k"}`), api.CodeUnproven) })
	cost("test of a URL", 0, 0, func() {
		w.request(r.service.HookURL("open"), http.MethodOptions, "", "WebHook-Request-Origin", "example.com")
	})
	cost("forged key", 0, 0, func() { w.wantProblem(w.post(w.noHook(), `{"id":"k"}`), api.CodeNotFound) })
}
