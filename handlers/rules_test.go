package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

// Row 103: a rule that fails gets 422, and the link still works.
func TestFailedRules(t *testing.T) {
	n := start(t)
	for name, c := range map[string]struct{ outcome, body string }{
		"a type that does not fit":    {`{"when":"body.n + 1 > 2","do":"succeed"}`, `{"n":"text"}`},
		"too much work":               {`{"when":"body.all(a, body.all(b, body.all(c, a + b + c < 0 || true)))","do":"succeed"}`, `[` + strings.Repeat("1,", 200) + `1]`},
		"a number for no schema":      {`{"schema":{"properties":{"n":{"type":"string"}}},"do":"succeed"}`, `{"secret payload":1e9999}`},
		"too much for a schema":       {`{"schema":{"items":{"minimum":1}},"do":"succeed"}`, `[` + strings.Repeat("1,", 20_000) + `1]`},
		"an output that is not there": {`{"do":"succeed","output":"/nothing"}`, `{"n":"secret payload"}`},
	} {
		k := n.register("links", `{"default":{"type":"webhook","outcomes":[`+c.outcome+`]},"plain":{"type":"webhook"}}`)
		got := k.post("application/json", c.body)
		got.isProblem(http.StatusUnprocessableEntity, "rule-failed")
		if strings.Contains(string(got.body), "secret payload") {
			t.Errorf("%s: the answer has the payload", name)
		}
		if got := k.got(); len(got) != 0 {
			t.Errorf("%s: the task got %q", name, got)
		}
		n.post(k.path("plain"), "application/json", `{"n":1}`).tells("delivered", false)
	}
}

// A body that is no JSON although it says so, or is too deep or too odd, gets the same 400 as at a plain
// link, with the offset, whatever the outcomes are. The link still works.
func TestBodiesThatAreNoJSON(t *testing.T) {
	n := start(t)
	for _, outcome := range []string{`{"do":"succeed"}`, `{"when":"body.n == 1","do":"succeed"}`, `{"do":"succeed","output":"/n"}`, `{"do":"ignore"}`} {
		k := n.register("links", `{"default":{"type":"webhook","outcomes":[`+outcome+`],"otherwise":"succeed"},"plain":{"type":"webhook"}}`)
		for _, body := range []string{`{"n":1`, `{"n":1}}`, "{\"n\":\"\xff\"}", strings.Repeat("[", 600) + strings.Repeat("]", 600)} {
			guarded, plain := k.post("application/json", body), n.post(k.path("plain"), "application/json", body)
			got, want := guarded.isProblem(http.StatusBadRequest, "invalid-body"), plain.isProblem(http.StatusBadRequest, "invalid-body")
			if got.Detail != want.Detail {
				t.Errorf("%.20q with %s: %q, and at a plain link %q", body, outcome, got.Detail, want.Detail)
			}
		}
		k.post("application/json", `{"n":1}`).is(http.StatusOK)
	}
}

// An outcome with a schema takes only the bodies that match it. A registration that formats the
// schema in another way is the same one.
func TestSchema(t *testing.T) {
	n := start(t)
	const outcome = `{"when":"body.kind == 'invoice'","schema":{"required":["paid"],"properties":{"paid":{"const":true}}},"do":"succeed","output":"/n"}`
	k := n.register("links", `{"default":{"type":"webhook","outcomes":[`+outcome+`]}}`)
	for _, body := range []string{`{"kind":"invoice","n":1}`, `{"kind":"invoice","paid":false,"n":2}`, `{"kind":"order","paid":true,"n":3}`} {
		k.post("application/json", body).tells("ignored", false)
	}
	n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"links":{"default":{"type":"webhook","outcomes":[`+
		strings.ReplaceAll(outcome, ":", ": ")+`]}}}`).is(http.StatusOK)
	k.post("application/json", `{"kind":"invoice","paid":true,"n":12345678901234567890123}`).tells("delivered", false)
	k.gets(`12345678901234567890123`)
}

// A link with outcomes takes bodies that are too long to be an output, and cuts the output
// from them. A plain link does not.
func TestLongBodies(t *testing.T) {
	n := start(t)
	long := `{"rest":"` + strings.Repeat("x", 900_000) + `","n":12345678901234567890123}`
	for _, post := range []func(path, contentType, body string, headers ...string) answer{n.post, n.postInChunks} {
		k := n.register("links", `{"default":{"type":"webhook","outcomes":[{"do":"succeed","output":"/n"}]},"plain":{"type":"webhook"}}`)
		post(k.path("plain"), "application/json", long).isProblem(http.StatusRequestEntityTooLarge, "too-large")
		post(k.path("default"), "application/json", strings.Repeat(" ", 200_000)+long).isProblem(http.StatusRequestEntityTooLarge, "too-large")
		post(k.path("default"), "application/json", long).tells("delivered", false)
		k.gets(`12345678901234567890123`)
	}
	k := n.register("links", `{"default":{"type":"webhook","outcomes":[{"do":"succeed"}]}}`)
	k.post("application/json", long).isProblem(http.StatusRequestEntityTooLarge, "too-large")
	k.post("application/json", `{"n":1}`).tells("delivered", false)
}

// An envelope holds what came with the body.
func TestEnvelope(t *testing.T) {
	n := start(t, at(paymentTime))
	k := n.register("links", `{"default":{"type":"webhook","envelope":{"headers":["X-Kind"]}}}`)
	n.post(k.path("default")+"?a=1&a=2", "application/json; charset=utf-8", `{"n":12345678901234567890123}`, "X-Kind", "paid").tells("delivered", false)
	k.gets(`{"body":{"n":12345678901234567890123},"contentType":"application/json; charset=utf-8","headers":{"x-kind":"paid"},` +
		`"query":"a=1&a=2","receivedAt":"2023-11-14T22:13:20Z"}`)
}

// An envelope never has what proves the sender: everybody who may read the execution would see it.
func TestEnvelopeHasNoSecret(t *testing.T) {
	n := start(t)
	const secret = "sixteen characters"
	for sender, headers := range map[string]string{
		`{"preset":"header-secret","secret":"` + secret + `"}`:                               "X-Callback-Secret",
		`{"preset":"header-secret","header":"x-mine","secret":"` + secret + `"}`:             "x-mine",
		`{"preset":"gitlab","secret":"` + secret + `"}`:                                      "X-Gitlab-Token",
		`{"proof":{"algorithm":"shared-secret","header":"x-own"},"secret":"` + secret + `"}`: "X-Own",
		`{"preset":"cloudevents","secret":"` + secret + `"}`:                                 "Authorization",
	} {
		got := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":"t","links":{"a":{"type":"webhook","sender":`+sender+
			`,"outcomes":[{"do":"succeed"}],"envelope":{"headers":["`+headers+`"]}}}}`)
		if p := got.isProblem(http.StatusBadRequest, "invalid-request"); len(p.Errors) != 1 || p.Errors[0].Field != "links.a.envelope.headers" {
			t.Errorf("%s: %s", sender, got.body)
		}
	}
	k := n.register("links", `{"default":{"type":"webhook","sender":{"preset":"cloudevents","secret":"`+secret+`"},"outcomes":[{"do":"succeed"}],"envelope":{}}}`)
	n.post(k.path("default")+"?a=1&%61ccess_token="+strings.ReplaceAll(secret, " ", "+")+"&b=2", "application/json", `{"n":1}`).tells("delivered", false)
	if got := k.got(); len(got) != 1 || strings.Contains(got[0], "sixteen") || !strings.Contains(got[0], `"query":"a=1&b=2"`) {
		t.Errorf("the task got %q", got)
	}
}

