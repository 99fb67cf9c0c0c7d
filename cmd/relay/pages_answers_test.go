package main

import (
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/browser"
)

// TestPageAnswers lets people do what is neither approving nor rejecting, such as saying that
// a link is not for them (row 120), and read what others said.
func TestPageAnswers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 2)
	d.run("a choice", choosesOnPage)
	d.run("several boxes", ticksSeveral)
	d.run("not for me", declinesOnPage)
	d.run("what others said", readsWhatOthersSaid)
	d.run("forgotten", forgetsAtTheEnd)
}

// withChoices adds two further answers.
func withChoices(a *api.Approval) {
	a.Choices = []api.Choice{{Value: "ask-finance", Label: "Ask finance first"}, {Value: "halt", Label: "Stop the release", Style: api.ButtonDanger}}
}

const financeButton = `button[value="ask-finance"]`

// choosesOnPage chooses another answer, which ends the approval. Whoever presses
// another button afterwards sees what was chosen, and so does everybody who opens a link later.
func choosesOnPage(d *desk) {
	task := d.ask(with(withChoices), with(func(a *api.Approval) { a.Comment = api.CommentRequiredOnReject }))
	tab, lee := d.open(task, "dana"), d.tab()
	d.wantStatus(lee.Open(d.at(1, task, "lee")), http.StatusOK)
	var labels []string
	tab.Eval(`[...document.querySelectorAll("#decision button")].map(b => b.innerText.split("\n")[0].trim())`, &labels)
	if got := strings.Join(labels, ", "); got != "Approve, Ask finance first, Stop the release, Reject" {
		d.Errorf("the buttons are %s", got)
	}
	tab.Fill("#comment", "Above my limit.")
	d.wantStatus(tab.Click(financeButton), http.StatusOK)
	d.wantHeading(tab, "You chose “Ask finance first”")
	choice := byDana
	choice.choice, choice.comment = "ask-finance", "Above my limit."
	d.wantDecision(task, choice)

	d.wantStatus(lee.Click(approveButton), http.StatusConflict)
	d.visit(tab, task, "dana")
	d.wantHeading(tab, "You chose “Ask finance first”")
	d.wantHeading(lee, "The answer is “Ask finance first”")
	d.wantText(lee, "Dana Okafor chose “Ask finance first”", "Above my limit.")
	for _, tab := range []*browser.Tab{tab, lee} {
		if tab.Has("form") {
			d.Error("there is still a form")
		}
		d.wantQuiet(tab)
	}
	d.wantDecision(task, choice)

	// Somebody reads the reference out, and somebody else looks the callback up by it.
	_, reference, _ := strings.Cut(tab.Text("footer"), ": ")
	found, err := d.next().client.Get(d.Context(), reference)
	if err != nil || found.ID != task.ID || len(found.Decisions) != 1 || found.Decisions[0].Decision != "ask-finance" {
		d.Errorf("the reference %q leads to %+v, %v", reference, found, err)
	}
}

// ticksSeveral ticks boxes, with a mistake elsewhere in the form: the ticks stay.
func ticksSeveral(d *desk) {
	task := d.ask(with(func(a *api.Approval) {
		a.Fields = raw(`{"type": "object", "required": ["where"], "properties": {
			"where": {"title": "Where?", "type": "array", "items": {"enum": ["api", "db", "ui"]}, "maxItems": 2},
			"seats": {"type": "integer", "maximum": 10}}}`)
	}))
	box := func(value string) string { return field("where") + `[value='"` + value + `"']` }
	ticked := func(tab *browser.Tab) (values string) {
		tab.Eval(`[...document.querySelectorAll("[type=checkbox]")].filter(e => e.checked).map(e => e.value).join()`, &values)
		return values
	}
	tab := d.open(task, "dana", browser.Look{Phone: true})
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest) // a browser does not ask for one of several boxes
	d.wantText(tab, "Where? Please choose at least one.")
	for _, value := range []string{"ui", "db", "api"} {
		tab.Tick(box(value))
	}
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantText(tab, "Where? Please choose at most 2.")
	if got := ticked(tab); got != `"api","db","ui"` {
		d.Errorf("after a mistake %s are ticked", got)
	}
	tab.Poke(box("api"))
	tab.Fill(field("seats"), "11")
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantMarked(tab, field("seats"))
	if got := ticked(tab); got != `"db","ui"` {
		d.Errorf("after a mistake elsewhere %s are ticked", got)
	}
	d.wantFits(tab)
	d.wantNothing(task)
	tab.Fill(field("seats"), "10")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	approval := byDana
	approval.fields = `{"where":["db","ui"],"seats":10}`
	d.wantDecision(task, approval)
	d.wantQuiet(tab)
}

const declineButton = `button[value="not-for-me"]`

