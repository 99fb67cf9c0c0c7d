package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/browser"
	"callback-relay/stepfunctions/standin"
)

// people is a world with a browser in it: two relays that share a Redis, and
// tabs of people who decide.
type people struct {
	*world
	browser *browser.Browser
}

// withPeople starts a world of two replicas, or skips where there is no
// browser.
func withPeople(t *testing.T) people {
	t.Helper()
	if !browser.Available(t) {
		t.Skip("no chromium")
	}
	return people{newWorld(t, startStandalone(t), 2), browser.Start(t)}
}

// on returns the same people for a subtest.
func (p people) on(t *testing.T) people {
	under := *p.world
	under.T = t
	return people{&under, p.browser}
}

// person is somebody's approval link.
func person(name string) api.LinkRequest {
	return api.LinkRequest{Type: api.LinkApproval, Approver: name}
}

// ask registers a task that Dana, or Lee, or whoever else is given, decides.
func (p people) ask(a api.Approval, more ...map[string]api.LinkRequest) task {
	p.Helper()
	links := map[string]api.LinkRequest{"dana": person("Dana Okafor"), "lee": person("Lee Wong")}
	for _, these := range more {
		links = these
	}
	if a.Title == "" {
		a.Title = "Deploy 4.2.0 to production?"
	}
	return p.register(func(r *api.CreateRequest) { r.Links, r.Approval = links, &a })
}

// address is where a link is served by one of the replicas.
func (p people) address(t task, link string, replica int) string {
	return "http://" + p.replicas[replica].ports.public.Addr().String() + path(t.Links[link].URL)
}

// open opens a link's page in a new tab.
func (p people) open(t task, link string, look ...browser.Look) *browser.Tab {
	p.Helper()
	return p.openAt(0, t, link, look...)
}

func (p people) openAt(replica int, t task, link string, look ...browser.Look) *browser.Tab {
	p.Helper()
	var of browser.Look
	for _, l := range look {
		of = l
	}
	tab := p.browser.Tab(p.T, of)
	if status := tab.Open(p.address(t, link, replica)); status != http.StatusOK {
		p.Fatalf("the page of %s: %d", link, status)
	}
	return tab
}

// The buttons of an approval.
const (
	approve = `button[value="approved"]`
	reject  = `button[value="rejected"]`
	confirm = `button[value="confirmed"]`
	heading = "h1"
)

// wantPage checks the status and what the page says.
func (p people) wantPage(tab *browser.Tab, status, want int, says ...string) {
	p.Helper()
	text := tab.Text("body")
	if status != want {
		p.Errorf("status %d, want %d:\n%s", status, want, text)
	}
	for _, part := range says {
		if !strings.Contains(text, part) {
			p.Errorf("the page does not say %q:\n%s", part, text)
		}
	}
}

// decided is what the workflow gets, but for the time.
type decided struct {
	Decision string `json:"decision"`
	By       struct {
		Link     string `json:"link"`
		Approver string `json:"approver"`
		Typed    bool   `json:"typed"`
	} `json:"by"`
	Comment    string          `json:"comment"`
	Fields     json.RawMessage `json:"fields"`
	DecidedAt  string          `json:"decidedAt,omitempty"`
	CallbackID string          `json:"callbackId,omitempty"`
	Decisions  []decided       `json:"decisions,omitempty"`
}

var anInstant = regexp.MustCompile(`"decidedAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)

// wantDecision checks that a task succeeded, once, with exactly this output,
// where every time is written as TIME and the callback's id as ID.
func (p people) wantDecision(t task, want string) {
	p.Helper()
	effects := p.effects(t)
	if len(effects) != 1 || effects[0].Action != standin.SendTaskSuccess {
		p.Fatalf("step functions took %v, want one success", effects)
	}
	got := anInstant.ReplaceAllString(string(effects[0].Output), `"decidedAt":"TIME"`)
	if diff := cmp.Diff(want, strings.ReplaceAll(got, t.ID, "ID")); diff != "" {
		p.Errorf("output (-want +got):\n%s", diff)
	}
}

// nonce returns the nonce of a link's page, and the page.
func (p people) nonce(t task, link string) (nonce, page string) {
	p.Helper()
	got := p.request(t.Links[link].URL, http.MethodGet, "")
	found := nonceOf.FindStringSubmatch(got.body)
	if found == nil {
		p.Fatalf("no nonce: %d %.500s", got.status, got.body)
	}
	return found[1], got.body
}

// submit posts a form as a browser does.
func (p people) submit(t task, link string, values url.Values, header ...string) answer {
	p.Helper()
	return p.request(t.Links[link].URL, http.MethodPost, values.Encode(), append([]string{
		"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html",
	}, header...)...)
}
