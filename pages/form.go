package pages

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The names of the form's inputs. The name of a field's input is a prefix and the
// field's name.
const (
	nonceInput    = "nonce"
	decisionInput = "decision"
	approverInput = "approver"
	commentInput  = "comment"
	confirmInput  = "confirm"
	fieldPrefix   = "field."
)

// formView is a form in one language.
type formView struct {
	*catalogue
	Nonce           string
	Stale           bool
	Problems        []problemView
	As              template.HTML
	Inputs          []*input
	Approve, Reject string // Reject is "" with one button
	Danger          bool   // the single button fails the task
	Final           bool
}

// input is one input with everything that belongs to it. Kind selects its element.
type input struct {
	ID, Name, Kind   string
	Label            template.HTML
	Short            template.HTML // a short label, if the label is a sentence
	Note             template.HTML // in brackets after the label
	Hint, Error      template.HTML
	Value            string
	Required         bool
	Mode             string
	Minimum, Maximum string
	None             string
	Choices          []choiceView
}

type choiceView struct {
	Value, Label string
	Chosen       bool
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

// typed returns what was typed into an input before, or otherwise its initial value.
func (f *Form) typed(name, otherwise string) string {
	if f.Values == nil {
		return otherwise
	}
	return f.Values.Get(name)
}

func newForm(c *catalogue, f *Form) (*formView, error) {
	v := &formView{catalogue: c, Nonce: f.Nonce, Stale: f.Stale, Final: f.action() != ActionHeartbeat, Danger: f.action() == ActionFailure}
	var err error
	if v.Approve, v.Reject, err = buttons(c, f); err != nil {
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
	if v.Inputs, err = inputs(c, f, v.Reject); err != nil {
		return nil, err
	}
	for _, p := range f.Problems {
		if err := v.problem(p); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// buttons returns the labels of the buttons. reject is "" if there is only one button.
func buttons(c *catalogue, f *Form) (approve, reject string, err error) {
	key := "button.confirm"
	switch f.action() {
	case ActionApproval:
		key = "button.approve"
		if reject, err = c.Plain("button.reject"); err != nil {
			return "", "", err
		}
		reject = cmp.Or(f.RejectLabel, reject)
	case ActionFailure:
		key = "button.failure"
	case ActionHeartbeat:
		key = "button.heartbeat"
	}
	approve, err = c.Plain(key)
	return cmp.Or(f.ApproveLabel, approve), reject, err
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

// fieldOf returns the input of a field of the workflow's own. If what was typed is not a
// valid number or date, it is shown in an input for text, since it would be lost
// otherwise.
func fieldOf(c *catalogue, f *Form, index int) (*input, error) {
	field := f.Fields[index]
	in := &input{
		ID: "field-" + strconv.Itoa(index+1), Name: fieldPrefix + field.Name, Kind: field.Kind,
		Label: escaped(cmp.Or(field.Label, field.Name)), Hint: escaped(field.Help),
		Required: field.Required && field.Kind != "boolean",
		Minimum:  field.Minimum, Maximum: field.Maximum,
	}
	in.Value = f.typed(in.Name, field.Default)
	var err error
	switch field.Kind {
	case "text", "longtext":
		err = in.limit(c, field.MaxLength)
	case "boolean":
		return in, nil
	case "number":
		in.numeric("decimal")
	case "integer":
		in.numeric("numeric")
	case "email", "url":
		err = in.limit(c, field.MaxLength)
	case "date":
		in.keep(time.DateOnly)
	case "datetime":
		in.keep("2006-01-02T15:04", "2006-01-02T15:04:05")
		err = in.hint(c.T("form.utc"))
	case "time":
		in.keep("15:04", "15:04:05")
		err = in.hint(c.T("form.utc"))
	case "choice":
		for _, choice := range field.Choices {
			in.Choices = append(in.Choices, choiceView{choice.Value, cmp.Or(choice.Label, choice.Value), choice.Value == in.Value})
		}
		in.None, err = c.Plain("choice.none")
	default:
		return nil, fmt.Errorf("field %q: no kind %q", field.Name, field.Kind)
	}
	if err == nil && !in.Required {
		in.Note, err = c.T("form.optional")
	}
	return in, err
}

// numeric makes an input for numbers: an input for text, with a keyboard for numbers. An
// input of type number would drop characters that numbers do not have in the browser's
// language, so that 12,5 silently becomes 125.
func (i *input) numeric(keyboard string) {
	i.Kind, i.Mode = "text", keyboard
	if strings.HasPrefix(i.Minimum, "-") || i.Minimum == "" {
		i.Mode = "" // on some phones, keyboards for numbers have no minus
	}
}

// keep turns an input for times into an input for text if it would show the typed value
// as empty.
func (i *input) keep(layouts ...string) {
	fits := func(layout string) bool { _, err := time.Parse(layout, i.Value); return err == nil }
	if i.Value != "" && !slices.ContainsFunc(layouts, fits) {
		i.Kind = "text"
	}
}

// limit says how long a text may be. It does not use the attribute maxlength, which would
// silently cut off pasted text.
func (i *input) limit(c *catalogue, characters int) error {
	if characters <= 0 {
		return nil
	}
	return i.hint(c.T("form.max-length", "limit", characters))
}

// hint appends a sentence to the input's description.
func (i *input) hint(text template.HTML, err error) error {
	if i.Hint != "" {
		i.Hint += " "
	}
	i.Hint += text
	return err
}
