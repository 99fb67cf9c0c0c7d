package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
)

// addLink asks for one more link of a task's callback.
func (k task) addLink(body string) answer {
	k.n.t.Helper()
	return k.n.call(http.MethodPost, "/v1/callbacks/"+k.ID+"/links", body)
}

// A link that is added is checked as one that is registered, and what is wrong
// with it changes nothing.
func TestAddLinkMistakes(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","title":"Deploy?"},"a":{"type":"webhook"}}`)
	before := n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").body
	refuses := func(t *testing.T, k task, body, code, wrong string) {
		t.Helper()
		k.n = n.on(t)
		got := k.addLink(body)
		if p := got.isProblem(http.StatusBadRequest, code); fields(p) != wrong || strings.Contains(string(got.body), "CANARY") {
			t.Errorf("complains about %q, want %q: %s", fields(p), wrong, got.body)
		}
	}
	for _, c := range linkMistakes() {
		t.Run(c.name, func(t *testing.T) {
			wrong := strings.NewReplacer("links.a.", "", "links.", "").Replace(c.wrong)
			refuses(t, k, `{"name":"a",`+strings.TrimPrefix(c.link, "{"), "invalid-request", wrong)
		})
	}
	for _, c := range []struct{ name, body, code, wrong string }{
		{"nothing", `{}`, "invalid-request", "name type"},
		{"no name", `{"type":"webhook"}`, "invalid-request", "name"},
		{"no type", `{"name":"kim"}`, "invalid-request", "type"},
		{"a name that cannot be", `{"name":"Kim CANARY","type":"webhook"}`, "invalid-request", "name"},
		{"a name that is too long", `{"name":"a` + strings.Repeat("b", 64) + `","type":"webhook"}`, "invalid-request", "name"},
		{"a reserved name", `{"name":"expiry","type":"webhook"}`, "invalid-request", "name"},
		{"a type that there is not", `{"name":"kim","type":"CANARY"}`, "invalid-request", "type"},
		{"all at once", `{"name":"CANARY","type":"heartbeat","output":1,"approver":"CANARY"}`, "invalid-request", "name output approver"},
		{"a field of a registration", `{"name":"kim","type":"webhook","taskToken":"CANARY"}`, "invalid-request", "taskToken"},
		{"a name that is a number", `{"name":1,"type":"webhook"}`, "invalid-request", "name"},
		{"a name twice", `{"name":"kim","name":"lee","type":"webhook"}`, "invalid-request", "name"},
		{"no object", `["CANARY"]`, "invalid-request", "body"},
		{"no JSON", `{"name":"kim"`, "invalid-body", ""},
	} {
		t.Run(c.name, func(t *testing.T) { refuses(t, k, c.body, c.code, c.wrong) })
	}
	t.Run("an approval where there is none", func(t *testing.T) {
		refuses(t, n.on(t).register(), `{"name":"kim","type":"approval","output":1}`, "invalid-request", "output type")
	})
	if diff := cmp.Diff(string(before), string(n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").body)); diff != "" {
		t.Errorf("changed: %s", diff)
	}
}

// Row 82: what was added is there at once, for whoever adds it, registers again
// or looks; codes are for the first two.
func TestAddedLink(t *testing.T) {
	n := start(t)
	const links, approval = `{"dana":{"type":"approval","approver":"Dana"}}`, `{"title":"Deploy?","confirm":"code"}`
	k := n.register("links", links, "approval", approval)
	got := k.addLink(`{"name":"kim","type":"approval","approver":"Kim"}`)
	got.is(http.StatusCreated)
	var link api.Link
	got.decode(&link)
	if len(link.Code) != 6 || link.Code == k.Links["dana"].Code || link.Approver != "Kim" || !link.Page || link.Closed {
		t.Errorf("added %+v", link)
	}
	again := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"links":`+links+`,"approval":`+approval+`}`)
	again.is(http.StatusOK)
	var cb api.Callback
	again.decode(&cb)
	if diff := cmp.Diff(map[string]api.Link{"dana": k.Links["dana"], "kim": link}, cb.Links); diff != "" {
		t.Errorf("registered again (-want +got)\n%s", diff)
	}
	looked := n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "")
	if strings.Contains(string(looked.body), link.Code) || !strings.Contains(string(looked.body), link.URL) {
		t.Errorf("looked at: %s", looked.body)
	}

	// Five wrong codes close it, and a new one has another code.
	k.Links["kim"] = link
	for range 5 {
		_, nonce := k.open("kim")
		n.do(http.MethodPost, "http://"+n.public+k.path("kim"), "nonce="+nonce+"&decision=approved&confirm="+wrongCode(link.Code), "Content-Type", "application/x-www-form-urlencoded")
	}
	n.do(http.MethodGet, "http://"+n.public+k.path("kim"), "").isProblem(http.StatusGone, "link-closed")
	got = k.addLink(`{"name":"kim","type":"approval","approver":"Kim"}`)
	got.is(http.StatusCreated)
	old := link.Code
	if got.decode(&link); link.Code == old {
		t.Error("the code is the same")
	}
	k.Links["kim"] = link
	_, nonce := k.open("kim")
	n.do(http.MethodPost, "http://"+n.public+k.path("kim"), "nonce="+nonce+"&decision=approved&confirm="+link.Code, "Content-Type", "application/x-www-form-urlencoded").is(http.StatusOK)
	if outputs := k.got(); len(outputs) != 1 || !strings.Contains(outputs[0], `"by":{"link":"kim","approver":"Kim","typed":false}`) {
		t.Errorf("step functions got %q", outputs)
	}
	for _, late := range []answer{
		k.addLink(`{"name":"lee","type":"webhook"}`),
		n.call(http.MethodPatch, "/v1/callbacks/"+k.ID, `{"expiresIn":"1h"}`),
		n.call(http.MethodDelete, "/v1/callbacks/"+k.ID, ""),
	} {
		p := late.isProblem(http.StatusConflict, "already-answered")
		if p.Detail != "This callback has already been answered, so it can no longer be changed." {
			t.Errorf("a change that comes too late: %s", p.Detail)
		}
	}
	p := n.call(http.MethodPost, "/v1/callbacks/"+strings.Repeat("a", 26)+"/links", `{"name":"lee","type":"webhook"}`).isProblem(http.StatusNotFound, "not-found")
	if p.Detail != "No callback has this id." {
		t.Errorf("of no callback: %s", p.Detail)
	}
}

// There may be 32 open links, and 256 in all.
func TestTooManyLinks(t *testing.T) {
	n := start(t)
	k := n.register("links", `{`+entries(32, `"a%d":{"type":"webhook"}`)+`}`)
	p := k.addLink(`{"name":"more","type":"webhook"}`).isProblem(http.StatusConflict, "too-many-links")
	if !strings.Contains(p.Detail, "32 open links") {
		t.Errorf("the 33rd: %s", p.Detail)
	}
	for range 256 - 32 {
		k.addLink(`{"name":"a0","type":"webhook"}`).is(http.StatusCreated)
	}
	p = k.addLink(`{"name":"a0","type":"webhook"}`).isProblem(http.StatusConflict, "too-many-links")
	if !strings.Contains(p.Detail, "256 links") {
		t.Errorf("the 257th: %s", p.Detail)
	}
}
