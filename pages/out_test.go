package pages

import (
	"net/url"
	"slices"
	"testing"

	"golang.org/x/net/html"
)

// TestSeveralChoices checks a field with several choices: one box for each, all with the
// field's name, and the label and the hints for all of them.
func TestSeveralChoices(t *testing.T) {
	for name, test := range map[string]struct {
		values url.Values
		want   []string
	}{
		"at first": {nil, []string{"us"}},
		"two":      {url.Values{"field.regions": {"ap", "eu"}}, []string{"eu", "ap"}},
		"none":     {url.Values{"comment": {"x"}}, nil},
	} {
		field := several
		field.Required, field.Default = false, "us"
		group := one(t, formIn(t, waiting(&Form{Fields: []Field{field}, Values: test.values,
			Problems: []Problem{{"field.regions", "missing", ""}}})), "fieldset")
		says(t, one(t, group, "legend"), "Regions (optional)")
		same(t, "read out", value(group, "aria-describedby"), "field-1-hint field-1-error")
		says(t, class(group, "error")[0], "Please choose at least one.")
		var labels, ticked []string
		for _, box := range find(group, "input") {
			labels = append(labels, prose(box.Parent))
			same(t, "box", []string{value(box, "type"), value(box, "name"), value(box, "aria-invalid")}, []string{"checkbox", "field.regions", "true"})
			if _, is := attr(box, "checked"); is {
				ticked = append(ticked, value(box, "value"))
			}
		}
		same(t, name+": labels", labels, []string{"Europe", "America", "ap"})
		same(t, name+": ticked", ticked, test.want)
		same(t, "where a problem leads to", value(find(group, "input")[0], "id"), "field-1")
	}
}

// TestAnswers checks the looks of more answers than two.
func TestAnswers(t *testing.T) {
	var got []string
	decision := named(t, formIn(t, waiting(&Form{Answers: answers()})), "id", "decision")
	for _, b := range find(decision, "button") {
		got = append(got, value(b, "class"))
	}
	same(t, "styles", got, []string{"main", "main", "", "danger", ""})
	same(t, "one below the other", value(decision, "class"), "buttons")
}

// TestNotForMe checks the second form, which decides nothing: it sends the nonce, a note
// and not-for-me, and none of the inputs of the first.
func TestNotForMe(t *testing.T) {
	out := func(f *Form) *html.Node {
		f.NotForMe, f.Nonce = true, "n0nce"
		return class(parse(t, render(t, pagesOf(t, Brand{}), "en", waiting(f))), "out")[0]
	}
	details := out(&Form{Comment: "optional"})
	if _, open := attr(details, "open"); open || details.Data != "details" {
		t.Error("it is not folded")
	}
	same(t, "title", prose(one(t, details, "summary")), "This is not for me")
	form := one(t, details, "form")
	same(t, "form", form.Attr, []html.Attribute{{Key: "method", Val: "post"}, {Key: "accept-charset", Val: "utf-8"}})
	same(t, "inputs", controls(form), []string{"nonce", "note", "decision"})
	same(t, "Enter", find(form, "button")[0].Attr, []html.Attribute{{Key: "type", Val: "submit"}, {Key: "disabled"}, {Key: "hidden"}})
	button := find(form, "button")[1]
	same(t, "button", []string{value(button, "value"), prose(button)}, []string{"not-for-me", "Say that this is not for me The request stays open"})
	same(t, "nonce", value(named(t, form, "name", "nonce"), "value"), "n0nce")

	again := out(&Form{Values: url.Values{"note": {"Ask <Kim>"}}, Problems: []Problem{{"note", "too-long", "500"}}})
	if _, open := attr(again, "open"); !open {
		t.Error("what is wrong is hidden")
	}
	same(t, "note", textOf(named(t, again, "name", "note")), "Ask <Kim>")
	same(t, "what is wrong", describedLast(t, again, named(t, again, "name", "note")), "This is too long. Please use at most 500 characters.")
	without := parse(t, render(t, pagesOf(t, Brand{}), "en", waiting(&Form{})))
	same(t, "not offered", len(class(without, "out")), 0)

	retry := formIn(t, Page{State: Trouble, Form: &Form{Values: url.Values{"decision": {"not-for-me"}, "note": {"Ask Kim"}}}})
	says(t, retry, "Decision This is not for me", "Note Ask Kim")
	same(t, "sent again", value(named(t, retry, "name", "note"), "value"), "Ask Kim")
}

// TestJump holds that a link leads to the buttons of a long page, and not on a short one.
func TestJump(t *testing.T) {
	for _, s := range samples() {
		root := parse(t, render(t, pagesOf(t, Brand{}), "en", s.page))
		jumps := class(root, "jump")
		for _, jump := range jumps {
			same(t, "leads to", len(find(named(t, root, "id", value(jump, "href")[1:]), "button")) > 0, true)
		}
		want := slices.Contains([]string{"waiting", "waiting-no-clock", "waiting-stale", "waiting-code", "waiting-full", "waiting-wrong",
			"waiting-choices", "waiting-choices-wrong", "waiting-quorum", "waiting-formats", "waiting-success-about", "waiting-failure-about", "waiting-declined"}, s.name)
		same(t, s.name, len(jumps) > 0, want)
	}
}
