package pages

import (
	"fmt"
	"html/template"
)

// decisionView is one line of who decided what.
type decisionView struct {
	Symbol   string
	Text, At template.HTML
}

// decided tells the last decision, which is the one that counts.
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
			kind = "failure" // so that nobody takes it for done
		}
		return v.words("on-its-way."+kind+"."+whose, "on-its-way.text."+whose)
	}
	v.Symbol = &symbol{"cross", "no"}
	if last.agrees() {
		v.Symbol = &symbol{"check", "ok"}
	}
	return v.words("decided."+last.result()+"."+whose, "decided.text."+kind+"."+whose)
}

// settled tells that there is an outcome, without one of the page's decisions.
// What the author wants said after an answer is shown to who gave it, so with a
// text it is the reader's own.
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

// result is how texts are named for what d says.
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

// kind is how texts are named for what d is: where there was one button there
// was nothing to decide.
func (d Decision) kind() string {
	if d.Action == ActionSuccess || d.Action == ActionFailure {
		return "answer"
	}
	return "decision"
}

// agrees tells whether d is the one of two that its workflow hopes for.
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

// decision tells who decided what, and when. Of an answer nobody knows whose it
// is, unless it is the reader's own.
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
