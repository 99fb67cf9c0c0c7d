package handlers_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
)

// long is a text of n characters that must not be quoted.
func long(n int) string { return "CANARY" + strings.Repeat("é", n-len("CANARY")) }

// entries returns the members of an object, each formatted with its number.
func entries(n int, format string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return strings.Join(all, ",")
}

// linkMistakes are invalid links, each with the fields that are reported if it is the link
// named a of a registration.
func linkMistakes() []struct{ name, link, wrong string } {
	return []struct{ name, link, wrong string }{
		{"page that is no truth value", `{"type":"success","page":"CANARY"}`, "links.a.page"},
		{"error that is a number", `{"type":"failure","error":1}`, "links.a.error"},
		{"cause that is a list", `{"type":"failure","error":"E","cause":["CANARY"]}`, "links.a.cause"},
		{"approver that is a list", `{"type":"approval","title":"T","approver":["CANARY"]}`, "links.a.approver"},
		{"approver with another member", `{"type":"approval","title":"T","approver":{"label":"CANARY"}}`, "links.a.approver.label"},
		{"response that is a text", `{"type":"success","response":"CANARY"}`, "links.a.response"},
		{"text of a response that is a number", `{"type":"success","response":{"text":1}}`, "links.a.response.text"},
		{"redirect that is a list", `{"type":"success","page":true,"title":"T","response":{"redirect":[]}}`, "links.a.response.redirect"},

		{"unknown member", `{"type":"approval","title":"T","aprover":"CANARY"}`, "links.a.aprover"},
		{"unknown member of a response", `{"type":"success","response":{"url":"CANARY"}}`, "links.a.response.url"},
		{"page twice", `{"type":"success","page":true,"page":false}`, "links.a.page"},
		{"output twice", `{"type":"success","output":"CANARY","output":1}`, "links.a.output"},
		{"approver twice", `{"type":"approval","title":"T","approver":"CANARY","approver":"Lee"}`, "links.a.approver"},
		{"text of a response twice", `{"type":"success","response":{"text":"CANARY","text":""}}`, "links.a.response.text"},

		{"webhook with a page", `{"type":"webhook","page":true}`, "links.a.page"},
		{"output of a webhook", `{"type":"webhook","output":"CANARY"}`, "links.a.output"},
		{"output of a failure", `{"type":"failure","error":"E","output":null}`, "links.a.output"},
		{"output of an approval", `{"type":"approval","title":"T","output":{}}`, "links.a.output"},
		{"output that is too large", `{"type":"success","output":"` + strings.Repeat("CANARY", 43_691) + `"}`, "links.a.output"},
		{"failure without an error", `{"type":"failure","cause":"CANARY"}`, "links.a.error"},
		{"error of a success", `{"type":"success","error":"CANARY"}`, "links.a.error"},
		{"cause of a heartbeat", `{"type":"heartbeat","cause":"CANARY"}`, "links.a.error"},
		{"error too long", `{"type":"failure","error":"` + long(257) + `"}`, "links.a.error"},
		{"cause too long", `{"type":"failure","error":"E","cause":"` + long(32_769) + `"}`, "links.a.cause"},
		{"approver of a webhook", `{"type":"webhook","approver":"CANARY"}`, "links.a.approver"},
		{"approver of a page with one button", `{"type":"success","page":true,"title":"T","approver":"CANARY"}`, "links.a.approver"},
		{"approver that is blank", `{"type":"approval","title":"T","approver":" \t"}`, "links.a.approver"},
		{"approver too long", `{"type":"approval","title":"T","approver":"` + long(101) + `"}`, "links.a.approver"},

		{"response too long", `{"type":"success","response":{"text":"` + long(1001) + `"}}`, "links.a.response.text"},
		{"redirect of a machine", `{"type":"success","response":{"redirect":"https://example.com/CANARY"}}`, "links.a.response.redirect"},
		{"redirect too long", `{"type":"approval","title":"T","response":{"redirect":"https://example.com/` + long(2030) + `"}}`, "links.a.response.redirect"},
		{"redirect without TLS", `{"type":"approval","title":"T","response":{"redirect":"http://example.com/CANARY"}}`, "links.a.response.redirect"},
		{"redirect that is a script", `{"type":"approval","title":"T","response":{"redirect":"javascript:alert(CANARY)"}}`, "links.a.response.redirect"},
		{"redirect with a user", `{"type":"approval","title":"T","response":{"redirect":"https://CANARY@example.com/"}}`, "links.a.response.redirect"},
		{"redirect to no host", `{"type":"approval","title":"T","response":{"redirect":"https:///CANARY"}}`, "links.a.response.redirect"},
		{"redirect to a path", `{"type":"approval","title":"T","response":{"redirect":"/CANARY"}}`, "links.a.response.redirect"},
		{"redirect to any scheme", `{"type":"approval","title":"T","response":{"redirect":"//example.com/CANARY"}}`, "links.a.response.redirect"},

		{"page without a title", `{"type":"failure","error":"E","page":true}`, "links.a.title"},
		{"page with a blank title", `{"type":"heartbeat","page":true,"title":" \t"}`, "links.a.title"},
		{"page with a title that cannot be seen", `{"type":"success","page":true,"title":" \u200b "}`, "links.a.title"},
		{"page with a blank letter for a title", `{"type":"approval","title":"\u3164"}`, "links.a.title"},
		{"page with blank shapes for a title", `{"type":"heartbeat","page":true,"title":"\u200b\u2800"}`, "links.a.title"},
		{"title that is a number", `{"type":"approval","title":1}`, "links.a.title"},
		{"title too long", `{"type":"approval","title":"` + long(201) + `"}`, "links.a.title"},
		{"title of a machine's", `{"type":"success","title":"CANARY"}`, "links.a.title"},
		{"message too long", `{"type":"approval","title":"T","message":"` + long(5001) + `"}`, "links.a.message"},
		{"message of a machine's", `{"type":"failure","error":"E","message":"CANARY"}`, "links.a.message"},
		{"button too long", `{"type":"success","page":true,"title":"T","buttonLabel":"` + long(41) + `"}`, "links.a.buttonLabel"},
		{"button that cannot be seen", `{"type":"success","page":true,"title":"T","buttonLabel":"\u2800"}`, "links.a.buttonLabel"},
		{"button that is blank", `{"type":"success","page":true,"title":"T","buttonLabel":" "}`, "links.a.buttonLabel"},
		{"button of a machine's", `{"type":"webhook","buttonLabel":"CANARY"}`, "links.a.buttonLabel"},
		{"button of an approval", `{"type":"approval","title":"T","buttonLabel":"CANARY"}`, "links.a.buttonLabel"},
		{"button twice", `{"type":"success","page":true,"title":"T","buttonLabel":"CANARY","buttonLabel":"B"}`, "links.a.buttonLabel"},

		{"all at once", `{"type":"heartbeat","output":1,"error":"CANARY","approver":"CANARY","response":{"redirect":"CANARY"}}`,
			"links.a.output links.a.error links.a.approver links.a.response.redirect"},
	}
}

