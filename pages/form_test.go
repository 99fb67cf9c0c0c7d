package pages

import (
	"net/url"
	"slices"
	"testing"

	"golang.org/x/net/html"
)

func waiting(f *Form) Page { return Page{State: Waiting, Form: f} }

// formIn returns the page's form, and checks the attributes that it must always have.
func formIn(t *testing.T, page Page) *html.Node {
	t.Helper()
	f := find(parse(t, render(t, pagesOf(t, Brand{}), "en", page)), "form")[0]
	same(t, "form", f.Attr, []html.Attribute{{Key: "method", Val: "post"}, {Key: "accept-charset", Val: "utf-8"}})
	return f
}

// mainIn returns the content of a page, in which what is wrong with its form comes first.
func mainIn(t *testing.T, page Page) *html.Node {
	t.Helper()
	return find(parse(t, render(t, pagesOf(t, Brand{}), "en", page)), "main")[0]
}

// controls returns the names of the inputs that the form sends, in order.
func controls(form *html.Node) []string {
	var names []string
	for _, n := range find(form, "input", "select", "textarea", "button") {
		if name, ok := attr(n, "name"); ok {
			names = append(names, name)
		}
	}
	return names
}

func TestFormNames(t *testing.T) {
	for name, test := range map[string]struct {
		form Form
		want []string
	}{
		"nothing asked": {Form{Approver: "Dana"}, []string{"nonce", "decision", "decision"}},
		"name":          {Form{}, []string{"nonce", "approver", "decision", "decision"}},
		"comment":       {Form{Approver: "Dana", Comment: "optional"}, []string{"nonce", "comment", "decision", "decision"}},
		"no comment":    {Form{Approver: "Dana", Comment: "none"}, []string{"nonce", "decision", "decision"}},
		"one button":    {Form{Approver: "Dana", Action: ActionSuccess}, []string{"nonce", "decision"}},
		"word":          {Form{Approver: "Dana", Confirm: "word"}, []string{"nonce", "confirm", "decision", "decision"}},
		"code":          {Form{Approver: "Dana", Confirm: "code"}, []string{"nonce", "confirm", "decision", "decision"}},
		"all": {Form{Comment: "required", Confirm: "code", Fields: allFields()}, []string{
			"nonce", "approver", "field.reason", "field.plan", "field.seats", "field.budget", "field.region", "field.start",
			"field.notify", "comment", "confirm", "decision", "decision",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, "names", controls(formIn(t, waiting(&test.form))), test.want)
		})
	}
}

// TestEnter holds that Enter in an input does nothing: a form's first submit button is its
// default button, and here that button is disabled (HTML, "implicit submission").
func TestEnter(t *testing.T) {
	for _, s := range samples() {
		if s.page.State != Waiting {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			all := find(formIn(t, s.page), "input", "select", "textarea", "button")
			same(t, "first", all[0].Attr, []html.Attribute{{Key: "type", Val: "submit"}, {Key: "disabled"}, {Key: "hidden"}})
			buttons := slices.IndexFunc(all, func(n *html.Node) bool { return value(n, "name") == decisionInput })
			for _, n := range all[buttons:] {
				same(t, "after the first button that decides", n.Data, "button")
			}
			for _, n := range all[1:buttons] {
				if n.Data == "button" || value(n, "type") == "submit" || value(n, "type") == "image" {
					t.Errorf("%v can be pressed before the end", n.Attr)
				}
			}
		})
	}
}

