package pages

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
)

// problemView is one line of the summary above a form.
type problemView struct {
	ID    string        // of the input that the line links to
	Label template.HTML // what stands before the text
	Text  template.HTML
}

// problem adds a problem to its input and to the summary.
func (v *formView) problem(p Problem) error {
	in := v.input(p.Input)
	text, err := v.T(v.problemKey(p, in), "limit", p.Limit)
	if err != nil {
		return err
	}
	line := problemView{Text: text}
	switch {
	case in != nil:
		line.ID, line.Label = in.ID, cmp.Or(in.Short, in.Label)
		if in.Error != "" {
			in.Error += " "
		}
		in.Error += text
	case p.Input == decisionInput:
		line.ID = decisionInput
	default:
		line.Label = escaped(strings.TrimPrefix(p.Input, fieldPrefix))
	}
	line.Label = led(line.Label)
	v.Problems = append(v.Problems, line)
	return nil
}

// led returns a label as it stands before a sentence: with a colon, unless it is a question or
// has a colon already.
func led(label template.HTML) template.HTML {
	plain := strings.TrimSuffix(string(label), "</bdi>")
	switch {
	case plain == "":
		return ""
	case strings.HasSuffix(plain, "?"), strings.HasSuffix(plain, ":"), strings.HasSuffix(plain, "？"):
		return label + " "
	}
	return label + ": "
}

// input returns the input with a name, nil if there is none.
func (v *formView) input(name string) *input {
	if v.Out != nil && name == noteInput {
		return v.Out.Note
	}
	if at := slices.IndexFunc(v.Inputs, func(in *input) bool { return in.Name == name }); at >= 0 {
		return v.Inputs[at]
	}
	return nil
}

// missing has the texts for inputs into which nothing is typed.
var missing = map[string]string{"boolean": "problem.missing.tick", "choice": "problem.not-a-choice", "choices": "problem.missing.boxes"}

// problemKey returns the key of the text for a problem. It depends on the kind of the
// problem, on the input, and on whether a limit is known.
func (v *formView) problemKey(p Problem, in *input) string {
	key := "problem." + p.Kind
	switch {
	case p.Input == decisionInput:
		key = "problem.decision"
	case p.Kind == "missing" && in != nil:
		key = cmp.Or(missing[in.Kind], key)
	}
	if _, known := v.texts[key]; !known {
		key = "problem.invalid"
	}
	if _, bare := v.texts[key+".bare"]; bare && p.Limit == "" {
		key += ".bare"
	}
	return key
}
