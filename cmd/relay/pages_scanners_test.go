package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/browser"
	"callback-relay/relay"
)

// everyLink are links of every kind, by the names of the kinds, and an approval
// without an approver.
func everyLink(r *api.CreateRequest) {
	r.Links = map[string]api.LinkRequest{"open": {Type: api.LinkApproval}}
	for _, kind := range slices.Concat(relay.MachineLinks, relay.PageLinks) {
		link := api.LinkRequest{Type: string(kind.Type), Page: kind.Page && kind.Type != relay.LinkApproval}
		switch kind.Type {
		case relay.LinkApproval:
			link.Approver.Name = "Dana Okafor"
		case relay.LinkFailure:
			link.Error = "Kiln.Cold"
		}
		r.Links[kind.String()] = link
	}
	r.Approval = &api.Approval{
		Title:   "Deploy 4.2.0 to production?",
		Message: "See [the changes](https://example.com/changes) and https://example.com/tests.",
		Details: raw(`{"Changes":"https://example.com/4.2.0"}`),
	}
	withChoices(r.Approval)
}

// everyDecision is what the buttons of pages send, of all kinds.
var everyDecision = []string{api.DecisionApproved, api.DecisionRejected, "confirmed", "ask-finance", "not-for-me"}

// pageOf reports whether a link leads to a page.
func pageOf(link api.Link) bool { return strings.Contains(link.URL, "/a/") }

// scan makes a request to a link of a task, by the link's name. More headers are pairs.
type scan func(d *desk, t task, link string, more ...string) answer

func scanning(method, query string, header ...string) scan {
	return func(d *desk, t task, link string, more ...string) answer {
		return d.browse(method, d.at(d.turn%2, t, link)+query, nil, slices.Concat(header, more)...)
	}
}

var look = scanning(http.MethodGet, "")

// scans are what scanners do, by how one would describe it.
var scans = map[string][]scan{
	"HEAD, then GET":               {scanning(http.MethodHead, ""), look},
	"GET twice, from two places":   {look, look},
	"a link preview":               {scanning(http.MethodGet, "", "User-Agent", "Slackbot-LinkExpanding 1.0", "Range", "bytes=0-32768")},
	"a browser that fetches ahead": {scanning(http.MethodGet, "", "Sec-Purpose", "prefetch;prerender", "Purpose", "prefetch")},
	"parameters": {
		scanning(http.MethodGet, "?decision=approved&nonce=x&_method=POST", "X-HTTP-Method-Override", "POST"),
		scanning(http.MethodHead, "?decision=approved"),
		scanning(http.MethodGet, "?decision=not-for-me&note=x"),
	},
}

// TestScanners does what mail gateways and chat programs do, before and after
// they deliver: they open every link in a message (row 4). None of them decides
// anything: the ledger of Step Functions stays empty. A machine's link is meant for
// posts, so everything else is tried there.
func TestScanners(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	task := d.register(everyLink)
	if want := len(relay.MachineLinks) + len(relay.PageLinks) + 1; len(task.Links) != want {
		t.Fatalf("%d links, want one of each of %d kinds, and one without a name", len(task.Links), want)
	}
	for name, scans := range scans {
		d.run(name, func(d *desk) {
			for link := range task.Links {
				for _, scan := range scans {
					want := http.StatusMethodNotAllowed
					if pageOf(task.Links[link]) {
						want = http.StatusOK
					}
					d.turn++
					d.wantStatus(scan(d, task, link).status, want)
				}
			}
			d.wantUntouched(task)
		})
	}
	d.run("other methods", func(d *desk) {
		for link := range task.Links {
			for _, method := range []string{http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch, "PROPFIND"} {
				got := scanning(method, "", "Content-Type", "application/json")(d, task, link)
				d.wantStatus(got.status, http.StatusMethodNotAllowed)
			}
		}
		d.wantUntouched(task)
	})
	d.run("a browser that waits and follows", func(d *desk) { followsAll(d, d.tab(), task) })
	d.run("a form sent blindly", func(d *desk) { postsBlindly(d, task) })
	d.run("an old form", func(d *desk) { replaysOld(d, task) })
}

// followsAll opens links in a browser with scripts, lets a minute of the page's own
// time pass, and follows every link on the page.
func followsAll(d *desk, tab *browser.Tab, task task) {
	for link := range task.Links {
		tab.Open(d.at(0, task, link))
		tab.Linger()
		var found []string
		tab.Eval(`[...document.querySelectorAll("[href], [src], form")].map(e => e.href || e.src || e.action)`, &found)
		if pageOf(task.Links[link]) && len(found) < 4 {
			d.Errorf("%s: found no more than %q", link, found)
		}
		for _, to := range found {
			// Other hosts do not exist here; only requests to the relay count.
			if strings.HasPrefix(to, "http://127.0.0.1") {
				to, _, _ = strings.Cut(to, "#") // a place on a page is no page to load
				tab.Open(to)
			}
		}
	}
	if sent := slices.DeleteFunc(tab.Requests(), func(r string) bool { return strings.HasPrefix(r, "GET ") }); len(sent) > 0 {
		d.Errorf("sent %q", sent)
	}
	d.wantUntouched(task)
}

