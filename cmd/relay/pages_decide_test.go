package main

import (
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/browser"
)

// TestPageDecides makes decisions in a real browser.
func TestPageDecides(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	d.run("approve", approvesOnPage)
	d.run("reject", rejectsOnPage)
	d.run("rejection fails the task", rejectionFails)
	d.run("comment", commentIsAsked)
	d.run("typed name", nameIsTyped)
	d.run("twice", decidesTwice)
	d.run("focus and keys", nothingByAccident)
	d.run("keyboard alone", decidesByKeyboard)
	d.run("looks", decidesInEveryLook)
}

func approvesOnPage(d *desk) {
	task := d.ask(with(func(a *api.Approval) {
		a.Message = "Release **4.2.0** is *ready*."
		a.Details = raw(`{"Service":"billing","Change":"https://example.com/change/1"}`)
		a.ApproveLabel, a.RejectLabel = "Deploy", "Not now"
	}))
	tab := d.open(task, "dana")
	d.wantHeading(tab, "Deploy 4.2.0 to production?")
	d.wantText(tab, "You are deciding as Dana Okafor.", "Release 4.2.0 is ready.", "billing", "Open ", "Reference: "+task.ID[:8])
	if href := tab.Attr("dl a", "href"); href != "https://example.com/change/1" {
		d.Errorf("the link in the details leads to %q", href)
	}
	if tab.Text(approveButton) != "Deploy\nThis approves the request" || tab.Text(rejectButton) != "Not now\nThis rejects the request" {
		d.Errorf("the buttons say %q and %q", tab.Text(approveButton), tab.Text(rejectButton))
	}
	tab.Fill("#comment", "Checked \"twice\" <b>\nand once more")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	approval := byDana
	approval.comment = `Checked \"twice\" <b>\nand once more`
	d.wantDecision(task, approval)
	cb := d.get(task)
	if cb.State != api.StateDelivered || len(cb.Decisions) != 1 || cb.Decisions[0].By != (api.Decider{Link: "dana", Approver: "Dana Okafor"}) ||
		cb.Decisions[0].Decision != api.DecisionApproved || cb.Outcome.By != "dana" {
		d.Errorf("callback %+v", cb)
	}
	d.wantQuiet(tab)
}

func rejectsOnPage(d *desk) {
	task := d.ask()
	tab := d.open(task, "lee")
	tab.Fill("#comment", "Not before Monday.")
	d.wantStatus(tab.Click(rejectButton), http.StatusOK)
	d.wantHeading(tab, "You rejected this")
	rejection := byLee
	rejection.rejected, rejection.comment = true, "Not before Monday."
	d.wantDecision(task, rejection)
	d.wantQuiet(tab)
}

func rejectionFails(d *desk) {
	for comment, cause := range map[string]string{
		"Not before Monday.": "Not before Monday.", "": "Rejected by Dana Okafor.",
	} {
		task := d.ask(with(func(a *api.Approval) { a.OnReject = api.OnRejectFailure }))
		tab := d.open(task, "dana")
		tab.Fill("#comment", comment)
		d.wantStatus(tab.Click(rejectButton), http.StatusOK)
		d.wantHeading(tab, "You rejected this")
		d.wantFailure(task, "Callback.Rejected", cause)
		if cb := d.get(task); len(cb.Decisions) != 1 || cb.Outcome.Error != "Callback.Rejected" {
			d.Errorf("callback %+v", cb)
		}
	}
}