// A link may only have fields that its type uses.
func TestLinkMistakes(t *testing.T) {
	n := start(t)
	for _, c := range linkMistakes() {
		t.Run(c.name, func(t *testing.T) {
			n.on(t).refuses(`{"taskToken":"CANARY","links":{"a":`+c.link+`}}`, 400, "invalid-request", c.wrong)
		})
	}
	n.refuses(`{"taskToken":"CANARY","links":{`+entries(33, `"a%d":{"type":"webhook"}`)+`}}`, 400, "invalid-request", "links")
	n.refuses(`{"taskToken":"CANARY","links":{"a`+strings.Repeat("b", 64)+`":{"type":"webhook"}}}`, 400, "invalid-request", "links")
	n.untouched()
}

// Everything that pages show and ask is checked before anything is stored.
func TestApprovalMistakes(t *testing.T) {
	n := start(t)
	property := func(schema string) string { return `"fields":{"type":"object","properties":{"seats":` + schema + `}}` }
	for _, c := range []struct{ name, approval, wrong string }{
		{"title that is a number", `"title":1`, "approval.title"},
		{"message that is a list", `"message":["CANARY"]`, "approval.message"},
		{"label that is a truth value", `"approveLabel":true`, "approval.approveLabel"},
		{"label that is an object", `"rejectLabel":{}`, "approval.rejectLabel"},
		{"comment that is a truth value", `"comment":true`, "approval.comment"},
		{"onReject that is a number", `"onReject":0`, "approval.onReject"},
		{"confirm that is a truth value", `"confirm":true`, "approval.confirm"},
		{"required as a text", `"required":"CANARY"`, "approval.required"},
		{"required as a fraction", `"required":1.5`, "approval.required"},
		{"required beyond numbers", `"required":1e99`, "approval.required"},
		{"rejections as a list", `"rejections":[1]`, "approval.rejections"},

		{"unknown member", `"quorum":2`, "approval.quorum"},
		{"name in other case", `"Title":"CANARY"`, "approval.Title"},
		{"title twice", `"title":"CANARY","title":""`, "approval.title"},

		{"title too long", `"title":"` + long(201) + `"`, "approval.title"},
		{"message too long", `"message":"` + long(5001) + `"`, "approval.message"},
		{"approve label too long", `"approveLabel":"` + long(41) + `"`, "approval.approveLabel"},
		{"reject label too long", `"rejectLabel":"` + long(41) + `"`, "approval.rejectLabel"},
		{"labels that cannot be seen", `"approveLabel":"\u00ad","rejectLabel":" \u3000"`, "approval.approveLabel approval.rejectLabel"},
		{"name of a detail that cannot be seen", `"details":{"\u200b":"CANARY"}`, "approval.details"},
		{"unknown words", `"comment":"CANARY","onReject":"CANARY","confirm":"CANARY"`, "approval.comment approval.onReject approval.confirm"},

		{"details in a list", `"details":["CANARY"]`, "approval.details"},
		{"details that are a text", `"details":"CANARY"`, "approval.details"},
		{"details that are null", `"details":null`, "approval.details"},
		{"detail that is null", `"details":{"a":null}`, "approval.details.a"},
		{"detail that is a list", `"details":{"a":["CANARY"]}`, "approval.details.a"},
		{"detail that is another object", `"details":{"a":{"CANARY":"x"}}`, "approval.details.a"},
		{"detail with one more member", `"details":{"a":{"text":"CANARY","url":"https://example.com/","CANARY":"x"}}`, "approval.details.a"},
		{"detail without a URL", `"details":{"a":{"text":"CANARY"}}`, "approval.details.a"},
		{"detail with a URL alone", `"details":{"a":{"url":"https://example.com/CANARY"}}`, "approval.details.a"},
		{"detail with a blank text", `"details":{"a":{"text":" ","url":"https://example.com/CANARY"}}`, "approval.details.a"},
		{"detail with an invisible text", `"details":{"a":{"text":"\u200b","url":"https://example.com/CANARY"}}`, "approval.details.a.text"},
		{"detail with a text that is a number", `"details":{"a":{"text":1,"url":"https://example.com/CANARY"}}`, "approval.details.a.text"},
		{"detail with two URLs", `"details":{"a":{"text":"x","url":"https://example.com/","url":"https://example.com/CANARY"}}`, "approval.details.a.url"},
		{"detail with a script", `"details":{"a":{"text":"x","url":"javascript:alert('CANARY')"}}`, "approval.details.a.url"},
		{"detail with a URL too long", `"details":{"a":{"text":"x","url":"https://example.com/` + long(2030) + `"}}`, "approval.details.a.url"},
		{"detail twice", `"details":{"a":"CANARY","a":"x"}`, "approval.details.a"},
		{"detail twice, once escaped", `"details":{"a":"CANARY","\u0061":"x"}`, "approval.details.a"},
		{"long name of a detail that is a list", `"details":{"` + long(65) + `":[]}`, "approval.details"},
		{"requester that is an object", `"requestedBy":{"name":"CANARY"}`, "approval.requestedBy"},
		{"requester too long", `"requestedBy":"` + long(201) + `"`, "approval.requestedBy"},
		{"requester that cannot be seen", `"requestedBy":" \u200b"`, "approval.requestedBy"},
		{"forget that is a text", `"forget":"CANARY"`, "approval.forget"},
		{"detail without a name", `"details":{" ":"CANARY"}`, "approval.details"},
		{"name of a detail too long", `"details":{"` + long(65) + `":"x"}`, "approval.details"},
		{"value of a detail too long", `"details":{"a":"` + long(1001) + `"}`, "approval.details.a"},
		{"too many details", `"details":{` + entries(21, `"a%d":"x"`) + `}`, "approval.details"},

		{"fields in a list", `"fields":["CANARY"]`, "approval.fields"},
		{"fields that are null", `"fields":null`, "approval.fields"},
		{"fields of no type", `"fields":{"properties":{"a":{"type":"string"}}}`, "approval.fields.type"},
		{"no fields", `"fields":{"type":"object","properties":{}}`, "approval.fields.properties"},
		{"field twice", `"fields":{"type":"object","type":"CANARY","properties":{}}`, "approval.fields"},
		{"field of no known type", property(`{"type":"CANARY"}`), "approval.fields.properties.seats"},
		{"field that is an object", property(`{"type":"object","properties":{"CANARY":{}}}`), "approval.fields.properties.seats"},
		{"field that is a reference", property(`{"$ref":"https://example.com/CANARY"}`), "approval.fields.properties.seats"},
		{"field with a bad bound", property(`{"type":"integer","minimum":"CANARY"}`), "approval.fields.properties.seats.minimum"},
		{"field with a bad pattern", property(`{"type":"string","pattern":"("}`), "approval.fields"},
		{"field that nobody has", `"fields":{"type":"object","required":["CANARY"],"properties":{"a":{"type":"string"}}}`, "approval.fields.required"},
		{"too many fields", `"fields":{"type":"object","properties":{` + entries(21, `"a%d":{"type":"string"}`) + `}}`, "approval.fields.properties"},
		{"fields too large", property(`{"type":"string","description":"` + strings.Repeat("CANARY", 2731) + `"}`), "approval.fields"},

		{"fewer than nobody", `"required":-1`, "approval.required"},
		{"rejected by fewer than nobody", `"rejections":-1`, "approval.rejections"},
		{"more than there are people", `"required":4`, "approval.required"}, // of four links, two are Dana's
		{"more rejections than people", `"rejections":4`, "approval.rejections"},
		{"a draw", `"required":2,"rejections":3`, "approval.rejections"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.on(t).refuses(`{"taskToken":"CANARY","links":{"dana":{"type":"approval","title":"T","approver":"Dana Okafor"},
				"dana-2":{"type":"approval","title":"T","approver":"dana  OKAFOR"},"lee":{"type":"approval","title":"T","approver":"Lee Brandt"},
				"anyone":{"type":"approval","title":"T"}},"approval":{`+c.approval+`}}`, 400, "invalid-request", c.wrong)
		})
	}
	for _, c := range []struct{ name, body, wrong string }{
		{"no page", `"approval":{"title":"CANARY"}`, "approval"},
		{"no page among the links", `"links":{"a":{"type":"success"},"b":{"type":"webhook"}},"approval":{}`, "approval"},
		{"quorum without approvers", `"links":{"a":{"type":"success","page":true,"title":"T"}},"approval":{"required":2}`, "approval.required"},
		{"approval that is a list", `"links":{"a":{"type":"approval"}},"approval":["CANARY"]`, "approval"},
		{"approval twice", `"links":{"a":{"type":"approval"}},"approval":{"title":"CANARY"},"approval":{}`, "approval"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.on(t).refuses(`{"taskToken":"CANARY",`+c.body+`}`, 400, "invalid-request", c.wrong)
		})
	}
	n.untouched()
}