// Every mistake in a guard is told, with where it is.
func TestMistakesInGuards(t *testing.T) {
	n := start(t)
	for link, fields := range map[string][]string{
		`{"type":"success","outcomes":[{"do":"succeed"}]}`:                                                                           {"links.a.type"},
		`{"type":"webhook","sender":{"preset":"github"}}`:                                                                            {"links.a.sender.secret"},
		`{"type":"webhook","sender":{"preset":"githug","secret":"s"}}`:                                                               {"links.a.sender.preset"},
		`{"type":"webhook","sender":{"preset":"github","secret":"a long enough one"}}`:                                               {"links.a.outcomes"},
		`{"type":"webhook","sender":{"presset":"github"}}`:                                                                           {"links.a.sender.presset"},
		`{"type":"webhook","sender":{"preset":"github","secret":"a long enough one","user":"x"},"otherwise":"succeed"}`:              {"links.a.sender.user"},
		`{"type":"webhook","sender":"github"}`:                                                                                       {"links.a.sender"},
		`{"type":"webhook","sender":{"preset":"githug","secret":"s"},"outcomes":[{"when":"body.a ==","do":"explode"}]}`:              {"links.a.sender.preset", "links.a.outcomes[0].when", "links.a.outcomes[0].do"},
		`{"type":"webhook","sender":17}`:                                                                                             {"links.a.sender"},
		`{"type":"webhook","outcomes":[{"when":"body.a ==","do":"succeed"}]}`:                                                        {"links.a.outcomes[0].when"},
		`{"type":"webhook","outcomes":[{"when":"true","do":"explode"},{"do":"ignore","error":"E"}]}`:                                 {"links.a.outcomes[0].do", "links.a.outcomes[1].error"},
		`{"type":"webhook","outcomes":[{"do":"succeed","output":"a"}]}`:                                                              {"links.a.outcomes[0].output"},
		`{"type":"webhook","outcomes":[{"schema":{"type":"x"},"do":"succeed"}]}`:                                                     {"links.a.outcomes[0].schema"},
		`{"type":"webhook","outcomes":[{"schema":"x","do":"succeed"}]}`:                                                              {"links.a.outcomes[0].schema"},
		`{"type":"webhook","vars":{"a-b":1},"outcomes":[{"do":"succeed"}]}`:                                                          {"links.a.vars"},
		`{"type":"webhook","otherwise":"ignore"}`:                                                                                    {"links.a.outcomes"},
		`{"type":"webhook","outcomes":[{"when":"true","do":"ignore"},{"do":"ignore"}]}`:                                              {"links.a.outcomes"},
		`{"type":"webhook","vars":{"a":1}}`:                                                                                          {"links.a.vars"},
		`{"type":"webhook","outcomes":[{"do":"succeed"},{"when":"true","do":"fail","error":"E"}]}`:                                   {"links.a.outcomes[1]"},
		`{"type":"webhook","sender":{"preset":"github","secret":"a long enough one"},"otherwise":"ignore"}`:                          {"links.a.outcomes"},
		`{"type":"webhook","sender":{"preset":"github","secret":"a long enough one","event":{"id":"body.["}},"otherwise":"succeed"}`: {"links.a.sender.event.id"},
		`{"type":"webhook","otherwise":"fail"}`:                                                                                      {"links.a.otherwise"},
		`{"type":"webhook","envelope":{"headers":["authorization"]}}`:                                                                {"links.a.envelope.headers"},
	} {
		got := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":"t","links":{"a":`+link+`}}`)
		p := got.isProblem(http.StatusBadRequest, "invalid-request")
		var have []string
		for _, e := range p.Errors {
			have = append(have, e.Field)
		}
		if strings.Join(have, " ") != strings.Join(fields, " ") {
			t.Errorf("%s: mistakes in %v, want %v: %s", link, have, fields, got.body)
		}
	}
}
