package handlers_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

const formMedia = "application/x-www-form-urlencoded"

// open reads a link's page as a browser does, and returns it and its nonce.
func (k task) open(link string) (page, nonce string) {
	k.n.t.Helper()
	got := k.n.do(http.MethodGet, "http://"+k.n.public+k.path(link), "", "Accept", "text/html")
	got.is(http.StatusOK)
	found := formNonce.FindStringSubmatch(string(got.body))
	if found == nil {
		k.n.t.Fatalf("the page has no nonce: %s", got.body)
	}
	return string(got.body), found[1]
}

// submit posts the form of a link's page.
func (k task) submit(link string, form url.Values) answer {
	k.n.t.Helper()
	return k.n.post(k.path(link), formMedia, form.Encode(), "Accept", "text/html")
}

// decisionButton finds the buttons of a page: class, value and label.
var decisionButton = regexp.MustCompile(`<button type="?submit"?(?: class="?(\w+)"?)? name="?decision"? value="?(\w+)"?[^>]*>([^<]*)<`)

// wordShown finds the word that a page asks people to type.
var wordShown = regexp.MustCompile(`<code>([a-z]+)</code>`)

// A correctly typed word stays valid while another mistake is corrected. If the page is
// too old, it asks for a new word.
func TestWordIsKept(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"}}`, "approval", `{"title":"Deploy?","confirm":"word","comment":"required"}`)
	page, nonce := k.open("dana")
	word := wordShown.FindStringSubmatch(page)[1]
	form := url.Values{"nonce": {nonce}, "decision": {"approved"}, "confirm": {word}}
	got := k.submit("dana", form)
	if got.is(http.StatusBadRequest); !strings.Contains(string(got.body), nonce) || !strings.Contains(string(got.body), `value="`+word+`"`) {
		t.Errorf("the word or its nonce is gone: %s", got.body)
	}
	form.Set("nonce", "old")
	got = k.submit("dana", form)
	if got.is(http.StatusBadRequest); strings.Contains(string(got.body), `value="`+word+`"`) {
		t.Errorf("another word is shown, with the old one typed: %s", got.body)
	}
	form.Set("nonce", nonce)
	form.Set("comment", "Fine.")
	k.submit("dana", form).is(http.StatusOK)
	if got := k.got(); len(got) != 1 {
		t.Errorf("Step Functions got %q", got)
	}
}

// A button says what it does. An approval's labels are for approving: a button that fails
// the task has its own label, the default or its link's.
func TestLabelsOfPages(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval"},"yes":{"type":"success","page":true},`+
		`"no":{"type":"failure","error":"E","page":true},"beat":{"type":"heartbeat","page":true},`+
		`"yes-own":{"type":"success","page":true,"title":"Imported?","message":"**All** rows","buttonLabel":"It is in"},`+
		`"no-own":{"type":"failure","error":"E","page":true,"title":"Import of March","message":"Did it work?","buttonLabel":"It broke"},`+
		`"beat-own":{"type":"heartbeat","page":true,"title":"Import of March","buttonLabel":"I am on it"},`+
		`"lee":{"type":"approval","title":"Deploy it now?","message":"Lee, *you* know why."}}`,
		"approval", `{"title":"Deploy 4.2.0?","message":"The approval's","approveLabel":"DEPLOY","rejectLabel":"LATER"}`)
	for link, want := range map[string]struct {
		title, message string
		buttons        []string
	}{
		"dana":     {"Deploy 4.2.0?", "The approval’s", []string{"main approved DEPLOY", " rejected LATER"}},
		"lee":      {"Deploy it now?", "Lee, <em>you</em> know why.", []string{"main approved DEPLOY", " rejected LATER"}},
		"yes":      {"Deploy 4.2.0?", "The approval’s", []string{"main confirmed DEPLOY"}},
		"yes-own":  {"Imported?", "<strong>All</strong> rows", []string{"main confirmed It is in"}},
		"no":       {"Deploy 4.2.0?", "The approval’s", []string{"danger confirmed Report a failure"}},
		"no-own":   {"Import of March", "Did it work?", []string{"danger confirmed It broke"}},
		"beat":     {"Deploy 4.2.0?", "The approval’s", []string{"main confirmed Still in progress"}},
		"beat-own": {"Import of March", "The approval’s", []string{"main confirmed I am on it"}},
	} {
		page, _ := k.open(link)
		page, _, _ = strings.Cut(page, `<details class="out">`) // its button decides nothing
		var got []string
		for _, button := range decisionButton.FindAllStringSubmatch(page, -1) {
			got = append(got, button[1]+" "+button[2]+" "+strings.TrimSpace(button[3]))
		}
		if !slices.Equal(got, want.buttons) || !strings.Contains(page, ">"+want.title+"</h1>") || !strings.Contains(strings.ReplaceAll(page, "&#39;", "’"), want.message) {
			t.Errorf("%s: buttons %q, want %q, %q and %q: %s", link, got, want.buttons, want.title, want.message, page)
		}
	}

	// The page keeps its own title and message at the end, and does not show a failure as a success.
	_, nonce := k.open("no-own")
	got := k.submit("no-own", url.Values{"nonce": {nonce}, "decision": {"confirmed"}})
	if got.is(http.StatusOK); !strings.Contains(string(got.body), "You reported this as failed") ||
		!strings.Contains(string(got.body), `<main class="no">`) || !strings.Contains(string(got.body), "Import of March") {
		t.Errorf("reported: %s", got.body)
	}
	again := n.do(http.MethodGet, "http://"+n.public+k.path("no-own"), "", "Accept", "text/html")
	if !strings.Contains(string(again.body), "Import of March") || !strings.Contains(string(again.body), "Did it work?") {
		t.Errorf("afterwards: %s", again.body)
	}
}