// untouched checks that nothing of a refused request is stored or logged.
func (n *node) untouched() {
	n.t.Helper()
	if keys := n.redis.Keys(); len(keys) != 1 {
		n.t.Errorf("Redis holds %q", keys)
	}
	if strings.Contains(n.log.String(), "CANARY") {
		n.t.Error("the log quotes a request")
	}
}

// Rows 12, 13 and 29: the output of a success link is forwarded byte for byte,
// and null is an output.
func TestFixedOutputs(t *testing.T) {
	n := start(t)
	for name, output := range map[string]string{
		"big number":      `12345678901234567890123`,
		"beyond floats":   `[1e400, -0.0, 1.10]`,
		"names twice":     `{"a":1,"b":{"a":1,"a":2},"a":3}`,
		"blanks":          `{ "a" : [ 1,	2 ]  }`,
		"signs of HTML":   `"<a href='x'>&amp;</a>"`,
		"half a sign":     `"\ud83d \u003c \/"`,
		"line separators": "\"\u2028\u2029\"",
		"null":            `null`,
		"false":           `false`,
		"no text":         `""`,
	} {
		t.Run(name, func(t *testing.T) {
			n := n.on(t)
			k := n.register("links", `{"done":{"type":"success","output":`+output+`},"other":{"type":"success"}}`)
			for i := range 2 {
				got := n.post(k.path("done"), "image/png", "ignored")
				if got.is(http.StatusOK); strings.Contains(string(got.body), "duplicate") != (i > 0) {
					t.Errorf("answer %d: %s", i, got.body)
				}
			}
			n.post(k.path("other"), "", "").isProblem(http.StatusConflict, "already-answered")
			k.gets(output)
		})
	}
	k := n.register("links", `{"done":{"type":"success"}}`)
	n.post(k.path("done"), "", "").is(http.StatusOK)
	k.gets(`{}`)
}

