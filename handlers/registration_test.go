package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestRegistrationMistakes(t *testing.T) {
	n := start(t)
	const task = `"taskToken":"CANARY"`
	for _, c := range []struct {
		name, body, code string
		status           int
		fields           string
	}{
		{"all at once", `{"expiresIn":"tomorrow","onExpiry":"explode","tags":{"a b":"1"},"links":{"X":{"type":"webhook"},"ok":{"type":"fax"}}}`,
			"invalid-request", 400, "taskToken expiresIn onExpiry tags links links.ok.type"},
		{"both expiries", `{` + task + `,"expiresIn":"1h","expiresAt":"2099-01-01T00:00:00Z"}`, "invalid-request", 400, "expiresIn"},
		{"no duration", `{` + task + `,"expiresIn":"1 CANARY"}`, "invalid-request", 400, "expiresIn"},
		{"duration of nothing", `{` + task + `,"expiresIn":"0s"}`, "invalid-request", 400, "expiresIn"},
		{"negative duration", `{` + task + `,"expiresIn":"-1h"}`, "invalid-request", 400, "expiresIn"},
		{"too long", `{` + task + `,"expiresIn":"366d"}`, "invalid-request", 400, "expiresIn"},
		{"no time", `{` + task + `,"expiresAt":"CANARY"}`, "invalid-request", 400, "expiresAt"},
		{"time as a number", `{` + task + `,"expiresAt":4070908800}`, "invalid-request", 400, "expiresAt"},
		{"past", `{` + task + `,"expiresAt":"2001-01-01T00:00:00Z"}`, "invalid-request", 400, "expiresAt"},
		{"at the zero time", `{` + task + `,"expiresAt":"0001-01-01T00:00:00Z"}`, "invalid-request", 400, "expiresAt"},
		{"name in other case", `{"TASKTOKEN":"CANARY"}`, "invalid-request", 400, "TASKTOKEN"},
		{"name of a link's field in other case", `{` + task + `,"links":{"a":{"Type":"webhook"}}}`, "invalid-request", 400, "links.a.Type"},
		{"field twice", `{` + task + `,` + task + `}`, "invalid-request", 400, "taskToken"},
		{"field twice, once escaped", `{` + task + `,"task\u0054oken":"t"}`, "invalid-request", 400, "taskToken"},
		{"field of a link twice", `{` + task + `,"links":{"a":{"type":"webhook","type":"heartbeat"}}}`, "invalid-request", 400, "links.a.type"},
		{"tag twice", `{` + task + `,"tags":{"a":"1","b":"2","a":"3"}}`, "invalid-request", 400, "tags.a"},
		{"link twice", `{` + task + `,"links":{"a":{"type":"webhook"},"a":{"type":"webhook"}}}`, "invalid-request", 400, "links.a"},
		{"object for a time", `{` + task + `,"expiresAt":{"wall":1}}`, "invalid-request", 400, "expiresAt"},
		{"deep where a text should be", `{"taskToken":{"a":[{"b":[]}]}}`, "invalid-request", 400, "taskToken"},
		{"unknown field", `{` + task + `,"expiresin2":"CANARY"}`, "invalid-request", 400, "expiresin2"},
		{"unknown field of a link", `{` + task + `,"links":{"a":{"type":"webhook","secret":"CANARY"}}}`, "invalid-request", 400, "links.a.secret"},
		{"task token of the wrong type", `{"taskToken":["CANARY"]}`, "invalid-request", 400, "taskToken"},
		{"tag of the wrong type", `{` + task + `,"tags":{"n":{"CANARY":1}}}`, "invalid-request", 400, "tags.n"},
		{"array", `["CANARY"]`, "invalid-request", 400, "body"},
		{"null", `null`, "invalid-request", 400, "taskToken"},
		{"task token too long", `{"taskToken":"` + strings.Repeat("CANARY", 400) + `"}`, "invalid-request", 400, "taskToken"},
		{"not JSON", `{"taskToken":"CANARY"`, "invalid-body", 400, ""},
		{"two values", `{` + task + `}{}`, "invalid-body", 400, ""},
		{"not UTF-8", "{\"taskToken\":\"CANARY\xff\"}", "invalid-body", 400, ""},
		{"empty", ``, "invalid-body", 400, ""},
		{"too large", `{"taskToken":"` + strings.Repeat("CANARY", 90_000) + `"}`, "too-large", 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.on(t).refuses(c.body, c.status, c.code, c.fields)
		})
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		n.do("POST", "http://"+n.private+"/v1/callbacks", `{"taskToken":"t"}`, "Content-Type", contentType,
			"Authorization", "Bearer "+apiKey).isProblem(415, "unsupported-media-type")
	}
	if strings.Contains(n.log.String(), "CANARY") {
		t.Error("the log quotes a request")
	}
	if keys := n.redis.Keys(); len(keys) != 1 {
		t.Errorf("Redis holds %q", keys)
	}
	for _, want := range []string{"registration rejected invalid-request", "registration rejected invalid-body", "registration rejected too-large"} {
		if !n.metrics.told(want) {
			t.Errorf("the metrics were not told of %q", want)
		}
	}
}

