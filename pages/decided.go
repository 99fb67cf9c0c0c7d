package pages

import (
	"fmt"
	"html/template"
)

// decisionView is one line of the list of who decided what.
type decisionView struct {
	Symbol  string
	Text    template.HTML
	At      *moment
	Comment string
}

// results has the symbol of each result. No two results of one callback that mean
// something different look the same.
var results = map[string]symbol{
	"approved": {"check", "ok"},
	"rejected": {"cross", "no"},
	"choice":   {"bubble", "pick"},
	"success":  {"check", "ok"},
	"failure":  {"warning", "no"},
}

// decided shows the last decision, which settled it.
func (v *view) decided(page Page) error {
	if len(page.Decisions) == 0 {
		return v.settled(page)
	}
	last := page.Decisions[len(page.Decisions)-1]
	whose := "other"
	if last.Yours {
		whose = "yours"
	}
	v.Receipt = last.Yours
	if page.State == OnItsWay {
		v.Symbol = "arrow"
		return v.words("on-its-way."+last.result()+"."+whose, "on-its-way.text."+whose, "choice", last.Choice)
	}
	v.Symbol, v.Tone = results[last.result()].Name, results[last.result()].Tone
	return v.words("decided."+last.result()+"."+whose, "decided.text."+last.kind()+"."+whose, "choice", last.Choice)
}

// counted says what the reader has decided, while others still have to.
func (v *view) counted(page Page) error {
	v.Symbol, v.Tone = "dots", "ok"
	heading := "counted.title"
	for _, d := range page.Decisions {
		if result := d.result(); d.Yours && (result == "approved" || result == "rejected") {
			heading, v.Tone, v.Receipt = "counted."+result, results[result].Tone, true
		}
	}
	return v.words(heading, "counted.text")
}

// settled says that there is an outcome that did not come from the page's decisions.
// If the page has a text, the reader gave the answer, since only the person who
// answered gets the author's text.
func (v *view) settled(page Page) error {
	switch {
	case page.Text == "":
		v.Symbol = "dash"
		return v.words("settled.title", "settled.text")
	case page.State == OnItsWay:
		v.Symbol = "arrow"
		return v.words("on-its-way.answer.yours", "on-its-way.text.yours")
	default:
		v.Symbol, v.Tone = "check", "ok"
		return v.words("answered.title", "decided.text.answer.yours")
	}
}

// result is the part of a text's key that depends on what was decided.
func (d Decision) result() string {
	switch {
	case d.Action == ActionSuccess || d.Action == ActionFailure:
		return string(d.Action)
	case d.Choice != "":
		return "choice"
	case d.Approved:
		return "approved"
	default:
		return "rejected"
	}
}

// kind is the part of a text's key that tells a decision from an answer: with one
// button there is nothing to decide.
func (d Decision) kind() string {
	if d.Action == ActionSuccess || d.Action == ActionFailure {
		return "answer"
	}
	return "decision"
}

func (v *view) decisions(decisions []Decision) (err error) {
	heading := "decisions"
	for _, d := range decisions {
		if d.kind() == "answer" {
			heading = "decisions.answer"
		}
		line, err := v.decision(d)
		if err != nil {
			return fmt.Errorf("decisions: %w", err)
		}
		v.Decisions = append(v.Decisions, line)
	}
	v.Deciders, err = v.Plain(heading)
	return err
}

// decision says who decided what, and when. It is unknown who gave an answer, unless it
// was the reader.
func (v *view) decision(d Decision) (line decisionView, err error) {
	line.Symbol, line.Comment = results[d.result()].Name, d.Comment
	if !d.At.IsZero() {
		m, err := v.moment("when", d.At, datedTime, v.past)
		if err != nil {
			return line, err
		}
		line.At = &m
	}
	name, err := v.Name(d.Approver)
	choice := isolated(d.Choice)
	switch {
	case err != nil:
	case d.Yours:
		line.Text, err = v.T("decision."+d.result()+".you", "choice", choice)
		if d.Approver != "" {
			line.Text += " (" + name + ")"
		}
	case d.kind() == "answer" && d.Approver == "":
		line.Text, err = v.T("decided." + d.result() + ".other")
	default:
		line.Text, err = v.T("decision."+d.result(), "name", name, "choice", choice)
	}
	if err == nil && d.Typed && !d.Yours {
		var typed template.HTML
		typed, err = v.T("decision.typed")
		line.Text += " (" + typed + ")"
	}
	return line, err
}