// postsBlindly sends plausible posts to pages without opening them.
func postsBlindly(d *desk, task task) {
	for link, l := range task.Links {
		if !pageOf(l) {
			continue
		}
		target := d.at(0, task, link)
		for _, form := range []url.Values{{}, {"decision": {"approved"}}, {"decision": {"ask-finance"}}, {"decision": {"not-for-me"}}, {"decision": {"confirmed"}, "nonce": {""}}} {
			d.wantStatus(d.browse(http.MethodPost, target, form).status, http.StatusBadRequest)
		}
		for _, kind := range []string{"", "application/json", "text/plain"} {
			got := d.browse(http.MethodPost, target, nil, "Content-Type", kind)
			if got.status < 400 || got.status >= 500 {
				d.Errorf("%s, %q: %d", link, kind, got.status)
			}
		}
	}
	d.wantUntouched(task)
}

// replaysOld sends forms of pages that were opened too long ago.
func replaysOld(d *desk, task task) {
	for link, l := range task.Links {
		if !pageOf(l) {
			continue
		}
		old := url.Values{"nonce": {d.nonce(task, link, relay.NonceLife)}, "approver": {"Kim"}}
		for _, decision := range everyDecision {
			old.Set("decision", decision)
			d.wantStatus(d.browse(http.MethodPost, d.at(1, task, link), old).status, http.StatusBadRequest)
		}
	}
	d.wantUntouched(task)
}

// wantUntouched checks that nothing was sent to the task, and nothing is recorded.
func (d *desk) wantUntouched(task task) {
	d.Helper()
	if effects, beats := d.steps.Effects(), d.steps.Heartbeats(); len(effects)+len(beats) > 0 {
		d.Errorf("step functions took %v and heartbeats %v", effects, beats)
	}
	if cb := d.get(task); cb.State != api.StatePending || len(cb.Decisions)+len(cb.Declined) > 0 {
		d.Errorf("the callback is %s, with decisions %v, declined %v", cb.State, cb.Decisions, cb.Declined)
	}
}

// TestScannersSignedIn scans a page that only decides for people who are signed in: outside,
// where the proxy lets everything through, and in the browser of somebody who may decide.
func TestScannersSignedIn(t *testing.T) {
	t.Parallel()
	d, s := newDesk(t, 0), newSignedIn(t)
	s.behind(d.world)
	task := d.register(everyLink, forSomebody)
	dana := s.token("s-dana", "dana@example.com")
	for _, as := range []struct {
		header         []string
		looks, answers int // statuses
	}{
		{nil, http.StatusForbidden, http.StatusForbidden},
		{[]string{"X-Who", dana}, http.StatusOK, http.StatusBadRequest},
	} {
		for _, scans := range scans {
			for _, scan := range scans {
				d.turn++
				d.wantStatus(scan(d, task, "dana", as.header...).status, as.looks)
			}
		}
		for _, nonce := range []string{"", "x", d.nonce(task, "dana", relay.NonceLife)} {
			for _, decision := range everyDecision {
				form := url.Values{"nonce": {nonce}, "decision": {decision}}
				d.wantStatus(d.browse(http.MethodPost, d.at(0, task, "dana"), form, as.header...).status, as.answers)
			}
		}
	}
	tab := d.tab()
	tab.Header("X-Who", dana)
	followsAll(d, tab, task)
	if !tab.Has(financeButton) {
		d.Error("the page that was scanned has no buttons")
	}
}

// TestBotThatPresses opens the page, finds its buttons and presses them. That
// is what a person does: it decides. docs/approvals.md says so, and confirm is
// what stops it.
func TestBotThatPresses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	for how, stopped := range map[string]bool{"": false, api.ConfirmWord: true, api.ConfirmCode: true} {
		for _, button := range []string{approveButton, rejectButton} {
			d.run(how+" "+button, func(d *desk) {
				task := d.ask(with(func(a *api.Approval) { a.Confirm = how }))
				tab := d.open(task, "dana")
				if !stopped {
					d.wantStatus(tab.Click(button), http.StatusOK)
					d.untilState(task, api.StateDelivered)
					return
				}
				// The page itself prevents the post, and the relay refuses a program
				// that ignores the page.
				tab.Poke(approveButton)
				tab.Eval(`document.forms[0].noValidate = true`, nil)
				d.wantStatus(tab.Click(button), http.StatusBadRequest)
				d.wantPosts(tab, 1)
				d.wantNothing(task)
				if cb := d.get(task); cb.State != api.StatePending || len(cb.Decisions) > 0 {
					d.Errorf("callback %+v", cb)
				}
			})
		}
	}
}
