package main

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/browser"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// The buttons of the pages.
const (
	approveButton = `button[value="approved"]`
	rejectButton  = `button[value="rejected"]`
	confirmButton = `button[value="confirmed"]`
	retryButton   = `form button.main`
)

// linkOrigin is the origin of the tests' links.
const linkOrigin = "https://relay.example.com"

// desk is a world with a browser.
type desk struct {
	*world
	browser *browser.Browser
	process *redistest.Server
	login   *signedIn // the proxy in front of the replicas; nil for none
}

// durable makes a Redis keep everything that it acknowledged, even when killed.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// newDesk starts replicas on a redis-server with further arguments, and a
// browser for them. If either is missing, the test is skipped; in CI it fails.
func newDesk(t *testing.T, replicas int, args ...string) *desk {
	t.Helper()
	if !browser.Available(t) || !redistest.Available(t) {
		t.SkipNow()
	}
	s := redistest.Start(t, args...)
	w := newWorld(t, redisServer{store.ModeStandalone, s.URL, s.Kill}, replicas)
	return &desk{world: w, browser: browser.Start(t), process: s}
}

// run runs a subtest in the same world.
func (d *desk) run(name string, part func(d *desk)) {
	d.Helper()
	d.Run(name, func(t *testing.T) {
		w, same := *d.world, *d
		w.T, same.world = t, &w
		part(&same)
	})
}

// ask registers a task whose links are pages for Dana, for Lee, and for anybody.
func (w *world) ask(change ...func(*api.CreateRequest)) task {
	w.Helper()
	return w.register(slices.Concat([]func(*api.CreateRequest){forPeople}, change)...)
}

// forPeople gives a callback pages.
func forPeople(r *api.CreateRequest) {
	r.Links = map[string]api.LinkRequest{
		"dana": {Type: api.LinkApproval, Approver: api.Approver{Name: "Dana Okafor"}},
		"lee":  {Type: api.LinkApproval, Approver: api.Approver{Name: "Lee Brandt"}},
		"open": {Type: api.LinkApproval},
	}
	r.Approval = &api.Approval{Title: "Deploy 4.2.0 to production?"}
}

// with changes the approval of a registration.
func with(change func(*api.Approval)) func(*api.CreateRequest) {
	return func(r *api.CreateRequest) { change(r.Approval) }
}

// adding adds a link.
func adding(name string, link api.LinkRequest) func(*api.CreateRequest) {
	return func(r *api.CreateRequest) { r.Links[name] = link }
}

// at is the address of a link at a replica, by its number.
func (w *world) at(replica int, t task, link string) string {
	w.Helper()
	path, found := strings.CutPrefix(t.Links[link].URL, linkOrigin)
	if !found {
		w.Fatalf("no link %q: %+v", link, t.Links)
	}
	return "http://" + w.replicas[replica].ports.public.Addr().String() + path
}

// tab opens a new tab; by default a desktop's.
func (d *desk) tab(look ...browser.Look) *browser.Tab {
	d.Helper()
	return d.browser.Tab(d.T, slices.Concat(look, []browser.Look{{}})[0])
}

// open opens a link's page at the first replica in a new tab.
func (d *desk) open(t task, link string, look ...browser.Look) *browser.Tab {
	d.Helper()
	tab := d.tab(look...)
	d.visit(tab, t, link)
	return tab
}

// visit is open in an existing tab.
func (d *desk) visit(tab *browser.Tab, t task, link string) {
	d.Helper()
	d.wantStatus(tab.Open(d.at(0, t, link)), http.StatusOK)
}

func (d *desk) wantStatus(got, want int) {
	d.Helper()
	if got != want {
		d.Errorf("status %d, want %d", got, want)
	}
}