// A failure link for machines does not look like a success in a browser either.
func TestFailureToldInHTML(t *testing.T) {
	n := start(t)
	for range 2 {
		k := n.register("links", `{"failed":{"type":"failure","error":"E","response":{"text":"The partner has been told."}}}`)
		got := n.do(http.MethodPost, "http://"+n.public+k.path("failed"), "", "Accept", "text/html")
		if got.is(http.StatusOK); !strings.Contains(string(got.body), "The partner has been told.") ||
			!strings.Contains(string(got.body), "failed") || strings.Contains(string(got.body), `<main class="ok">`) || strings.Contains(string(got.body), "Thank you") {
			t.Errorf("told %s", got.body)
		}
		n.aws.SetFault(standin.Fault{Kind: standin.Throttle}) // the second is still on its way
	}
}

// The previous release allowed pages without a title. Its callbacks are still shown, and
// registering them again still finds them, but no new ones can be registered.
func TestUntitledPages(t *testing.T) {
	n := start(t)
	page := func(of relay.LinkType) relay.LinkKind { return relay.LinkKind{Type: of, Page: true} }
	token := n.aws.NewTask(standin.TaskOptions{})
	_, _, err := n.store.Create(t.Context(), relay.Prepare(n.keys, relay.Registration{
		TaskToken: relay.TaskToken(token), Expires: relay.Expires{In: 24 * time.Hour, Default: true}, OnExpiry: relay.OnExpiryFail,
		Links: map[string]relay.LinkRequest{
			"dana": {LinkKind: page(relay.LinkApproval)}, "no": {LinkKind: page(relay.LinkFailure), Error: "E"},
		},
		Approval: &relay.Approval{Comment: relay.CommentOptional, OnReject: relay.OutcomeSuccess, Required: 1, Rejections: 1},
	}, 365*24*time.Hour))
	must(t, err)
	const links = `"links":{"dana":{"type":"approval"},"no":{"type":"failure","error":"E","page":true}}`
	again := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":`+quoted(token)+`,`+links+`}`)
	again.is(http.StatusOK)
	k := task{n: n, taskToken: token}
	again.decode(&k.Callback)
	for link, want := range map[string]string{"dana": "Your decision is needed", "no": "Has this failed?"} {
		if page, _ := k.open(link); !strings.Contains(page, want+"</h1>") {
			t.Errorf("%s: %s", link, page)
		}
	}
	if _, nonce := k.open("no"); nonce != "" {
		k.submit("no", url.Values{"nonce": {nonce}, "decision": {"confirmed"}}).is(http.StatusOK)
	}
	p := n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":"another",`+links+`}`).isProblem(http.StatusBadRequest, "invalid-request")
	if fields(p) != "links.dana.title links.no.title" || !strings.Contains(p.Detail, "Deploy 4.2.0 to production?") {
		t.Errorf("complains about %q: %s", fields(p), p.Detail)
	}
}

