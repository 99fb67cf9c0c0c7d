package main

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/browser"
)

var screenshots = flag.String("screenshots", "", "folder into which TestPagesAreAccessible writes a picture of every page")

// looks are the ways to show each page. The first two cover both colour schemes and
// both widths; the others are for pictures.
var looks = []struct {
	name string
	browser.Look
}{
	{"desktop-light", browser.Look{}},
	{"phone-dark", browser.Look{Phone: true, Dark: true}},
	{"desktop-dark", browser.Look{Dark: true}},
	{"phone-light", browser.Look{Phone: true}},
}

// pageBytes is the size limit of a page, with everything in it.
const pageBytes = 30 << 10

// TestPagesAreAccessible shows every page, in light and dark, on a desktop and on a
// phone. Neither axe-core nor the browser finds a mistake, and the page is small and
// not wider than the screen.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0, durable...)
	d.login = newSignedIn(t)
	// The second answers before it delivers.
	d.replicas = []*replica{d.start(d.login.configured()), d.start(d.login.configured(), hasty)}
	for _, s := range pageStates {
		d.run(s.name, func(d *desk) {
			tab := d.tab()
			d.wantStatus(s.show(d, tab), s.status)
			d.wantHeading(tab, s.heading)
			for i, look := range looks {
				if i < 2 || *screenshots != "" {
					tab.Dress(look.Look)
					d.inspect(tab, s.name+"-"+look.name)
				}
			}
			if problems := tab.Problems(); len(problems) > 0 {
				d.Errorf("the browser complains: %q", problems)
			}
		})
	}
	if *screenshots != "" {
		t.Logf("pictures of %d pages are in %s", len(pageStates), *screenshots)
	}
}

// inspect looks at the page that a tab shows, and takes a picture if asked to.
func (d *desk) inspect(tab *browser.Tab, name string) {
	d.Helper()
	for _, violation := range tab.Violations() {
		d.Errorf("%s: %s", name, violation)
	}
	d.wantFits(tab)
	var size int
	tab.Eval(`new Blob([document.documentElement.outerHTML]).size`, &size)
	if size > pageBytes || size < 1000 {
		d.Errorf("%s: %d bytes, at most %d are allowed", name, size, pageBytes)
	}
	if focused := tab.Focused(); strings.HasPrefix(focused, "button") {
		d.Errorf("%s: %s has the focus", name, focused)
	}
	if *screenshots != "" {
		d.must(os.MkdirAll(*screenshots, 0o755))
		d.must(os.WriteFile(filepath.Join(*screenshots, name+".png"), tab.Screenshot(), 0o644))
	}
}

// show brings a tab to a page, and returns its status.
type show func(d *desk, tab *browser.Tab) (status int)

// after changes a task before one of its links is opened.
func after(happens func(*desk, task), link string, change ...func(*api.CreateRequest)) show {
	return func(d *desk, tab *browser.Tab) int {
		task := d.ask(change...)
		happens(d, task)
		return tab.Open(d.at(0, task, link))
	}
}

func opened(link string, change ...func(*api.CreateRequest)) show {
	return after(func(*desk, task) {}, link, change...)
}

// pressed opens a link, changes something, and presses a button.
func pressed(button string, meanwhile func(*desk, task, *browser.Tab), link string, change ...func(*api.CreateRequest)) show {
	return func(d *desk, tab *browser.Tab) int {
		task := d.ask(change...)
		d.visit(tab, task, link)
		meanwhile(d, task, tab)
		return tab.Click(button)
	}
}

func atOnce(*desk, task, *browser.Tab) {}

// decidedBy decides through a link.
func decidedBy(link, decision string) func(*desk, task) {
	return func(d *desk, t task) {
		d.Helper()
		form := d.form(t, link)
		form.Set("decision", decision)
		form.Set("approver", "Kim Sato")
		d.wantStatus(d.browse(http.MethodPost, d.at(0, t, link), form).status, http.StatusOK)
	}
}

// fromElsewhere sends a form without inputs to a link, from another site's page.
func fromElsewhere(link string, change ...func(*api.CreateRequest)) show {
	return func(d *desk, tab *browser.Tab) int {
		tab.Open(`data:text/html,<form method="post" action="` + d.at(0, d.ask(change...), link) + `"><button>Win a prize</button></form>`)
		return tab.Click("button")
	}
}

// fullApproval uses every feature of an approval.
func fullApproval(r *api.CreateRequest) {
	r.Approval = &api.Approval{
		Title: "Pay the invoice of Northwind Traders?",
		Message: "The amount is **over the limit** of the team.\n\n1. The goods arrived on Monday.\n2. The [delivery note](https://example.com/note) is signed.\n\n" +
			"> Two line items differ from the order.",
		Details:      raw(`{"Supplier":"Northwind Traders","Invoice":"https://example.com/invoices/2026-1187","Amount":"€ 18,250.00"}`),
		ApproveLabel: "Pay", RejectLabel: "Send back", Comment: api.CommentRequiredOnReject,
		Fields: raw(`{"type":"object","required":["account","paid"],"properties":{
			"account":{"title":"Account","enum":["Operations","Projects"]},
			"amount":{"title":"Amount","type":"number","minimum":0,"maximum":18250},
			"paid":{"title":"Paid on","type":"string","format":"date"},
			"reason":{"title":"Reason","type":"string","maxLength":1000,"description":"For the auditors."},
			"checked":{"title":"I compared it with the order","type":"boolean"}}}`),
	}
}

// button adds a page with one button, under the name of its type.
func button(link api.LinkRequest) func(*api.CreateRequest) {
	link.Page = true
	return adding(link.Type, link)
}