// Row 72: registered again, a callback has the same links and the same codes. It is a
// conflict if a link does something else, or a page shows something else.
func TestRegisteredAgain(t *testing.T) {
	n := start(t)
	const links = `{"done":{"type":"success","output":{"a":1}},"dana":{"type":"approval","approver":"Dana"}}`
	const approval = `{"title":"Deploy?","details":{"a":"1","b":"2"},"confirm":"code"}`
	k := n.register("links", links, "approval", approval)
	body := func(links, approval string) string {
		return `{"taskToken":` + quoted(k.taskToken) + `,"links":` + links + `,"approval":` + approval + `}`
	}
	again := n.call("POST", "/v1/callbacks", body(links, approval))
	again.is(http.StatusOK)
	var cb api.Callback
	again.decode(&cb)
	if code := k.Links["dana"].Code; len(code) != 6 || cb.Links["dana"].Code != code || cb.Links["done"].Code != "" {
		t.Errorf("the codes are %q and then %q", code, cb.Links["dana"].Code)
	}
	// Writing out the defaults makes no difference.
	n.call("POST", "/v1/callbacks", body(links, strings.Replace(approval, `{`, `{"comment":"optional","onReject":"success","required":1,"rejections":1,`, 1))).is(http.StatusOK)
	for old, changed := range map[string]string{
		`{"a":1}`: `{"a":2}`, `"Dana"`: `"Dan"`, `"Deploy?"`: `"Deploy!"`, `{"a":"1","b":"2"}`: `{"b":"2","a":"1"}`, `"code"`: `"word"`,
		`"approver"`: `"page":true,"approver"`, `{"type":"success",`: `{"type":"success","page":true,"title":"T",`, `"done"`: `"finished"`,
	} {
		got := n.call("POST", "/v1/callbacks", strings.Replace(body(links, approval), old, changed, 1))
		if old == `"approver"` { // it is a page anyway
			got.is(http.StatusOK)
			continue
		}
		got.isProblem(http.StatusConflict, "settings-differ")
	}
	if looked := n.call("GET", "/v1/callbacks/"+k.ID, ""); strings.Contains(string(looked.body), k.Links["dana"].Code) {
		t.Errorf("the code is shown: %s", looked.body)
	}
}

