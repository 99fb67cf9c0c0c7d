package pages

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
)

// problemView is one line of the summary above a form.
type problemView struct {
	ID          string // of the input that the line links to
	Label, Text template.HTML
}

// problem adds a problem to its input and to the summary.
func (v *formView) problem(p Problem) error {
	var in *input
	if at := slices.IndexFunc(v.Inputs, func(in *input) bool { return in.Name == p.Input }); at >= 0 {
		in = v.Inputs[at]
	}
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
	v.Problems = append(v.Problems, line)
	return nil
}

// problemKey returns the key of the text for a problem. It depends on the kind of the
// problem, on the input, and on whether a limit is known.
func (v *formView) problemKey(p Problem, in *input) string {
	key := "problem." + p.Kind
	switch {
	case p.Input == decisionInput:
		key = "problem.decision"
	case p.Kind == "missing" && in != nil && in.Kind == "boolean":
		key = "problem.missing.tick"
	}
	if _, known := v.texts[key]; !known {
		key = "problem.invalid"
	}
	if _, bare := v.texts[key+".bare"]; bare && p.Limit == "" {
		key += ".bare"
	}
	return key
}