func TestButtons(t *testing.T) {
	type button struct {
		label, value string
		unchecked    bool
	}
	for name, test := range map[string]struct {
		form Form
		want []button
	}{
		"approval": {Form{}, []button{{"Approve", "approved", false}, {"Reject", "rejected", true}}},
		"named": {Form{ApproveLabel: "Deploy", RejectLabel: "Not now"}, []button{
			{"Deploy This approves the request", "approved", false}, {"Not now This rejects the request", "rejected", true},
		}},
		"answers": {Form{Answers: answers()}, []button{
			{"Approve", "approved", false}, {"Canary first This ends the request with this answer", "canary", false}, {"Ask finance This ends the request with this answer", "ask-finance", false},
			{"Freeze all deployments This ends the request with this answer", "freeze", false}, {"Reject", "rejected", true},
		}},
		"success":      {Form{Action: ActionSuccess}, []button{{"Confirm This reports that it is done", "confirmed", false}}},
		"alive, named": {Form{Action: ActionHeartbeat, ApproveLabel: "Yes"}, []button{{"Yes This reports that work is continuing", "confirmed", false}}},
		"failure":      {Form{Action: ActionFailure}, []button{{"Report a failure", "confirmed", false}}},
		"failed":       {Form{Action: ActionFailure, ApproveLabel: "It broke"}, []button{{"It broke This reports a failure", "confirmed", false}}},
		"alive":        {Form{Action: ActionHeartbeat}, []button{{"Still in progress", "confirmed", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []button
			for _, n := range find(formIn(t, waiting(&test.form)), "button")[1:] {
				_, unchecked := attr(n, "formnovalidate")
				same(t, "type", value(n, "type"), "submit")
				same(t, "name", value(n, "name"), "decision")
				got = append(got, button{prose(n), value(n, "value"), unchecked})
			}
			same(t, "buttons", got, test.want)
		})
	}
}

// A button that fails the task never looks like the recommended one.
func TestFailureLooksLikeOne(t *testing.T) {
	for action, want := range map[Action]string{ActionFailure: "danger", ActionSuccess: "main", ActionHeartbeat: "main", ActionApproval: "main"} {
		page := Page{State: Waiting, Title: "Import of March", Message: "Did the import work?", Form: &Form{Action: action}}
		for _, n := range find(formIn(t, page), "button")[1:2] {
			same(t, string(action), value(n, "class"), want)
		}
	}
}

// TestInputs checks the element and the important attributes of each input.
func TestInputs(t *testing.T) {
	field := func(f Field) Form {
		f.Name = "x"
		return Form{Approver: "Dana", Fields: []Field{f}}
	}
	typed := func(f Form, v string) Form {
		f.Values = url.Values{"field.x": {v}}
		return f
	}
	number := field(Field{Kind: "number", Minimum: "-1", Maximum: "2.5", Default: "1"})
	type attributes = map[string]string
	for name, test := range map[string]struct {
		form  Form
		input string
		want  attributes
	}{
		"name":              {Form{}, "approver", attributes{"type": "text", "autocomplete": "name", "required": ""}},
		"text":              {field(Field{Kind: "text", Default: "d"}), "field.x", attributes{"type": "text", "value": "d"}},
		"required text":     {field(Field{Kind: "text", Required: true}), "field.x", attributes{"type": "text", "value": "", "required": ""}},
		"text typed":        {typed(field(Field{Kind: "text", Default: "d"}), ""), "field.x", attributes{"value": ""}},
		"number":            {number, "field.x", attributes{"type": "text", "value": "1"}},
		"any number":        {field(Field{Kind: "number"}), "field.x", attributes{"type": "text"}},
		"integer":           {field(Field{Kind: "integer", Minimum: "0"}), "field.x", attributes{"type": "text", "inputmode": "numeric"}},
		"no number":         {typed(number, "1,5"), "field.x", attributes{"type": "text", "value": "1,5"}},
		"a number's plus":   {typed(number, "+1"), "field.x", attributes{"type": "text", "value": "+1"}},
		"number in powers":  {typed(number, "1e2"), "field.x", attributes{"type": "text", "value": "1e2"}},
		"date":              {field(Field{Kind: "date", Minimum: "2026-01-02", Maximum: "2026-12-24"}), "field.x", attributes{"type": "date", "min": "2026-01-02", "max": "2026-12-24"}},
		"date typed":        {typed(field(Field{Kind: "date"}), "2026-02-03"), "field.x", attributes{"type": "date", "value": "2026-02-03"}},
		"date and time":     {typed(field(Field{Kind: "datetime"}), "2026-02-03T09:30"), "field.x", attributes{"type": "datetime-local", "value": "2026-02-03T09:30"}},
		"with seconds":      {typed(field(Field{Kind: "datetime"}), "2026-02-03T09:30:15"), "field.x", attributes{"type": "datetime-local", "value": "2026-02-03T09:30:15"}},
		"with a zone":       {typed(field(Field{Kind: "datetime"}), "2026-02-03T09:30+01:00"), "field.x", attributes{"type": "text", "value": "2026-02-03T09:30+01:00"}},
		"time":              {typed(field(Field{Kind: "time"}), "09:30"), "field.x", attributes{"type": "time", "value": "09:30"}},
		"no time":           {typed(field(Field{Kind: "time"}), "half past nine"), "field.x", attributes{"type": "text", "value": "half past nine"}},
		"email":             {typed(field(Field{Kind: "email", Required: true}), "dana@example.com"), "field.x", attributes{"type": "email", "required": "", "value": "dana@example.com"}},
		"url":               {typed(field(Field{Kind: "url"}), "example.com"), "field.x", attributes{"type": "url", "value": "example.com"}},
		"no date":           {typed(field(Field{Kind: "date"}), "2026-02-30"), "field.x", attributes{"type": "text", "value": "2026-02-30"}},
		"boolean":           {field(Field{Kind: "boolean"}), "field.x", attributes{"type": "checkbox", "value": "true"}},
		"required boolean":  {field(Field{Kind: "boolean", Required: true}), "field.x", attributes{}}, // no is an answer
		"below nothing":     {field(Field{Kind: "integer", Minimum: "-5"}), "field.x", attributes{"type": "text", "inputmode": ""}},
		"boolean ticked":    {field(Field{Kind: "boolean", Default: "true"}), "field.x", attributes{"checked": ""}},
		"word":              {Form{Confirm: "word", Word: "deploy"}, "confirm", attributes{"autocomplete": "off", "autocapitalize": "off", "required": ""}},
		"code":              {Form{Confirm: "code"}, "confirm", attributes{"autocomplete": "one-time-code", "inputmode": "numeric", "required": ""}},
		"optional comment":  {Form{Comment: "optional"}, "comment", attributes{}},
		"required comment":  {Form{Comment: "required"}, "comment", attributes{"required": ""}},
		"comment on reject": {Form{Comment: "required-on-reject"}, "comment", attributes{}},
	} {
		t.Run(name, func(t *testing.T) {
			n := named(t, formIn(t, waiting(&test.form)), "name", test.input)
			for key, want := range test.want {
				if got, there := attr(n, key); got != want || !there && key != "inputmode" {
					t.Errorf("%s=%q (%t), want %q", key, got, there, want)
				}
			}
			for _, key := range []string{"required", "checked", "maxlength"} {
				_, there := attr(n, key)
				if _, want := test.want[key]; there != want {
					t.Errorf("%s: %t, want %t", key, there, want)
				}
			}
		})
	}
}

// TestLabels holds that every visible input has a label, and checks what the label says.
func TestLabels(t *testing.T) {
	for _, s := range samples() {
		if s.page.State != Waiting {
			continue
		}
		f := formIn(t, s.page)
		for _, n := range find(f, "input", "select", "textarea") {
			if value(n, "type") == "hidden" || value(n, "type") == "checkbox" && n.Parent.Data == "label" && prose(n.Parent) != "" {
				continue
			}
			if label := named(t, f, "for", value(n, "id")); label.Data != "label" || prose(label) == "" {
				t.Errorf("%s: %s has no label", s.name, value(n, "name"))
			}
		}
	}
	f := formIn(t, waiting(&Form{
		Comment: "required-on-reject", RejectLabel: "Not now", Confirm: "word", Word: "a<b",
		Fields: []Field{{Name: "x", Kind: "text", Help: "Help.", MaxLength: 80}, {Name: "y", Label: "Why", Kind: "text", Required: true},
			{Name: "at", Kind: "datetime"}, {Name: "time", Kind: "time", Required: true}},
	}))
	var labels []string
	for _, n := range find(f, "label") {
		labels = append(labels, prose(n))
	}
	same(t, "labels", labels, []string{
		"Your name", "x (optional)", "Why", "at (in UTC, optional)", "time (in UTC)", "Comment (required if you choose “Not now”)", "To continue, type a<b",
	})
	hint := value(named(t, f, "name", "field.x"), "aria-describedby")
	same(t, "hint", prose(named(t, f, "id", hint)), "Help. At most 80 characters.")
}

func TestChoices(t *testing.T) {
	f := &Form{Fields: []Field{{Name: "region", Kind: "choice", Required: true, Default: "eu", Choices: []Choice{{"eu", "Europe"}, {Value: "ap"}}}}}
	var got []string
	for _, n := range find(named(t, formIn(t, waiting(f)), "name", "field.region"), "option") {
		_, chosen := attr(n, "selected")
		got = append(got, value(n, "value")+"|"+prose(n))
		same(t, "chosen", chosen, value(n, "value") == "eu")
	}
	same(t, "options", got, []string{"|Please choose", "eu|Europe", "ap|ap"})
}

// TestKept holds that everything that was typed is shown again unchanged.
func TestKept(t *testing.T) {
	f := &Form{Nonce: "fresh", Comment: "required", Fields: allFields(), Confirm: "word", Word: "deploy"}
	f.Values = url.Values{
		"nonce": {"old"}, "decision": {"approved"}, "approver": {`Dana "D" Okafor`}, "comment": {"\n first\n\n</textarea>last "},
		"field.reason": {"<b>late</b>"}, "field.plan": {"\nroll back"}, "field.seats": {"many"}, "field.budget": {"12.50"},
		"field.region": {"us"}, "field.start": {"soon"}, "confirm": {"depluy"},
	}
	form := formIn(t, waiting(f))
	same(t, "nonce", value(named(t, form, "name", "nonce"), "value"), "fresh")
	for name, want := range f.Values {
		n := named(t, form, "name", name)
		got := value(n, "value")
		switch {
		case name == "nonce" || name == "decision":
			continue
		case n.Data == "textarea":
			got = textOf(n)
		case n.Data == "select":
			got = value(named(t, n, "selected", ""), "value")
		}
		same(t, name, got, want[0])
	}
	if _, ticked := attr(named(t, form, "name", "field.notify"), "checked"); ticked {
		t.Error("what is ticked by default is ticked again, though the reader had taken it out")
	}
}