// Details are shown in the order in which they were written.
func TestDetailsKeepTheirOrder(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval"}}`, "approval", `{"title":"Deploy?","details":{"zeta":"1","10":"2","Alpha":"3","9":"4","mid":"5"}}`)
	page := n.do("GET", "http://"+n.public+k.path("dana"), "")
	page.is(http.StatusOK)
	at := 0
	for _, name := range []string{"zeta", "10", "Alpha", "9", "mid"} {
		found := strings.Index(string(page.body)[at:], ">"+name+"<")
		if found < 0 {
			t.Fatalf("%s is not where it should be: %s", name, page.body)
		}
		at += found + 1
	}
}

// A detail may be a text, a number, a boolean, or a link with its own text, and a tag a
// text, a number or a boolean. Numbers keep their digits.
func TestKindsOfDetails(t *testing.T) {
	n := start(t)
	const tags = `{"order":4711,"paid":true,"rate":1.50e3,"name":"x"}`
	k := n.register("tags", tags, "links", `{"dana":{"type":"approval"}}`, "approval",
		`{"title":"Deploy?","details":{"amount":12345678901234567890.50,"insured":true,"late":false,"ticket":{"text":"No. 42","url":"https://example.com/42"}}}`)
	if want := map[string]string{"order": "4711", "paid": "true", "rate": "1.50e3", "name": "x"}; !maps.Equal(k.Tags, want) {
		t.Errorf("tags %v, want %v", k.Tags, want)
	}
	if got := n.call("GET", "/v1/callbacks?tag=order:4711", ""); !strings.Contains(string(got.body), k.ID) {
		t.Errorf("it is not found by its tag: %s", got.body)
	}
	n.call("POST", "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"tags":`+strings.Replace(tags, "4711", `"4711"`, 1)+`,"links":{"dana":{"type":"approval"}},"approval":`+
		`{"title":"Deploy?","details":{"amount":12345678901234567890.50,"insured":true,"late":false,"ticket":{"text":"No. 42","url":"https://example.com/42"}}}}`).is(http.StatusOK)
	for accept, want := range map[string][]string{
		"en": {">12345678901234567890.50<", ">Yes<", ">No<", ">No. 42<"},
		"de": {">12345678901234567890.50<", ">Ja<", ">Nein<", ">No. 42<"},
	} {
		page := n.do("GET", "http://"+n.public+k.path("dana"), "", "Accept-Language", accept)
		page.is(http.StatusOK)
		for _, text := range want {
			if !strings.Contains(string(page.body), text) {
				t.Errorf("%s: no %s in %s", accept, text, page.body)
			}
		}
	}
}