func commentIsAsked(d *desk) {
	tab := d.tab()
	for _, test := range []struct {
		mode            string
		approve, reject bool // whether it is required
	}{
		{api.CommentOptional, false, false},
		{api.CommentRequired, true, true},
		{api.CommentRequiredOnReject, false, true},
	} {
		for button, required := range map[string]bool{approveButton: test.approve, rejectButton: test.reject} {
			task := d.ask(with(func(a *api.Approval) { a.Comment = test.mode }))
			d.visit(tab, task, "dana")
			tab.Fill("#comment", " \n ")
			if !required {
				d.wantStatus(tab.Click(button), http.StatusOK)
				d.untilState(task, api.StateDelivered)
				continue
			}
			d.wantStatus(tab.Click(button), http.StatusBadRequest)
			d.wantText(tab, "Please correct the following", "Please fill this in.")
			d.wantMarked(tab, "#comment")
			d.wantNothing(task)
			tab.Fill("#comment", "now")
			d.wantStatus(tab.Click(button), http.StatusOK)
			d.untilState(task, api.StateDelivered)
		}
	}
	// A browser does not send a form with empty required inputs, except with the
	// button that rejects, since they are not required then.
	task := d.ask(with(func(a *api.Approval) { a.Comment = api.CommentRequired }))
	d.visit(tab, task, "dana")
	tab.Poke(approveButton)
	if got := tab.Focused(); got != "textarea#comment" {
		d.Errorf("the browser points at %s, want the comment", got)
	}
	d.wantStatus(tab.Click(rejectButton), http.StatusBadRequest)
	d.wantNothing(task)

	task = d.ask(with(func(a *api.Approval) { a.Comment = api.CommentNone }))
	d.visit(tab, task, "dana")
	if tab.Has("#comment") {
		d.Error("a comment is asked for")
	}
}

// wantMarked checks that an input is marked as wrong, and that its description
// is read with it.
func (d *desk) wantMarked(tab *browser.Tab, input string) {
	d.Helper()
	if tab.Attr(input, "aria-invalid") != "true" {
		d.Errorf("%s is not marked", input)
	}
	described := strings.Fields(tab.Attr(input, "aria-describedby"))
	if len(described) == 0 || tab.Text("#"+described[len(described)-1]) == "" {
		d.Errorf("%s is described by %q", input, described)
	}
	if !tab.Has(`[role="alert"] a[href="#` + tab.Attr(input, "id") + `"]`) {
		d.Errorf("the summary does not lead to %s", input)
	}
}

func nameIsTyped(d *desk) {
	task := d.ask()
	tab := d.open(task, "open")
	tab.Poke(approveButton)
	if got := tab.Focused(); got != "input#approver" {
		d.Errorf("without a name the browser points at %s", got)
	}
	tab.Fill("#comment", "mine")
	d.wantStatus(tab.Click(rejectButton), http.StatusBadRequest)
	d.wantMarked(tab, "#approver")
	if got := tab.Value("#comment"); got != "mine" {
		d.Errorf("the comment is now %q", got)
	}
	for _, name := range []string{"Dana Okafor", " dana  OKAFOR "} {
		tab.Fill("#approver", name)
		d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
		d.wantText(tab, "This person has their own link.")
		d.wantMarked(tab, "#approver")
	}
	tab.Fill("#approver", strings.Repeat("x", 101))
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantNothing(task)
	tab.Fill("#approver", "  Kim   <i>Sato ")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	d.wantText(tab, "You approved (Kim <i>Sato)")
	d.wantDecision(task, decision{link: "open", name: "Kim <i>Sato", typed: true, comment: "mine"})
}