// The longest form that a registration permits is accepted, however it is escaped. A
// longer one gets an error and decides nothing.
func TestLongForms(t *testing.T) {
	n := start(t)
	const approval = `{"title":"Deploy?","fields":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"},` +
		`"d":{"type":"string"},"e":{"type":"string"},"f":{"type":"string"},"g":{"type":"string"}}}}`
	long := func(text, names string) url.Values {
		form := url.Values{"decision": {"approved"}, "comment": {strings.Repeat(text, 2000)}}
		for _, name := range names {
			form.Set("field."+string(name), strings.Repeat(text, 10_000))
		}
		return form
	}
	for name, c := range map[string]struct {
		form   url.Values
		status int
		says   string
	}{
		"two bytes each":       {long("ä", "abcdef"), http.StatusOK, "You approved this"},
		"four bytes each":      {long("😀", "abc"), http.StatusOK, "You approved this"},
		"escaped in JSON":      {long(`"`, "abcdef"), http.StatusOK, "You approved this"},
		"more than the output": {long("😀", "abcd"), http.StatusBadRequest, "This is too long."},
		"more than is read":    {long("😀", "abcdefg"), http.StatusRequestEntityTooLarge, "This is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			k := n.on(t).register("links", `{"dana":{"type":"approval","approver":"Dana"}}`, "approval", approval)
			_, nonce := k.open("dana")
			c.form.Set("nonce", nonce)
			got := k.submit("dana", c.form)
			if got.is(c.status); !strings.Contains(string(got.body), c.says) {
				t.Errorf("the page does not say %q: %.3000s", c.says, got.body)
			}
			if decided := len(k.got()) == 1; decided != (c.status == http.StatusOK) {
				t.Errorf("decided: %v", decided)
			}
		})
	}
}

// If a post was not read, only the browser still has it: the page says how to send it
// again, and offers no link that would lose it.
func TestTroubleBeforeTheForm(t *testing.T) {
	n := start(t, func(s *setup) { s.pageBytes = 32 << 10 })
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana","title":"Deploy?"}}`)
	_, nonce := k.open("dana")
	got := k.submit("dana", url.Values{"nonce": {nonce}, "decision": {"approved"}, "comment": {strings.Repeat("x", 33_000)}})
	if got.is(http.StatusServiceUnavailable); !strings.Contains(string(got.body), "reload this page") || strings.Contains(string(got.body), `href=""`) {
		t.Errorf("the page says %s", got.body)
	}
}

// A client that blocks one link does not block other links of the same callback.
func TestCrowdOfOneLink(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"},"lee":{"type":"approval","approver":"Lee"}}`, "approval", `{"title":"Deploy?"}`)
	for range 8 {
		n.open(k.path("dana"), "", formType, "Content-Length: 100", "Expect: 100-continue").continues()
	}
	n.do(http.MethodGet, "http://"+n.public+k.path("dana"), "").isProblem(http.StatusServiceUnavailable, "overloaded")
	k.open("lee")
}

// Every link for machines can answer with an additional text: as JSON, as a page or as
// plain text; the first time, when repeated, and at the end.
func TestResponses(t *testing.T) {
	n := start(t)
	for kind, links := range map[string]string{
		"webhook":   `{"a":{"type":"webhook","response":{"text":"Thanks & bye"}}}`,
		"success":   `{"a":{"type":"success","response":{"text":"Thanks & bye"}}}`,
		"failure":   `{"a":{"type":"failure","error":"E","response":{"text":"Thanks & bye"}}}`,
		"heartbeat": `{"a":{"type":"heartbeat","response":{"text":"Thanks & bye"}}}`,
	} {
		t.Run(kind, func(t *testing.T) {
			k := n.on(t).register("links", links)
			for accept, want := range map[string]string{
				"application/json": `"text":"Thanks \u0026 bye"`, "*/*": `"text":"Thanks \u0026 bye"`,
				"text/html": `Thanks &amp; bye</p>`, "text/plain": "Thanks & bye\n",
			} {
				got := k.n.post(k.path("a"), "application/json", `{}`, "Accept", accept)
				if got.is(http.StatusOK); !strings.Contains(string(got.body), want) {
					t.Errorf("%s: %s", accept, got.body)
				}
			}
		})
	}
}

