package pages

import (
	"net/url"
	"testing"

	"golang.org/x/net/html"
)

func TestProblemTexts(t *testing.T) {
	for _, test := range []struct {
		input, kind, limit, want string
	}{
		{"field.reason", "missing", "", "Please fill this in."},
		{"field.notify", "missing", "", "Please tick this box."},
		{"field.region", "missing", "", "Please choose one of the options."},
		{"field.reason", "too-long", "80", "This is too long. Please use at most 80 characters."},
		{"comment", "too-long", "", "This is too long."},
		{"field.reason", "too-short", "3", "This is too short. Please use at least 3 characters."},
		{"field.reason", "too-short", "", "This is too short."},
		{"field.seats", "too-small", "1", "Please enter at least 1."},
		{"field.seats", "too-small", "", "This number is too small."},
		{"field.seats", "too-large", "500", "Please enter at most 500."},
		{"field.seats", "too-large", "", "This number is too large."},
		{"field.seats", "not-a-number", "", "Please enter a number. Example: 12.5"},
		{"field.seats", "not-whole", "", "Please enter a whole number. Example: 12"},
		{"field.budget", "not-a-multiple", "0.01", "Please enter a multiple of 0.01."},
		{"field.budget", "not-a-multiple", "", "This number is not one of the allowed values."},
		{"field.start", "not-a-date", "", "Please enter a date. Example: 2030-01-31"},
		{"field.region", "not-a-choice", "", "Please choose one of the options."},
		{"field.reason", "pattern", "", "This is not in the expected format."},
		{"confirm", "wrong-word", "", "This is not the word shown."},
		{"confirm", "wrong-code", "4", "This code is wrong. Attempts left: 4."},
		{"confirm", "wrong-code", "", "This code is wrong."},
		{"approver", "name-taken", "", "This person has their own link. Please use that one."},
		{"approver", "name-used", "", "Someone with this name has already decided."},
		{"field.reason", "invalid", "", "This cannot be accepted. Please change it."},
		{"field.reason", "something new", "", "This cannot be accepted. Please change it."},
		{"decision", "missing", "", "Please press a button at the bottom of the page."},
		{"decision", "not-a-choice", "", "Please press a button at the bottom of the page."},
	} {
		t.Run(test.input+" "+test.kind+" "+test.limit, func(t *testing.T) {
			f := &Form{Comment: "optional", Fields: allFields(), Confirm: "code", Problems: []Problem{{test.input, test.kind, test.limit}}}
			form := mainIn(t, waiting(f))
			link := one(t, named(t, form, "role", "alert"), "a")
			target := named(t, form, "id", value(link, "href")[1:])
			if test.input == "decision" {
				same(t, "summary", prose(link), test.want)
				same(t, "buttons", len(find(target, "button")), 2)
				return
			}
			same(t, "leads to", value(target, "name"), test.input)
			same(t, "aria-invalid", value(target, "aria-invalid"), "true")
			same(t, "at the input", describedLast(t, form, target), test.want)
			says(t, link, ": "+test.want)
		})
	}
}

// TestProblemLabels holds that a label that is a question has no colon after it.
func TestProblemLabels(t *testing.T) {
	for label, want := range map[string]string{
		"Seats": "Seats: Please fill this in.", "How many?": "How many? Please fill this in.", "Total:": "Total: Please fill this in.",
	} {
		f := &Form{Fields: []Field{{Name: "x", Label: label, Kind: "text", Required: true}}, Problems: []Problem{{"field.x", "missing", ""}}}
		same(t, label, prose(one(t, named(t, mainIn(t, waiting(f)), "role", "alert"), "a")), want)
	}
}

// describedLast returns the last text that is read out with an input.
func describedLast(t *testing.T, form, input *html.Node) string {
	t.Helper()
	ids := value(input, "aria-describedby")
	for i := len(ids) - 1; i >= 0; i-- {
		if ids[i] == ' ' {
			ids = ids[i+1:]
			break
		}
	}
	return prose(named(t, form, "id", ids))
}

