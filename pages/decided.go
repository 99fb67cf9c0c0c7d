package pages

import (
	"fmt"
	"html/template"
)

// decisionView is one line of the list of who decided what.
type decisionView struct {
	Symbol   string
	Text, At template.HTML
}

// decided shows the last decision, which settled it.
func (v *view) decided(page Page) error {
	if len(page.Decisions) == 0 {
		return v.settled(page)
	}
	last := page.Decisions[len(page.Decisions)-1]
	whose, kind := "other", last.kind()
	if last.Yours {
		whose = "yours"
	}
	if page.State == OnItsWay {
		v.Symbol = &symbol{"arrow", ""}
		if last.Yours && last.agrees() {
			v.Symbol.Tone = "ok"
		}
		if last.result() == "failure" {
			kind = "failure" // so that nobody mistakes it for a success
		}
		return v.words("on-its-way."+kind+"."+whose, "on-its-way.text."+whose)
	}
	v.Symbol = &symbol{"cross", "no"}
	if last.agrees() {
		v.Symbol = &symbol{"check", "ok"}
	}
	return v.words("decided."+last.result()+"."+whose, "decided.text."+kind+"."+whose)
}

// settled says that there is an outcome that did not come from the page's decisions.
// If the page has a text, the reader gave the answer, since only the person who
// answered gets the author's text.
func (v *view) settled(page Page) error {
	switch {
	case page.Text == "":
		v.Symbol = &symbol{"dash", ""}
		return v.words("settled.title", "settled.text")
	case page.State == OnItsWay:
		v.Symbol = &symbol{"arrow", "ok"}
		return v.words("on-its-way.answer.yours", "on-its-way.text.yours")
	default:
		v.Symbol = &symbol{"check", "ok"}
		return v.words("answered.title", "decided.text.answer.yours")
	}
}

// result is the part of a text's key that depends on what was decided.
func (d Decision) result() string {
	switch {
	case d.Action == ActionSuccess || d.Action == ActionFailure:
		return string(d.Action)
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

// agrees tells whether d is the positive one of the two possible results.
func (d Decision) agrees() bool { return d.result() == "approved" || d.result() == "success" }

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
	line.Symbol = "cross"
	if d.agrees() {
		line.Symbol = "check"
	}
	if !d.At.IsZero() {
		if line.At, err = v.Time(d.At); err != nil {
			return line, err
		}
	}
	name, err := v.Name(d.Approver)
	switch {
	case err != nil:
	case d.Yours:
		line.Text, err = v.T("decision." + d.result() + ".you")
		if d.Approver != "" {
			line.Text += " (" + name + ")"
		}
	case d.kind() == "answer" && d.Approver == "":
		line.Text, err = v.T("decided." + d.result() + ".other")
	default:
		line.Text, err = v.T("decision."+d.result(), "name", name)
	}
	if err == nil && d.Typed && !d.Yours {
		var typed template.HTML
		typed, err = v.T("decision.typed")
		line.Text += " (" + typed + ")"
	}
	return line, err
}
