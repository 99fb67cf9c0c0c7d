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

// An added link is checked like a registered one, and a mistake changes nothing.
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
			wrong := strings.ReplaceAll(c.wrong, "links.a.", "")
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

// Row 82: a link is not replaced if too few people would be left to decide. People who
// have already decided count, through any link.
func TestReplacingKeepsAQuorum(t *testing.T) {
	n := start(t)
	const dana, lee, kim = `"dana":{"type":"approval","approver":"Dana"}`, `"lee":{"type":"approval","approver":"Lee"}`, `"kim":{"type":"approval"}`
	refuses := func(k task, body, wrong, says string) {
		t.Helper()
		p := k.addLink(body).isProblem(http.StatusBadRequest, "invalid-request")
		if fields(p) != wrong || !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %s", body, p.Detail)
		}
	}
	takes := func(k task, body string) {
		t.Helper()
		k.addLink(body).is(http.StatusCreated)
	}
	decide := func(k task, link, more string) {
		t.Helper()
		_, nonce := k.open(link)
		n.do(http.MethodPost, "http://"+n.public+k.path(link), "nonce="+nonce+"&decision=approved"+more, "Content-Type", "application/x-www-form-urlencoded").is(http.StatusOK)
	}
	for quorum, links := range map[string]string{
		`{"title":"T","required":2}`:                `{` + dana + `,` + lee + `}`,
		`{"title":"T","rejections":2}`:              `{` + dana + `,` + lee + `}`,
		`{"title":"T","required":2,"rejections":2}`: `{` + dana + `,` + lee + `,` + kim + `}`,
	} {
		k := n.register("links", links, "approval", quorum)
		refuses(k, `{"name":"dana","type":"approval","approver":"lee "}`, "approver", "people")
		refuses(k, `{"name":"dana","type":"webhook"}`, "type", "people")
		refuses(k, `{"name":"lee","type":"success","page":true}`, "type", "people")
		takes(k, `{"name":"dana","type":"approval","approver":"Dana"}`) // it leaked
		takes(k, `{"name":"dana","type":"approval","approver":"Sam"}`)  // who is away
		takes(k, `{"name":"dana","type":"approval"}`)                   // whoever has it
		takes(k, `{"name":"more","type":"webhook"}`)
		takes(k, `{"name":"ada","type":"approval","approver":"Ada"}`) // and now there is one more
		takes(k, `{"name":"dana","type":"webhook"}`)
		refuses(k, `{"name":"lee","type":"webhook"}`, "type", "people")
	}

	k := n.register("links", `{`+dana+`,`+lee+`}`, "approval", `{"title":"T","required":2}`)
	decide(k, "dana", "")
	takes(k, `{"name":"dana","type":"webhook"}`)
	refuses(k, `{"name":"lee","type":"approval","approver":"Dana"}`, "approver", "people")
	k = n.register("links", `{`+kim+`,`+lee+`}`, "approval", `{"title":"T","required":2}`)
	decide(k, "kim", "&approver=Somebody")
	takes(k, `{"name":"kim","type":"webhook"}`)
	refuses(k, `{"name":"lee","type":"webhook"}`, "type", "people")

	// If there are too few people already, adding links one by one is possible.
	k = n.register("links", `{`+dana+`,`+lee+`}`, "approval", `{"title":"T","required":2}`)
	for _, name := range []string{"dana", "lee"} {
		n.call(http.MethodDelete, "/v1/callbacks/"+k.ID+"/links/"+name, "").is(http.StatusOK)
	}
	takes(k, `{"name":"dana","type":"approval","approver":"Dana"}`)
	takes(k, `{"name":"lee","type":"approval","approver":"Lee"}`)

	// If one person decides, any link can be replaced.
	k = n.register("links", `{`+dana+`}`, "approval", `{"title":"T"}`)
	takes(k, `{"name":"dana","type":"webhook"}`)
}

// An approval link can be added if the registration had an approval or an approval link,
// but not if its pages only have buttons.
func TestAddedApprovalWantsAnApproval(t *testing.T) {
	n := start(t)
	const kim, page = `{"name":"kim","type":"approval","title":"Kim?"}`, `{"done":{"type":"success","page":true,"title":"Done?"}}`
	k := n.register("links", page)
	p := k.addLink(kim).isProblem(http.StatusBadRequest, "invalid-request")
	if fields(p) != "type" || !strings.Contains(p.Detail, "registered without an approval") {
		t.Errorf("without an approval: %s", p.Detail)
	}
	for _, same := range []string{``, `,"approval":{}`} { // the previous release stored the same for both
		n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"links":`+page+same+`}`).is(http.StatusOK)
	}
	k.addLink(`{"name":"stop","type":"failure","error":"E","page":true,"title":"Stop?"}`).is(http.StatusCreated)
	n.register("links", page, "approval", `{"comment":"required"}`).addLink(kim).is(http.StatusCreated)
	n.register("links", page, "approval", `{}`).addLink(kim).is(http.StatusCreated)
	k = n.register("links", `{"dana":{"type":"approval","title":"T"}}`)
	k.addLink(`{"name":"dana","type":"webhook"}`).is(http.StatusCreated)
	k.addLink(kim).is(http.StatusCreated)
}

// Row 82: an added link appears at once in the answers to adding it, to registering again
// and to looking up the callback. Only the first two contain the code.
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

	// Five wrong codes close the link, and a new link has another code.
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
	if outputs := k.got(); len(outputs) != 1 || !strings.Contains(outputs[0], `"by":{"link":"kim","approver":"Kim","typed":false,"verified":null}`) {
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
