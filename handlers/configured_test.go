package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/relay"
)

// The API shows the senders of the configuration file, with the URLs of their hooks.
func TestSendersOfTheFile(t *testing.T) {
	n := start(t, withHooks(t))
	got := n.call("GET", "/v1/senders", "")
	got.is(http.StatusOK)
	var list api.SenderList
	got.decode(&list)
	want := []api.ConfiguredSender{
		{Name: "open", Hook: &api.Hook{URL: n.service.HookURL("open"), Keep: "1m30s"}},
		{Name: "own"},
		{Name: "pay", Preset: "header-secret", Hook: &api.Hook{URL: n.service.HookURL("pay"), Keep: "15m", Proof: true}},
	}
	if diff := cmp.Diff(want, list.Senders); diff != "" || strings.Contains(string(got.body), "CANARY") {
		t.Errorf("%s (-want +got)\n%s", got.body, diff)
	}
	if empty := start(t).call("GET", "/v1/senders", ""); strings.TrimSpace(string(empty.body)) != `{"senders":[]}` {
		t.Errorf("without a file: %s", empty.body)
	}
}

// kept returns the free events of a sender.
func (n *node) kept(query string) (kept api.KeptEvents) {
	n.t.Helper()
	got := n.call("GET", "/v1/senders/pay/events"+query, "")
	got.is(http.StatusOK)
	if strings.Contains(string(got.body), "CANARY") {
		n.t.Errorf("shows a key, a body or a secret: %s", got.body)
	}
	got.decode(&kept)
	return kept
}

// Events that nobody has used are listed without keys and bodies, and dropped one by one.
func TestKeptEvents(t *testing.T) {
	n := start(t, withHooks(t))
	if kept := n.kept(""); kept.Events == nil || len(kept.Events) != 0 || kept.Total != 0 {
		t.Errorf("at first: %+v", kept)
	}
	for i := range 3 {
		n.event(fmt.Sprint("evt_", i), fmt.Sprintf(`"CANARY %d"`, i), relay.EventKept)
	}
	kept := n.kept("")
	if len(kept.Events) != 3 || kept.Total != 3 {
		t.Fatalf("kept: %+v", kept)
	}
	byID := map[string]api.KeptEvent{}
	for _, e := range kept.Events {
		byID[e.ID] = e
		if e.Type != "paid" || len(e.Key) != 26 || e.Event == "" || e.Bytes == 0 || e.At.IsZero() || e.EndsAt.Sub(e.At) != 15*time.Minute {
			t.Errorf("%+v", e)
		}
	}
	if kept := n.kept("?limit=2"); len(kept.Events) != 2 || kept.Total != 3 {
		t.Errorf("two of them: %+v", kept)
	}
	drop := func(e api.KeptEvent) answer {
		return n.call("DELETE", "/v1/senders/pay/events/"+e.Key+"/"+e.Event, "")
	}
	if got := drop(byID["evt_1"]); got.status != http.StatusNoContent || len(got.body) != 0 {
		t.Errorf("dropped: %d %s", got.status, got.body)
	}
	drop(byID["evt_1"]).isProblem(http.StatusNotFound, "not-found")
	if kept := n.kept(""); len(kept.Events) != 2 || kept.Total != 2 {
		t.Errorf("after one was dropped: %+v", kept)
	}
	k := n.register("awaits", `{"paid":`+paid(`"CANARY 1"`)+`}`)
	if got := k.got(); len(got) != 0 {
		t.Errorf("a dropped event was given: %q", got)
	}
	n.event("evt_1", `"CANARY 1"`, relay.EventMatched) // posted again, it counts
	k.gets(`"evt_1"`)
	k = n.register("awaits", `{"paid":`+paid(`"CANARY 0"`)+`}`)
	k.gets(`"evt_0"`)
	drop(byID["evt_0"]).isProblem(http.StatusNotFound, "not-found") // it was used
	n.event("evt_0", `"CANARY 0"`, relay.EventDuplicate)

	for _, path := range []string{
		"DELETE /v1/senders/pay/events/" + byID["evt_2"].Key + "/x", "DELETE /v1/senders/pay/events/x/" + byID["evt_2"].Event,
		"DELETE /v1/senders/open/events/" + byID["evt_2"].Key + "/" + byID["evt_2"].Event, "DELETE /v1/senders/nobody/events/" + byID["evt_2"].Key + "/" + byID["evt_2"].Event,
		"DELETE /v1/senders/nobody/events", "GET /v1/senders/nobody/events",
	} {
		method, target, _ := strings.Cut(path, " ")
		if p := n.call(method, target, "").isProblem(http.StatusNotFound, "not-found"); p.Detail == "There is nothing at this address." {
			t.Errorf("%s: %s", path, p.Detail)
		}
	}
	for _, path := range []string{
		"GET /v1/senders/own/events", "DELETE /v1/senders/own/events", "DELETE /v1/senders/own/events/" + byID["evt_2"].Key + "/" + byID["evt_2"].Event,
	} {
		method, target, _ := strings.Cut(path, " ")
		if p := n.call(method, target, "").isProblem(http.StatusNotFound, "not-found"); p.Detail != "The sender has no hook." {
			t.Errorf("%s: %s", path, p.Detail)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=101", "?limit=x", "?limit=1&limit=1", "?cursor=x"} {
		n.call("GET", "/v1/senders/pay/events"+query, "").isProblem(http.StatusBadRequest, "invalid-request")
	}
	if kept := n.kept(""); len(kept.Events) != 1 || kept.Events[0].ID != "evt_2" {
		t.Errorf("in the end: %+v", kept)
	}
}

// All are dropped in bounded steps.
func TestDropAllEvents(t *testing.T) {
	n := start(t, withHooks(t))
	const all = relay.MaxFreeListed + 30
	for i := range all {
		n.event(fmt.Sprint("evt_", i), fmt.Sprint(i), relay.EventKept)
	}
	for _, want := range []api.DroppedEvents{{Dropped: relay.MaxFreeListed, Left: 30}, {Dropped: 30}, {}} {
		got := n.call("DELETE", "/v1/senders/pay/events", "")
		got.is(http.StatusOK)
		var result api.DroppedEvents
		if got.decode(&result); result != want {
			t.Errorf("%+v, want %+v", result, want)
		}
	}
	if kept := n.kept(""); kept.Total != 0 {
		t.Errorf("left: %+v", kept)
	}
}
