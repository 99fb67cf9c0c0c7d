package pages

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"strings"
)

// The names of the form's inputs. The name of a field's input is a prefix and the
// field's name.
const (
	nonceInput    = "nonce"
	decisionInput = "decision"
	approverInput = "approver"
	commentInput  = "comment"
	confirmInput  = "confirm"
	noteInput     = "note" // of the form that says that this is not for the reader
	fieldPrefix   = "field."
)

// formView is a form in one language.
type formView struct {
	*catalogue
	Nonce    string
	Stale    bool
	Problems []problemView
	As       template.HTML
	Inputs   []*input
	Buttons  []buttonView
	Final    bool
	Out      *outView
}

// buttonView is a button that decides.
type buttonView struct {
	Value, Label, Style string
	Effect              string // what the button does, if its label alone does not say so
	Unchecked           bool   // it can be pressed though required inputs are empty
}

// outView is the second form, for readers who are not the right person.
type outView struct {
	*catalogue
	Nonce string
	Note  *input
	Open  bool
}

// input is one input with everything that belongs to it. Kind selects its element.
type input struct {
	ID, Name, Kind   string
	Label            template.HTML
	Short            template.HTML // a short label, if the label is a sentence
	Note             template.HTML // in brackets after the label
	Hint, Error      template.HTML
	Local            template.HTML // with an empty element for a time in the reader's time zone
	Value            string
	Required         bool
	Mode             string
	Minimum, Maximum string
	None             string
	Choices          []choiceView
}

type choiceView struct {
	ID, Value, Label string
	Chosen           bool
}

// DescribedBy returns the ids of the elements that screen readers read out with the
// input.
func (i *input) DescribedBy() string {
	var ids []string
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if i.Error != "" {
		ids = append(ids, i.ID+"-error")
	}
	return strings.Join(ids, " ")
}

func (f *Form) action() Action { return cmp.Or(f.Action, ActionApproval) }

// chosen returns what was ticked in an input with several choices before, or otherwise
// what is ticked at first.
func (f *Form) chosen(name, otherwise string) []string {
	if f.Values == nil {
		return []string{otherwise}
	}
	return f.Values[name]
}

// typed returns what was typed into an input before, or otherwise its initial value.
func (f *Form) typed(name, otherwise string) string {
	if f.Values == nil {
		return otherwise
	}
	return f.Values.Get(name)
}

func newForm(c *catalogue, f *Form) (*formView, error) {
	v := &formView{catalogue: c, Nonce: f.Nonce, Stale: f.Stale, Final: f.action() != ActionHeartbeat}
	var err error
	if v.Buttons, err = buttons(c, f); err != nil {
		return nil, err
	}
	if f.Approver != "" {
		key := "form.as"
		if f.action() != ActionApproval {
			key = "form.as.other"
		}
		name, err := c.Name(f.Approver)
		if err != nil {
			return nil, err
		}
		if v.As, err = c.T(key, "name", name); err != nil {
			return nil, err
		}
	}
	if v.Inputs, err = inputs(c, f, v.label("rejected")); err != nil {
		return nil, err
	}
	if f.NotForMe {
		if v.Out, err = newOut(c, f); err != nil {
			return nil, err
		}
	}
	for _, p := range f.Problems {
		if err := v.problem(p); err != nil {
			return nil, err
		}
	}
	if v.Out != nil && v.Out.Note.Error != "" {
		v.Out.Open = true
	}
	return v, nil
}

// inputs returns the inputs in order: the name, the fields, the comment, and the
// confirmation.
func inputs(c *catalogue, f *Form, reject string) ([]*input, error) {
	var all []*input
	var errs []error
	add := func(in *input, err error) {
		if in != nil {
			all = append(all, in)
		}
		errs = append(errs, err)
	}
	add(approverOf(c, f))
	for i := range f.Fields {
		add(fieldOf(c, f, i))
	}
	add(commentOf(c, f, reject))
	add(confirmOf(c, f))
	return all, errors.Join(errs...)
}

// approverOf asks who decides. Other actions have one button with a fixed outcome that
// contains no name, so they do not ask.
func approverOf(c *catalogue, f *Form) (*input, error) {
	if f.Approver != "" || f.action() != ActionApproval {
		return nil, nil
	}
	in := &input{ID: approverInput, Name: approverInput, Kind: "name", Required: true, Value: f.typed(approverInput, "")}
	var err error
	if in.Label, err = c.T("form.name"); err == nil {
		in.Hint, err = c.T("form.name.help")
	}
	return in, err
}

func commentOf(c *catalogue, f *Form, reject string) (*input, error) {
	in := &input{ID: commentInput, Name: commentInput, Kind: "longtext", Value: f.typed(commentInput, "")}
	var err error
	switch f.Comment {
	case "", "none":
		return nil, nil
	case "optional":
		in.Note, err = c.T("form.optional")
	case "required":
		in.Required = true
	case "required-on-reject":
		in.Note, err = c.T("form.needed-on-reject", "button", reject)
	default:
		return nil, fmt.Errorf("comment %q: want optional, required, required-on-reject or none", f.Comment)
	}
	if err == nil {
		in.Label, err = c.T("form.comment")
	}
	return in, err
}

func confirmOf(c *catalogue, f *Form) (*input, error) {
	in := &input{ID: confirmInput, Name: confirmInput, Kind: f.Confirm, Required: true, Value: f.typed(confirmInput, "")}
	var err error
	switch f.Confirm {
	case "":
		return nil, nil
	case "word":
		if in.Label, err = c.T("form.word", "word", "<code>"+escaped(f.Word)+"</code>"); err == nil {
			in.Short, err = c.T("form.confirmation")
		}
	case "code":
		if in.Label, err = c.T("form.code"); err == nil {
			in.Hint, err = c.T("form.code.help")
		}
	default:
		return nil, fmt.Errorf("confirm %q: want word, code or nothing", f.Confirm)
	}
	return in, err
}