// TestProblems holds that the summary lists all problems in order, and that inputs without
// a problem are not marked.
func TestProblems(t *testing.T) {
	form := mainIn(t, waiting(&Form{
		Comment: "required", Confirm: "word", Word: "deploy", Fields: allFields(),
		Problems: []Problem{
			{"confirm", "wrong-word", ""}, {"field.reason", "too-long", "80"}, {"field.reason", "pattern", ""},
			{"field.gone", "invalid", ""}, {"", "invalid", ""},
		},
	}))
	alert := named(t, form, "role", "alert")
	var lines []string
	for _, li := range find(alert, "li") {
		lines = append(lines, prose(li))
	}
	same(t, "summary", lines, []string{
		"Confirmation: This is not the word shown.",
		"Reason: This is too long. Please use at most 80 characters.",
		"Reason: This is not in the expected format.",
		"gone: This cannot be accepted. Please change it.",
		"This cannot be accepted. Please change it.",
	})
	same(t, "links", len(find(alert, "a")), 3)
	reason := named(t, form, "name", "field.reason")
	same(t, "at the input", describedLast(t, form, reason),
		"This is too long. Please use at most 80 characters. This is not in the expected format.")
	same(t, "read out", value(reason, "aria-describedby"), "field-1-hint field-1-error")
	if _, marked := attr(named(t, form, "name", "comment"), "aria-invalid"); marked {
		t.Error("the comment is marked too")
	}
	for _, s := range samples() {
		f := s.page.Form
		if s.page.State == Waiting && len(f.Problems) == 0 && !f.Stale && len(class(mainIn(t, s.page), "alert")) > 0 {
			t.Errorf("%s: an alert without a cause", s.name)
		}
	}
}

func TestStale(t *testing.T) {
	f := &Form{Comment: "optional", Stale: true, Values: url.Values{"comment": {"as it was"}}}
	form := mainIn(t, waiting(f))
	says(t, named(t, form, "role", "alert"), "Your answer does not count yet", "check them and press the button again")
	same(t, "comment", textOf(named(t, form, "name", "comment")), "as it was")
	f.Problems = []Problem{{"comment", "too-long", "9"}}
	says(t, named(t, mainIn(t, waiting(f)), "role", "alert"), "Your answer does not count yet", "Comment: This is too long.")
}

// TestRetry holds that a form's contents are shown, and sent again unchanged.
func TestRetry(t *testing.T) {
	typed := url.Values{
		"nonce": {"old"}, "decision": {"rejected"}, "approver": {`"Dana" <3`}, "comment": {"\nNot yet\r\n\nplease "}, "confirm": {"314159"},
		"field.seats": {"7"}, "field.empty": {""}, "field.more": {"a", "b"},
	}
	form := formIn(t, Page{State: Trouble, Form: &Form{Values: typed}})
	got := url.Values{}
	for _, n := range find(form, "input") {
		same(t, "type", value(n, "type"), "hidden")
		got.Add(value(n, "name"), value(n, "value"))
	}
	// Browsers send any line break as CRLF; a parser of HTML reads CRLF as LF.
	typed.Set("comment", "\nNot yet\n\nplease ")
	same(t, "sent again", got, typed)
	var shown []string
	for _, n := range find(form, "dt", "dd") {
		shown = append(shown, prose(n))
	}
	same(t, "shown", shown, []string{
		"Decision", "Reject", "Your name", `"Dana" <3`, "more", "a", "more", "b", "seats", "7",
		"Comment", "Not yet please", "Confirmation", "314159",
	})
	button := one(t, form, "button")
	same(t, "button", prose(button), "Try again")
	if _, named := attr(button, "name"); named {
		t.Error("the button would send a decision of its own")
	}
}

// TestRetryKnown holds that a known form is shown with its own labels.
func TestRetryKnown(t *testing.T) {
	form := formIn(t, Page{State: Trouble, Form: &Form{
		Nonce: "fresh", ApproveLabel: "Deploy", Fields: allFields(),
		Values: url.Values{"nonce": {"old"}, "decision": {"approved"}, "field.seats": {"7"}, "field.reason": {"r"}},
	}})
	same(t, "nonce", value(named(t, form, "name", "nonce"), "value"), "fresh")
	var shown []string
	for _, n := range find(form, "dt", "dd") {
		shown = append(shown, prose(n))
	}
	same(t, "shown", shown, []string{"Decision", "Deploy", "Reason", "r", "Seats", "7"})
}
