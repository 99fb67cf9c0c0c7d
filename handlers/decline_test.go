package handlers_test

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"callback-relay/api"
	"callback-relay/handlers"
	"callback-relay/relay"
)

// Row 120: somebody got a link that is not for them, and says so: nothing is decided, the link still
// works, and the workflow's side learns it everywhere. What they wrote is in no log line.
func TestNotForMe(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"},"no":{"type":"failure","page":true,"error":"E"},"beat":{"type":"heartbeat","page":true}}`,
		"approval", `{"title":"Deploy?","confirm":"code"}`)
	n.register()
	for _, said := range []struct{ link, note string }{{"dana", "Ask Ada."}, {"no", ""}, {"beat", "What is this?"}, {"dana", "CANARY <b>"}} {
		_, nonce := k.open(said.link)
		k.submit(said.link, url.Values{"nonce": {nonce}, "decision": {"not-for-me"}, "note": {said.note}}).is(http.StatusOK)
	}
	if got := k.got(); len(got) > 0 {
		t.Errorf("Step Functions got %q", got)
	}

	want := []api.Decline{{Link: "no"}, {Link: "beat", Note: "What is this?"}, {Link: "dana", Approver: "Dana", Note: "CANARY <b>"}}
	var list api.CallbackList
	n.call(http.MethodGet, "/v1/callbacks?declined=true", "").decode(&list)
	var cb api.Callback
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").decode(&cb)
	if len(list.Callbacks) != 1 || list.Callbacks[0].ID != k.ID {
		t.Fatalf("listed: %+v", list.Callbacks)
	}
	for where, got := range map[string]api.Callback{"view": cb, "list": list.Callbacks[0]} {
		if diff := cmp.Diff(want, got.Declined, cmpopts.IgnoreFields(api.Decline{}, "At")); diff != "" || got.State != api.StatePending || len(got.Decisions) > 0 || got.Declined[0].At.IsZero() {
			t.Errorf("%s: %s, %d decisions, declined (-want +got)\n%s", where, got.State, len(got.Decisions), diff)
		}
	}
	var history api.History
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	entries := []api.HistoryEntry{
		{Link: "no", Verdict: "not-for-me", Count: 1}, {Link: "beat", Verdict: "not-for-me", Count: 1, Note: "What is this?"},
		{Link: "dana", Verdict: "not-for-me", Count: 2, Note: "CANARY <b>"},
	}
	if diff := cmp.Diff(entries, history.Entries, cmpopts.IgnoreFields(api.HistoryEntry{}, "At", "LastAt")); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
	if !n.metrics.told("answer not-for-me") {
		t.Error("it is not counted")
	}

	// It is no page of ours that posts this, or an old one.
	_, nonce := k.open("dana")
	form := url.Values{"nonce": {nonce}, "decision": {"not-for-me"}}
	n.post(k.path("dana"), formMedia, form.Encode(), "Sec-Fetch-Site", "cross-site").isProblem(http.StatusForbidden, "foreign-site")
	k.submit("dana", url.Values{"nonce": {"old"}, "decision": {"not-for-me"}}).is(http.StatusBadRequest)
	form.Set("note", strings.Repeat("x", 501))
	k.submit("dana", form).is(http.StatusBadRequest)
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").decode(&cb)
	if len(cb.Declined) != 3 || cb.Declined[2].Note != "CANARY <b>" {
		t.Errorf("a form that was refused is recorded: %+v", cb.Declined)
	}
	n.call(http.MethodGet, "/v1/callbacks?declined=yes", "").isProblem(http.StatusBadRequest, "invalid-request")

	// A request is logged after its client has the answer.
	said := func() int { return strings.Count(n.log.String(), `"answer":"not-for-me"`) }
	for end := time.Now().Add(10 * time.Second); said() < 4 && time.Now().Before(end); {
		runtime.Gosched()
	}
	if said() != 4 || strings.Contains(n.log.String(), "CANARY") {
		t.Errorf("the log says %s", n.log.String())
	}
}

// Every page has the way out, and says when its link was declined.
func TestNotForMeOnPages(t *testing.T) {
	said := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	v := relay.Form{Declined: said}
	for _, kind := range relay.PageLinks {
		if form := handlers.FormOf(relay.LinkRef{LinkKind: kind}, &v, nil); !form.NotForMe || !form.Declined.Equal(said) {
			t.Errorf("%s: %+v", kind, form)
		}
	}
}
