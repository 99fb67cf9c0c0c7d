package main

import (
	"net/http"
	"testing"

	"callback-relay/api"
	"callback-relay/browser"
)

// everyField has one field of each kind.
const everyField = `{"type": "object", "required": ["when", "seats"], "properties": {
	"when":   {"enum": ["now", "tonight"], "title": "When?"},
	"seats":  {"type": "integer", "minimum": 1, "maximum": 10, "title": "Seats", "description": "Who else is there."},
	"budget": {"type": "number", "multipleOf": 0.01},
	"code":   {"type": "string", "pattern": "^[A-Z]{3}$"},
	"story":  {"type": "string", "maxLength": 1000},
	"sure":   {"type": "boolean"},
	"day":    {"type": "string", "format": "date"}
}}`

func withFields(a *api.Approval) { a.Fields = raw(everyField) }

func field(name string) string { return `[name="field.` + name + `"]` }

// TestPageForm fills in forms, well and badly.
func TestPageForm(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1)
	d.run("every field", everyFieldFilled)
	d.run("only what is required", requiredFieldsFilled)
	d.run("formats", formatsFilled)
	d.run("mistakes", fieldsWrong)
	d.run("rejected", fieldsLeftOut)
}

func everyFieldFilled(d *desk) {
	task := d.ask(with(withFields))
	tab := d.open(task, "dana")
	tab.Choose(field("when"), `"tonight"`)
	tab.Fill(field("seats"), "3")
	tab.Fill(field("budget"), "12345678901234567890.10") // more digits than a float has
	tab.Fill(field("code"), "ABC")
	tab.Fill(field("story"), "one\ntwo <i>&amp;")
	tab.Tick(field("sure"))
	tab.Fill(field("day"), "2027-02-28")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	approval := byDana
	approval.fields = `{"when":"tonight","seats":3,"budget":12345678901234567890.10,"code":"ABC",` +
		`"story":"one\ntwo <i>&amp;","sure":true,"day":"2027-02-28"}`
	d.wantDecision(task, approval)
	d.wantQuiet(tab)
}

// formatsFilled fills in the inputs that browsers have for formats (row 96).
func formatsFilled(d *desk) {
	task := d.ask(with(func(a *api.Approval) {
		a.Fields = raw(`{"type": "object", "properties": {
			"at": {"type": "string", "format": "date-time", "default": "2029-12-31T23:00:00+01:00"}, "back": {"type": "string", "format": "time"},
			"mail": {"type": "string", "format": "email"}, "page": {"type": "string", "format": "uri"},
			"share": {"type": "number"}, "seats": {"type": "integer"}}}`)
	}))
	tab := d.open(task, "dana")
	if got := tab.Value(field("at")); got != "2029-12-31T22:00" {
		d.Errorf("the default is shown as %q", got)
	}
	tab.Fill(field("mail"), "dana") // which the browser does not let through
	tab.Poke(approveButton)
	if got := tab.Focused(); got != "input#"+tab.Attr(field("mail"), "id") {
		d.Errorf("the browser points at %s, want the address", got)
	}
	for name, text := range map[string]string{
		"at": "2030-01-31T14:30", "back": "09:30", "mail": "dana@example.com", "page": "https://example.com/?a=1", "share": "12,5", "seats": "05",
	} {
		tab.Fill(field(name), text)
	}
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest) // and not 125
	d.wantMarked(tab, field("share"))
	tab.Fill(field("share"), "-.5")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	approval := byDana
	approval.fields = `{"at":"2030-01-31T14:30:00Z","back":"09:30:00Z","mail":"dana@example.com","page":"https://example.com/?a=1","share":-0.5,"seats":5}`
	d.wantDecision(task, approval)
	d.wantQuiet(tab)
}

func requiredFieldsFilled(d *desk) {
	task := d.ask(with(withFields))
	tab := d.open(task, "dana")
	tab.Poke(approveButton)
	if got := tab.Focused(); got != "select#"+tab.Attr(field("when"), "id") {
		d.Errorf("the browser points at %s, want what is to be chosen", got)
	}
	tab.Choose(field("when"), `"now"`)
	tab.Fill(field("seats"), "10")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	approval := byDana
	approval.fields = `{"when":"now","seats":10,"sure":false}`
	d.wantDecision(task, approval)
}

// fieldsWrong sends input that a modern browser would refuse: the relay refuses it,
// and keeps everything that was typed.
func fieldsWrong(d *desk) {
	const careless = `document.forms[0].noValidate = true; for (const e of document.querySelectorAll("[type=date]")) e.type = "text"`
	task := d.ask(with(withFields))
	tab := d.open(task, "open")
	typed := map[string]string{
		"#approver": "Kim", "#comment": "two\nlines", field("seats"): "11", field("budget"): "a lot",
		field("code"): "abc", field("story"): `"one" <b>`, field("day"): "tomorrow",
	}
	tab.Eval(careless, nil)
	for input, text := range typed {
		tab.Fill(input, text)
	}
	tab.Tick(field("sure"))
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantText(tab, "Please correct the following", "Please enter a number.")
	d.wantMarked(tab, field("budget"))
	d.wantKept(tab, typed)
	var ticked bool
	tab.Eval(`document.querySelector('`+field("sure")+`').checked`, &ticked)
	if !ticked {
		d.Error("the tick is gone")
	}
	if got := tab.Focused(); got != "body" {
		d.Errorf("%s has the focus", got)
	}

	typed[field("budget")] = "1.5"
	tab.Eval(careless, nil)
	tab.Fill(field("budget"), "1.5")
	d.wantStatus(tab.Click(approveButton), http.StatusBadRequest)
	d.wantText(tab, "Please enter at most 10.", "This is not in the expected format.", "Please enter a date.", "Please choose one of the options.")
	for _, name := range []string{"when", "seats", "code", "day"} {
		d.wantMarked(tab, field(name))
	}
	d.wantKept(tab, typed)
	if tab.Has(field("story")+"[aria-invalid]") || tab.Has(field("budget")+"[aria-invalid]") {
		d.Error("what is right is marked as wrong")
	}
	d.wantNothing(task)

	tab.Eval(careless, nil)
	tab.Choose(field("when"), `"now"`)
	tab.Fill(field("seats"), "10")
	tab.Fill(field("code"), "")
	tab.Fill(field("day"), "2027-02-28")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantDecision(task, decision{
		link: "open", name: "Kim", typed: true, comment: `two\nlines`,
		fields: `{"when":"now","seats":10,"budget":1.5,"story":"\"one\" <b>","sure":true,"day":"2027-02-28"}`,
	})
	d.wantQuiet(tab)
}

// wantKept checks that what was typed is still there.
func (d *desk) wantKept(tab *browser.Tab, typed map[string]string) {
	d.Helper()
	for input, text := range typed {
		if got := tab.Value(input); got != text {
			d.Errorf("%s has %q in it now, and %q was typed", input, got, text)
		}
	}
}

// fieldsLeftOut rejects without filling in the form. What is filled in is kept if it is
// valid, and is no reason to refuse the rejection if it is not.
func fieldsLeftOut(d *desk) {
	task := d.ask(with(withFields))
	tab := d.open(task, "dana")
	tab.Fill(field("seats"), "11")
	tab.Fill(field("code"), "ABC")
	d.wantStatus(tab.Click(rejectButton), http.StatusOK)
	rejection := byDana
	rejection.rejected, rejection.fields = true, `{"code":"ABC","sure":false}`
	d.wantDecision(task, rejection)
}