// The final state deletes what the links do, like the task token. The remaining data
// still recognises the registration, repeats the answer, and says what was decided. With
// forget, the page keeps only its title.
func TestContentGoesWithTheFinalState(t *testing.T) {
	n := start(t)
	const links = `{"done":{"type":"success","output":{"a": 1},"response":{"text":"Thanks."}},"dana":{"type":"approval","approver":"Dana"}}`
	for name, c := range map[string]struct {
		forget string
		end    func(k task)
	}{
		"delivered":                {"", func(k task) { k.n.post(k.path("done"), "", "").is(http.StatusOK) }},
		"cancelled":                {"", func(k task) { k.n.call(http.MethodDelete, "/v1/callbacks/"+k.ID, "").is(http.StatusOK) }},
		"delivered, and forgotten": {`,"forget":true`, func(k task) { k.n.post(k.path("done"), "", "").is(http.StatusOK) }},
		"cancelled, and forgotten": {`,"forget":true`, func(k task) { k.n.call(http.MethodDelete, "/v1/callbacks/"+k.ID, "").is(http.StatusOK) }},
	} {
		t.Run(name, func(t *testing.T) {
			n := n.on(t)
			approval := `{"title":"Deploy 4.2.0?","message":"All tests passed.","details":{"Service":"billing"}` + c.forget + `}`
			k := n.register("links", links, "approval", approval)
			kept := func(field string) bool {
				for _, key := range n.redis.Keys() {
					if strings.HasSuffix(key, ":cb:"+k.ID) {
						return n.redis.HGet(key, field) != ""
					}
				}
				return false
			}
			if !kept("content") || !kept("taskToken") {
				t.Fatal("nothing is kept while it waits")
			}
			c.end(k)
			if kept("content") || kept("taskToken") || !kept("summary") || kept("remains") != (c.forget == "") {
				t.Errorf("content: %v, task token: %v, summary: %v, remains: %v", kept("content"), kept("taskToken"), kept("summary"), kept("remains"))
			}
			page := string(n.do(http.MethodGet, "http://"+n.public+k.path("dana"), "", "Accept", "text/html").body)
			if !strings.Contains(page, "Deploy 4.2.0?") || strings.Contains(page, "All tests passed") != (c.forget == "") ||
				strings.Contains(page, "billing") != (c.forget == "") {
				t.Errorf("the page says %s", page)
			}
			again := `{"taskToken":` + quoted(k.taskToken) + `,"links":` + links + `,"approval":` + approval + `}`
			if strings.HasPrefix(name, "cancelled") {
				n.call(http.MethodPost, "/v1/callbacks", again).isProblem(http.StatusConflict, "already-cancelled")
				n.post(k.path("done"), "", "").isProblem(http.StatusGone, "cancelled")
				return
			}
			n.call(http.MethodPost, "/v1/callbacks", strings.Replace(again, `{"a": 1}`, `{"a":1}`, 1)).is(http.StatusOK)
			n.call(http.MethodPost, "/v1/callbacks", strings.Replace(again, `{"a": 1}`, `{"a":2}`, 1)).isProblem(http.StatusConflict, "settings-differ")
			var repeated api.AnswerResponse
			got := n.post(k.path("done"), "", "")
			got.is(http.StatusOK)
			if got.decode(&repeated); !repeated.Duplicate || repeated.Text != "Thanks." {
				t.Errorf("repeated: %+v", repeated)
			}
		})
	}
}

// A page tells an unreadable request from a fault on our side, which reloading may fix.
func TestUnreadableForms(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"default":{"type":"webhook"},"yes":{"type":"success","page":true,"title":"Done?"}}`)
	for name, c := range map[string][2]string{
		"bytes that are no UTF-8": {formContent, "decision=confirmed&x=%E9"},
		"JSON":                    {"application/json", `{"decision":"confirmed"}`},
		"too many fields":         {formContent, strings.Repeat("a=1&", 1500)},
	} {
		got := n.do(http.MethodPost, "http://"+n.public+k.path("yes"), c[1], "Content-Type", c[0], "Accept", "text/html")
		if got.status != http.StatusBadRequest && got.status != http.StatusUnsupportedMediaType && got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: got %d", name, got.status)
		}
		if strings.Contains(string(got.body), "Something went wrong") {
			t.Errorf("%s: called our trouble", name)
		}
	}
	k.unharmed()
}

// The page of a heartbeat link shows the text of its response only after it was used.
func TestHeartbeatPageResponds(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"beat":{"type":"heartbeat","page":true,"title":"T","response":{"text":"Good to know","redirect":"https://example.com/next"}}}`)
	page, nonce := k.open("beat")
	if strings.Contains(page, "Good to know") {
		t.Error("the page says it before it was used")
	}
	got := k.submit("beat", url.Values{"nonce": {nonce}, "decision": {"confirmed"}})
	if got.is(http.StatusOK); !strings.Contains(string(got.body), "Good to know") || !strings.Contains(string(got.body), "https://example.com/next") {
		t.Errorf("the page shows no response: %s", got.body)
	}
}
