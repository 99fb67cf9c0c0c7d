package pages

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
	case "number", "integer":
		in.numeric()
	case "email", "url":
		err = in.limit(c, field.MaxLength)
	case "date":
		in.keep(time.DateOnly)
	case "datetime":
		in.keep("2006-01-02T15:04", "2006-01-02T15:04:05")
		err = in.inUTC(c)
	case "time":
		in.keep("15:04", "15:04:05")
		err = in.inUTC(c)
	case "choice":
		for _, choice := range field.Choices {
			in.Choices = append(in.Choices, choiceView{"", choice.Value, cmp.Or(choice.Label, choice.Value), choice.Value == in.Value})
		}
		in.None, err = c.Plain("choice.none")
	case "choices":
		in.tick(field.Choices, f.chosen(in.Name, field.Default))
	default:
		return nil, fmt.Errorf("field %q: no kind %q", field.Name, field.Kind)
	}
	if err == nil && !in.Required {
		var optional template.HTML
		optional, err = c.T("form.optional")
		if in.Note != "" {
			in.Note += ", "
		}
		in.Note += optional
	}
	return in, err
}

// tick makes an input of one box for each choice. The first box has the input's id, so
// that a problem leads to it.
func (i *input) tick(choices []Choice, chosen []string) {
	for n, choice := range choices {
		id := i.ID
		if n > 0 {
			id += "-" + strconv.Itoa(n+1)
		}
		i.Choices = append(i.Choices, choiceView{id, choice.Value, cmp.Or(choice.Label, choice.Value), slices.Contains(chosen, choice.Value)})
	}
}

// numeric makes an input for numbers: an input for text. One of type number would drop
// characters that numbers do not have in the browser's language, so that 12,5 silently
// becomes 125. Only whole numbers get a keypad of digits: on some phones keypads have no
// minus, and in some countries the one for decimals has a comma and no point.
func (i *input) numeric() {
	whole := i.Kind == "integer"
	if i.Kind = "text"; whole && i.Minimum != "" && !strings.HasPrefix(i.Minimum, "-") {
		i.Mode = "numeric"
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

// inUTC says at the label that a time is in UTC, since a browser's input has no time zone.
// The script fills in Local, which says below the input what this is in the reader's zone.
func (i *input) inUTC(c *catalogue) (err error) {
	if i.Note, err = c.T("form.utc"); err == nil {
		i.Local, err = c.T("form.local", "time", template.HTML("<b></b>"))
	}
	return err
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
