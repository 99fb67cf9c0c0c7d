package handlers_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"callback-relay/api"
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

// wordShown finds the word that a page asks to be typed.
var wordShown = regexp.MustCompile(`<code>([a-z]+)</code>`)

// A word that was typed right stays right while something else is mended, and
// one whose page is too old is asked for anew.
func TestWordIsKept(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"}}`, "approval", `{"confirm":"word","comment":"required"}`)
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

// A button says what it does: an approval's labels are for approving.
func TestLabelsOfPages(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval"},"yes":{"type":"success","page":true},`+
		`"no":{"type":"failure","error":"E","page":true},"beat":{"type":"heartbeat","page":true}}`,
		"approval", `{"title":"Deploy 4.2.0?","approveLabel":"DEPLOY","rejectLabel":"LATER"}`)
	for link, want := range map[string][2]bool{"dana": {true, true}, "yes": {true, false}, "no": {false, true}, "beat": {false, false}} {
		page, _ := k.open(link)
		if got := [2]bool{strings.Contains(page, ">DEPLOY<"), strings.Contains(page, ">LATER<")}; got != want {
			t.Errorf("%s: approve and reject labels %v, want %v", link, got, want)
		}
	}
}

// The longest form that a registration permits is taken, however it is escaped;
// a longer one is told so, and decides nothing.
func TestLongForms(t *testing.T) {
	n := start(t)
	const approval = `{"fields":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"},` +
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
		"more than the output": {long("😀", "abcd"), http.StatusBadRequest, "Please shorten this."},
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

// What was posted and not read is known to the browser alone: the page says how
// to send it once more, and offers no link that would lose it.
func TestTroubleBeforeTheForm(t *testing.T) {
	n := start(t, func(s *setup) { s.pageBytes = 32 << 10 })
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"}}`)
	_, nonce := k.open("dana")
	got := k.submit("dana", url.Values{"nonce": {nonce}, "decision": {"approved"}, "comment": {strings.Repeat("x", 33_000)}})
	if got.is(http.StatusServiceUnavailable); !strings.Contains(string(got.body), "reload this page") || strings.Contains(string(got.body), `href=""`) {
		t.Errorf("the page says %s", got.body)
	}
}

// Whoever holds up one link does not hold up the others of its callback.
func TestCrowdOfOneLink(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"},"lee":{"type":"approval","approver":"Lee"}}`)
	for range 8 {
		n.open(k.path("dana"), "", formType, "Content-Length: 100", "Expect: 100-continue").continues()
	}
	n.do(http.MethodGet, "http://"+n.public+k.path("dana"), "").isProblem(http.StatusServiceUnavailable, "overloaded")
	k.open("lee")
}

// Every link that machines call can say something besides: as JSON, as a page
// or as text, the first time, repeated, and when all is over.
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

// What a registration gave its links to say and to show goes with the final
// state, as the task token does. What stays still recognises the registration,
// repeats what is told, and knows what was decided.
func TestContentGoesWithTheFinalState(t *testing.T) {
	n := start(t)
	const links = `{"done":{"type":"success","output":{"a": 1},"response":{"text":"Thanks."}},"dana":{"type":"approval","approver":"Dana"}}`
	const approval = `{"title":"Deploy 4.2.0?","message":"All tests passed."}`
	for name, end := range map[string]func(k task){
		"delivered": func(k task) { k.n.post(k.path("done"), "", "").is(http.StatusOK) },
		"cancelled": func(k task) { k.n.call(http.MethodDelete, "/v1/callbacks/"+k.ID, "").is(http.StatusOK) },
	} {
		t.Run(name, func(t *testing.T) {
			n := n.on(t)
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
			end(k)
			if kept("content") || kept("taskToken") || !kept("summary") {
				t.Errorf("content: %v, task token: %v, summary: %v", kept("content"), kept("taskToken"), kept("summary"))
			}
			page := n.do(http.MethodGet, "http://"+n.public+k.path("dana"), "", "Accept", "text/html")
			if !strings.Contains(string(page.body), "Deploy 4.2.0?") || strings.Contains(string(page.body), "All tests passed") {
				t.Errorf("the page says %s", page.body)
			}
			again := `{"taskToken":` + quoted(k.taskToken) + `,"links":` + links + `,"approval":` + approval + `}`
			if name != "delivered" {
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