// decidesTwice clicks twice, goes back and sends again: there is one effect, and
// the page says the same (row 17).
func decidesTwice(d *desk) {
	task := d.ask()
	tab := d.open(task, "dana")
	d.wantStatus(tab.DoubleClick(approveButton), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	d.wantPosts(tab, 2)
	once := tab.Text("main")
	d.wantStatus(tab.Resubmit(), http.StatusOK)
	if again := tab.Text("main"); again != once {
		d.Errorf("sent again the page says\n%s, and before\n%s", again, once)
	}
	d.wantPosts(tab, 3)
	tab.Back() // the page must not be cached, so it is loaded again
	d.wantHeading(tab, "You approved this")
	if tab.Has("form") {
		d.Error("there is a form again")
	}
	d.wantDecision(task, byDana)
	if calls, _ := d.steps.Task(task.token); calls.Calls != 1 {
		d.Errorf("%d calls of step functions", calls.Calls)
	}
}

func (d *desk) wantPosts(tab *browser.Tab, want int) {
	d.Helper()
	if got := strings.Count(strings.Join(tab.Requests(), "\n"), "POST "); got != want {
		d.Errorf("%d forms were sent, want %d", got, want)
	}
}

// nothingByAccident presses Enter where people do. The browser sends a form before
// it reports the key as handled, so there is nothing to wait for.
func nothingByAccident(d *desk) {
	const watch = `window.sent = 0; document.forms[0].addEventListener("submit", e => { window.sent++; e.preventDefault() })`
	task := d.ask(with(func(a *api.Approval) { a.Confirm = api.ConfirmWord }))
	tab := d.open(task, "open")
	if got := tab.Focused(); got != "body" {
		d.Errorf("%s has the focus from the start", got)
	}
	tab.Eval(watch, nil)
	press := func() (sent int) {
		for _, input := range []string{"#approver", "#confirm"} {
			tab.Fill(input, "x")
			tab.Press("Enter")
		}
		tab.Eval(`window.sent`, &sent)
		return sent
	}
	if sent := press(); sent != 0 {
		d.Errorf("Enter sent the form %d times", sent)
	}
	d.wantNothing(task)
	// The disabled button in front prevents it.
	tab.Eval(`document.querySelector("form button[disabled]").remove()`, nil)
	if sent := press(); sent == 0 {
		d.Error("Enter sends nothing without the dead button either: this test proves nothing")
	}
	d.wantPosts(tab, 0)
}

// decidesByKeyboard goes through the page in the order in which it is read, and
// decides without a mouse.
func decidesByKeyboard(d *desk) {
	task := d.ask(with(func(a *api.Approval) { a.Message = "See [the changes](https://example.com/changes)." }))
	tab := d.open(task, "open")
	for _, want := range []string{"a", "input#approver", "textarea#comment", "button[decision]", "button[decision]"} {
		tab.Press("Tab")
		for strings.HasPrefix(tab.Focused(), "summary") { // a time, which unfolds
			tab.Press("Tab")
		}
		if got := tab.Focused(); got != want {
			d.Errorf("%s has the focus, want %s", got, want)
		}
		if want == "input#approver" {
			for _, letter := range "Kim" {
				tab.Press(string(letter))
			}
		}
	}
	tab.Press("Shift+Tab") // from the button that rejects to the one that approves
	d.wantStatus(tab.Enter(), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	d.wantDecision(task, decision{link: "open", name: "Kim", typed: true})
}

// decidesInEveryLook decides on a phone, in dark mode, without scripts and in
// German.
func decidesInEveryLook(d *desk) {
	for name, test := range map[string]struct {
		look           browser.Look
		lang, approve  string
		until, heading string
	}{
		"phone":      {browser.Look{Phone: true}, "en", "Approve", "Central European Standard Time", "You approved this"},
		"no scripts": {browser.Look{NoScripts: true}, "en", "Approve", " UTC", "You approved this"},
		"dark":       {browser.Look{Dark: true, Timezone: "America/New_York"}, "en", "Approve", "Eastern Standard Time", "You approved this"},
		"German":     {browser.Look{Language: "de-AT", Phone: true}, "de", "Zustimmen", "Mitteleuropäische Normalzeit", "Sie haben zugestimmt"},
		"French":     {browser.Look{Language: "fr-FR"}, "fr", "Approuver", "heure normale d’Europe centrale", "Vous avez approuvé la demande"},
		"other":      {browser.Look{Language: "sv-SE"}, "en", "Approve", "Central European Standard Time", "You approved this"},
	} {
		d.run(name, func(d *desk) {
			task := d.ask(func(r *api.CreateRequest) { r.ExpiresAt = &winter })
			tab := d.open(task, "dana", test.look)
			if got := tab.Attr("html", "lang"); got != test.lang {
				d.Errorf("lang %q, want %q", got, test.lang)
			}
			if got := tab.Text(approveButton); got != test.approve {
				d.Errorf("the button says %q, want %q", got, test.approve)
			}
			var full string // which a touch unfolds
			tab.Eval(`document.querySelector(".until time.long").textContent`, &full)
			if !strings.Contains(full, test.until) {
				d.Errorf("%q does not name the zone as %q", full, test.until)
			}
			d.wantFits(tab)
			d.wantStatus(tab.Click(approveButton), http.StatusOK)
			d.wantHeading(tab, test.heading)
			d.wantFits(tab)
			d.wantDecision(task, byDana)
			d.wantQuiet(tab)
		})
	}
}

// wantFits checks that nothing has to be scrolled sideways.
func (d *desk) wantFits(tab *browser.Tab) {
	d.Helper()
	if content, screen := tab.Width(); content > screen {
		d.Errorf("the page is %d wide, the screen %d", content, screen)
	}
}