// declinesOnPage says that a link is not for the reader, who decides later nevertheless.
func declinesOnPage(d *desk) {
	task := d.ask(with(func(a *api.Approval) { a.Comment = api.CommentRequired }))
	tab := d.open(task, "dana", browser.Look{Phone: true})
	tab.Poke(".out summary")
	tab.Fill("#note", "I moved.\nAsk <b>Ada</b>.")
	d.wantStatus(tab.Click(declineButton), http.StatusOK)
	d.wantHeading(tab, "Noted: this is not for you")
	d.wantStatus(tab.Resubmit(), http.StatusOK)
	d.wantHeading(tab, "Noted: this is not for you")
	d.wantNothing(task)
	cb := d.get(task)
	if cb.State != api.StatePending || len(cb.Decisions) != 0 || len(cb.Declined) != 1 ||
		cb.Declined[0].Link != "dana" || cb.Declined[0].Approver != "Dana Okafor" || cb.Declined[0].Note != "I moved.\nAsk <b>Ada</b>." {
		d.Errorf("callback %+v", cb)
	}

	d.wantStatus(tab.Open(d.at(1, task, "dana")), http.StatusOK)
	d.wantText(tab, "that it was not for them. If it is for you, you can still answer.")
	tab.Fill("#comment", "It was for me.")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	approval := byDana
	approval.comment = "It was for me."
	d.wantDecision(task, approval)
	if cb := d.get(task); len(cb.Declined) != 0 {
		d.Errorf("who has decided has still declined: %+v", cb.Declined)
	}
	d.wantQuiet(tab)
}

// withStory makes two people decide, and says a lot.
func withStory(a *api.Approval) {
	a.Message, a.RequestedBy, a.Required = "All **212 tests** passed.", "Kim Sato, kim@example.com", 2
	a.Details = raw(`{"Share": 12.50, "Rollback tested": true, "Ticket": {"text": "OPS-42", "url": "https://example.com/42"}}`)
}

// story is what withStory makes a page say, apart from its title.
var story = []string{"All 212 tests passed.", "Requested by Kim Sato, kim@example.com", "12.50", "Rollback tested\nYes", "OPS-42 (example.com)"}

// readsWhatOthersSaid shows what is asked and what others said: to whoever decides later, to
// everybody after the end, and to nobody through a closed link.
func readsWhatOthersSaid(d *desk) {
	task := d.ask(with(withStory))
	tab := d.tab()
	decideInTurn(d, tab, task)
	for _, link := range []string{"dana", "lee", "open"} {
		d.wantStatus(tab.Open(d.at(1, task, link)), http.StatusOK)
		d.wantText(tab, story...)
		d.wantText(tab, "Deploy 4.2.0 to production?", "Dana Okafor", "Two <i>things</i>:\none, two.", "Lee's last word.")
	}
	_, err := d.next().client.RevokeLink(d.Context(), task.ID, "open")
	d.must(err)
	d.wantStatus(tab.Open(d.at(0, task, "open")), http.StatusGone)
	d.wantHeading(tab, "This link no longer works")
	d.wantUnsaid(tab, append(story, "4.2.0", "Dana", "things", "last word")...)
	d.wantQuiet(tab)
}

// forgetsAtTheEnd keeps only the title, and who decided what.
func forgetsAtTheEnd(d *desk) {
	task := d.ask(with(withStory), with(func(a *api.Approval) { a.Forget = true }))
	tab := d.tab()
	decideInTurn(d, tab, task)
	for _, link := range []string{"dana", "lee", "open"} {
		d.wantStatus(tab.Open(d.at(1, task, link)), http.StatusOK)
		d.wantText(tab, "Deploy 4.2.0 to production?", "Dana Okafor", "Lee Brandt", "approved")
		d.wantUnsaid(tab, append(story, "things", "last word")...)
	}
}

// decideInTurn lets Dana approve, and then Lee, who reads what Dana wrote.
func decideInTurn(d *desk, tab *browser.Tab, task task) {
	d.Helper()
	d.visit(tab, task, "dana")
	d.wantText(tab, story...)
	tab.Fill("#comment", "Two <i>things</i>:\none, two.")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantStatus(tab.Open(d.at(1, task, "lee")), http.StatusOK)
	d.wantText(tab, story...)
	d.wantText(tab, "Dana Okafor approved", "Two <i>things</i>:\none, two.")
	tab.Fill("#comment", "Lee's last word.")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	first, second := byDana, byLee
	first.comment, second.comment = `Two <i>things</i>:\none, two.`, "Lee's last word."
	d.wantDecisions(task, first, second)
}

// wantUnsaid checks that the page says none of this.
func (d *desk) wantUnsaid(tab *browser.Tab, texts ...string) {
	d.Helper()
	page := tab.Text("body")
	for _, text := range texts {
		if strings.Contains(page, text) {
			d.Errorf("the page says %q:\n%s", text, page)
		}
	}
}