// refuses sends an invalid registration, and checks which fields the answer reports.
func (n *node) refuses(body string, status int, code, wrong string) {
	n.t.Helper()
	got := n.call("POST", "/v1/callbacks", body)
	if p := got.isProblem(status, code); fields(p) != wrong {
		n.t.Errorf("complains about %q, want %q", fields(p), wrong)
	}
	if strings.Contains(string(got.body), "CANARY") {
		n.t.Errorf("the answer quotes the request: %s", got.body)
	}
}

// The answer says what a field must be.
func TestRegistrationTypes(t *testing.T) {
	n := start(t)
	for body, want := range map[string]string{
		`[]`:                             "body must be an object.",
		`{"taskToken":1}`:                "taskToken must be a string.",
		`{"tags":{"n":[1]}}`:             "tags.n must be a text, a number, true or false.",
		`{"tags":{"a b":{"n":1}}}`:       "tags must be an object of texts, numbers or booleans.",
		`{"tags":"n"}`:                   "tags must be an object of texts, numbers or booleans.",
		`{"links":["a"]}`:                `links must be an object of objects such as {"type":"webhook"}.`,
		`{"links":{"a":"webhook"}}`:      `links.a must be an object such as {"type":"webhook"}.`,
		`{"links":{"a":{"type":1}}}`:     "links.a.type must be a string.",
		`{"links":{"a":{"page":1}}}`:     "links.a.page must be true or false.",
		`{"links":{"a":{"response":1}}}`: "links.a.response must be an object.",
		`{"links":{"a b":{"type":1}}}`:   "links.[left out].type must be a string.", // what is no name may be a secret
		`{"links":{"a":{"outcomes":1}}}`: "links.a.outcomes must be a list.",
		`{"links":{"a":{"outcomes":[{"when":"true"},{"when":true}]}}}`: "links.a.outcomes[1].when must be a string.",
		`{"links":{"a":{"vars":[1]}}}`:                                 "links.a.vars must be an object.",
		`{"links":{"a":{"envelope":{"headers":["a",1]}}}}`:             "links.a.envelope.headers[1] must be a string.",
		`{"awaits":{"paid":"stripe"}}`:                                 `awaits.paid must be an object such as {"sender":"stripe","key":"pi_3N"}.`,
		`{"awaits":{"paid":{"sender":{"preset":"stripe"}}}}`:           "awaits.paid.sender must be the name of a sender that has a hook in the relay's configuration file.",
		`{"awaits":{"paid":{"sender":"a","sender":"b"}}}`:              "awaits.paid.sender is given more than once.",
		`{"awaits":{"paid":{"outcomes":[{"do":1}]}}}`:                  "awaits.paid.outcomes[0].do must be a string.",
		`{"awaits":{"paid":{},"paid":{}}}`:                             "awaits.paid is given more than once.",
		`{"approval":"a"}`:                                             "approval must be an object.",
		`{"approval":{"title":1}}`:                                     "approval.title must be a string.",
		`{"approval":{"required":"2"}}`:                                "approval.required must be a whole number.",
		`{"approval":{"required":1.5}}`:                                "approval.required must be a whole number.",
		`{"approval":{"details":["a"]}}`:                               `approval.details must be an object such as {"Service": "billing"}.`,
		`{"approval":{"details":{"Build":null}}}`:                      `approval.details.Build must be a text, a number, true or false, or an object such as {"text": "Ticket 42", "url": "https://example.com/42"}.`,
		`{"expiresAt":1}`:                                              "expiresAt must be an RFC 3339 time such as 2030-01-31T12:00:00Z.",
		`{"tags":{"a":"1","a":"2"}}`:                                   "tags.a is given more than once.",
		`{"expiresIn":"1","expiresIn":1}`:                              "expiresIn is given more than once.",
		`{"expiresin":"1h"}`:                                           "expiresin is not a known field; did you mean expiresIn?",
		`{"await":{}}`:                                                 "await is not a known field; did you mean awaits?",
		`{"link":{}}`:                                                  "link is not a known field; did you mean links?",
		`{"canary":1}`:                                                 "canary is not a known field.",
		`{"links":{"a":{"key":"k"}}}`:                                  "links.a.key belongs in awaits: a link has no key.",
		`{"links":{"a":{"outcome":[]}}}`:                               "links.a.outcome is not a known field; did you mean outcomes?",
		`{"links":{"a":{"aprover":"a"}}}`:                              "links.a.aprover is not a known field; did you mean approver?",
		`{"awaits":{"paid":{"outcome":1}}}`:                            "awaits.paid.outcome is not a known field; did you mean outcomes?",
		`{"awaits":{"paid":{"keys":["k"]}}}`:                           "awaits.paid.keys is not a known field; did you mean key?",
		`{"awaits":{"paid":{"type":"a"}}}`:                             "awaits.paid.type belongs in links: an await has no type.",
		`{"awaits":{"paid":{"url":"u"}}}`:                              "awaits.paid.url is not a known field.",
		`{"awaits":{"paid":{"outcomes":[{"whem":"a"}]}}}`:              "awaits.paid.outcomes[0].whem is not a known field; did you mean when?",
		`{"taskToken":"t","links":{"a":{"type":"webhook","sender":{"preset":"githug","secret":"s"}}}}`: `links.a.sender.preset "githug" is unknown; did you mean github?`,
		`{"links":{"a":{"type":"webhook","sender":{"presets":"github"}}}}`:                             "links.a.sender.presets is not a known field; did you mean preset?",
	} {
		if p := n.call("POST", "/v1/callbacks", body).isProblem(400, "invalid-request"); p.Detail != want {
			t.Errorf("%s: %q, want %q", body, p.Detail, want)
		}
	}
}