// An invalid update does not change the deadline.
func TestUpdateMistakes(t *testing.T) {
	n := start(t)
	k := n.register("expiresIn", `"1h"`)
	path := "/v1/callbacks/" + k.ID
	for _, c := range []struct{ name, body, code, wrong string }{
		{"nothing", `{}`, "invalid-request", "expiresAt"},
		{"null", `null`, "invalid-request", "expiresAt"},
		{"both", `{"expiresIn":"1h","expiresAt":"2099-01-01T00:00:00Z"}`, "invalid-request", "expiresIn"},
		{"no duration", `{"expiresIn":"CANARY"}`, "invalid-request", "expiresIn"},
		{"duration of nothing", `{"expiresIn":"0s"}`, "invalid-request", "expiresIn"},
		{"too long", `{"expiresIn":"366d"}`, "invalid-request", "expiresIn"},
		{"past", `{"expiresAt":"2001-01-01T00:00:00Z"}`, "invalid-request", "expiresAt"},
		{"at the zero time", `{"expiresAt":"0001-01-01T00:00:00Z"}`, "invalid-request", "expiresAt"},
		{"too far", `{"expiresAt":"2999-01-01T00:00:00Z"}`, "invalid-request", "expiresAt"},
		{"no time", `{"expiresAt":"CANARY"}`, "invalid-request", "expiresAt"},
		{"duration as a number", `{"expiresIn":3600}`, "invalid-request", "expiresIn"},
		{"name in other case", `{"ExpiresIn":"2h"}`, "invalid-request", "ExpiresIn"},
		{"field of a registration", `{"expiresIn":"2h","onExpiry":"ignore"}`, "invalid-request", "onExpiry"},
		{"field twice", `{"expiresIn":"2h","expiresIn":"3h"}`, "invalid-request", "expiresIn"},
		{"array", `["2h"]`, "invalid-request", "body"},
		{"not JSON", `{"expiresIn":"2h"`, "invalid-body", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := n.on(t).call("PATCH", path, c.body)
			if p := got.isProblem(http.StatusBadRequest, c.code); fields(p) != c.wrong || strings.Contains(string(got.body), "CANARY") {
				t.Errorf("complains about %q, want %q: %s", fields(p), c.wrong, got.body)
			}
		})
	}
	p := n.call("PATCH", path, `{}`).isProblem(http.StatusBadRequest, "invalid-request")
	if want := "expiresAt or expiresIn is required."; p.Detail != want {
		t.Errorf("%q, want %q", p.Detail, want)
	}
	deadline := func(got answer) time.Time {
		var cb api.Callback
		got.is(http.StatusOK)
		got.decode(&cb)
		return cb.ExpiresAt
	}
	if at := deadline(n.call("GET", path, "")); !at.Equal(k.ExpiresAt) {
		t.Errorf("the deadline is %v, want %v", at, k.ExpiresAt)
	}
	if at := deadline(n.call("PATCH", path, `{"expiresIn":"2h"}`)); at.Sub(k.ExpiresAt) < 30*time.Minute {
		t.Errorf("the deadline is %v, want an hour after %v", at, k.ExpiresAt)
	}
	p = n.call("DELETE", path+"/links/nobody", "").isProblem(http.StatusNotFound, "not-found")
	if want := "No callback with this id has a link of this name."; p.Detail != want {
		t.Errorf("%q, want %q", p.Detail, want)
	}
}