// wantText checks that the page says all of this.
func (d *desk) wantText(tab *browser.Tab, texts ...string) {
	d.Helper()
	page := tab.Text("body")
	for _, text := range texts {
		if !strings.Contains(page, text) {
			d.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

// wantHeading checks the page's heading.
func (d *desk) wantHeading(tab *browser.Tab, heading string) {
	d.Helper()
	if got := tab.Text("h1"); got != heading {
		d.Errorf("heading %q, want %q:\n%s", got, heading, tab.Text("body"))
	}
}

// wantQuiet checks that a page loaded nothing but itself, stores nothing, and caused
// no errors in the browser.
func (d *desk) wantQuiet(tab *browser.Tab) {
	d.Helper()
	if problems := tab.Problems(); len(problems) > 0 {
		d.Errorf("the browser complains: %q", problems)
	}
	if n := tab.Cookies(); n > 0 {
		d.Errorf("%d cookies", n)
	}
	for _, request := range tab.Requests() {
		if _, target, _ := strings.Cut(request, " "); !strings.Contains(target, "/base/a/") {
			d.Errorf("asked for %s", request)
		}
	}
}

// decision is one decision in the workflow's output.
type decision struct {
	rejected        bool
	choice          string // another answer than these two; "" for none
	link, name      string
	typed           bool
	verified        string // as JSON; "" for nobody
	comment, fields string // as JSON; the comment without its quotes
}

var (
	byDana = decision{link: "dana", name: "Dana Okafor"}
	byLee  = decision{link: "lee", name: "Lee Brandt"}
)

// json is the text of a decision, without its braces and the time in it.
func (d decision) json() string {
	word := cmp.Or(d.choice, api.DecisionApproved)
	if d.rejected {
		word = api.DecisionRejected
	}
	return `"decision":"` + word + `","by":{"link":"` + d.link + `","approver":"` + d.name + `","typed":` + strconv.FormatBool(d.typed) +
		`,"verified":` + cmp.Or(d.verified, "null") + `},"comment":"` + d.comment + `","fields":` + cmp.Or(d.fields, "{}") + `,"decidedAt":"…"`
}

var decidedAt = regexp.MustCompile(`"decidedAt":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ"`)

// wantDecision checks that the workflow got one decision, once.
func (w *world) wantDecision(t task, d decision) {
	w.Helper()
	w.wantOutputLike(t, "{"+d.json()+`,"callbackId":"`+t.ID+`"}`)
}

// wantDecisions checks that the workflow got the decisions of several people, once:
// the last one at the top, and all of them in a list.
func (w *world) wantDecisions(t task, decisions ...decision) {
	w.Helper()
	var all []string
	for _, d := range decisions {
		all = append(all, "{"+d.json()+"}")
	}
	last := decisions[len(decisions)-1]
	w.wantOutputLike(t, "{"+last.json()+`,"callbackId":"`+t.ID+`","decisions":[`+strings.Join(all, ",")+"]}")
}

// wantOutputLike is wantOutput, ignoring the times of decisions.
func (w *world) wantOutputLike(t task, want string) {
	w.Helper()
	got := w.effects(t)
	if len(got) != 1 || got[0].Action != standin.SendTaskSuccess {
		w.Errorf("step functions took %.300q, want one success", got)
		return
	}
	if output := decidedAt.ReplaceAllString(string(got[0].Output), `"decidedAt":"…"`); output != want {
		w.Errorf("the workflow got\n%s, want\n%s", output, want)
	}
}

// wantFailure checks that a task failed, once.
func (w *world) wantFailure(t task, name, cause string) {
	w.Helper()
	got := w.effects(t)
	if len(got) != 1 || got[0].Action != standin.SendTaskFailure || got[0].Error != name || got[0].Cause != cause {
		w.Errorf("step functions took %.300q, want the failure %s, %q", got, name, cause)
	}
}

// browse sends a request as a browser would, for cases that a browser cannot be made
// to produce. header are pairs.
func (w *world) browse(method, target string, form url.Values, header ...string) answer {
	w.Helper()
	got, err := w.tryBrowse(method, target, form, header...)
	w.must(err)
	return got
}

// tryBrowse is browse outside the test's own goroutine.
func (w *world) tryBrowse(method, target string, form url.Values, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(w.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	response, err := w.http.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}, err
}

// form is the form of a link's page at the first replica, filled in to approve,
// as a program reads it.
func (w *world) form(t task, link string) url.Values {
	w.Helper()
	got := w.browse(http.MethodGet, w.at(0, t, link), nil)
	found := nonceOf.FindStringSubmatch(got.body)
	if found == nil {
		w.Fatalf("the page has no nonce: %s", got.body)
	}
	return url.Values{"nonce": {found[1]}, "decision": {api.DecisionApproved}, "comment": {""}}
}

// rejecting makes a form reject.
func rejecting(form url.Values) url.Values {
	form.Set("decision", api.DecisionRejected)
	return form
}

// winter is a future day without daylight saving time in the north.
var winter = func() time.Time {
	now := time.Now()
	day := time.Date(now.Year(), time.January, 15, 12, 0, 0, 0, time.UTC)
	if day.Before(now.Add(time.Hour)) {
		day = day.AddDate(1, 0, 0)
	}
	return day
}()

// raw is JSON as it is registered.
func raw(text string) json.RawMessage { return json.RawMessage(text) }