// The longest registration without outputs and texts fits, even with the longest escapes.
func TestLongestRegistration(t *testing.T) {
	n := start(t)
	emoji := `\ud83d\ude00`
	var tags, links []string
	for i := range 16 {
		id := string(rune('a' + i))
		tags = append(tags, `"`+strings.Repeat(id, 64)+`":"`+strings.Repeat(emoji, 256)+`"`)
		links = append(links, `"`+strings.Repeat(id, 64)+`":{"type":"heartbeat"}`,
			`"`+strings.Repeat(id, 63)+`":{"type":"approval","approver":"`+strings.Repeat(emoji, 100)+`"}`)
	}
	got := n.call("POST", "/v1/callbacks", `{"taskToken":"`+strings.Repeat(`\u0041`, 2048)+
		`","tags":{`+strings.Join(tags, ",")+`},"links":{`+strings.Join(links, ",")+`},"approval":{"title":"`+strings.Repeat(emoji, 200)+`"}}`)
	got.is(http.StatusCreated)
}

// The largest output fits too, together with the longest texts of a page.
func TestLargestRegistration(t *testing.T) {
	n := start(t)
	long := func(n int) string { return strings.Repeat("😀", n) }
	var details, inputs []string
	for i := range 20 {
		details = append(details, fmt.Sprintf(`"%s%02d":%q`, long(62), i, long(1000)))
	}
	for i := range 15 {
		inputs = append(inputs, fmt.Sprintf(`"a%d":{"type":"string","description":%q}`, i, strings.Repeat("x", 1000)))
	}
	output := `"` + strings.Repeat("x", 262_142) + `"`
	k := n.register("links", `{"done":{"type":"success","output":`+output+`},"failed":{"type":"failure","error":"`+long(256)+`"},
		"dana":{"type":"approval","approver":"`+long(100)+`","response":{"text":"`+long(1000)+`"}}}`,
		"approval", `{"title":"`+long(200)+`","message":"`+long(5000)+`","approveLabel":"`+long(40)+`","rejectLabel":"n`+long(39)+`",
		"details":{`+strings.Join(details, ",")+`},
		"fields":{"type":"object","properties":{`+strings.Join(inputs, ",")+`}}}`)
	n.post(k.path("done"), "application/json", "").is(http.StatusOK)
	k.gets(output)
}
