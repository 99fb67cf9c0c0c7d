package pages

import (
	"cmp"
	"slices"
	"strings"
)

// retryView lets the reader post again what was typed.
type retryView struct {
	*catalogue
	Hidden, Typed []pair
}

type pair struct {
	Name, Value string
}

// newRetry keeps everything that was in the form, and shows the part that the reader
// typed. The labels of fields may be unknown at the moment: then it shows the field's
// name.
func newRetry(c *catalogue, f *Form) (*retryView, error) {
	v := &retryView{catalogue: c}
	labels, order, err := retryLabels(c, f)
	if err != nil {
		return nil, err
	}
	buttons, err := buttons(c, f)
	if err != nil {
		return nil, err
	}
	notForMe, err := c.Plain("out.title")
	if err != nil {
		return nil, err
	}
	buttons = append(buttons, buttonView{Value: "not-for-me", Label: notForMe})
	v.Hidden = append(v.Hidden, pair{nonceInput, cmp.Or(f.Nonce, f.Values.Get(nonceInput))})
	for _, name := range order {
		for _, value := range f.Values[name] {
			v.Hidden = append(v.Hidden, pair{name, value})
			shown := value
			if name == decisionInput {
				shown = cmp.Or(labelOf(buttons, value), value)
			}
			if strings.TrimSpace(shown) != "" {
				v.Typed = append(v.Typed, pair{labels[name], shown})
			}
		}
	}
	return v, nil
}

// retryLabels returns the labels of the inputs that a form can have, and their order.
func retryLabels(c *catalogue, f *Form) (labels map[string]string, order []string, err error) {
	labels = map[string]string{}
	name := func(input, key string) {
		if err == nil {
			labels[input], err = c.Plain(key)
		}
		order = append(order, input)
	}
	name(decisionInput, "form.decision")
	name(approverInput, "form.name")
	for _, field := range f.Fields {
		labels[fieldPrefix+field.Name] = cmp.Or(field.Label, field.Name)
		order = append(order, fieldPrefix+field.Name)
	}
	var others []string
	for input := range f.Values {
		if field, ok := strings.CutPrefix(input, fieldPrefix); ok && labels[input] == "" {
			labels[input] = field
			others = append(others, input)
		}
	}
	slices.Sort(others)
	order = append(order, others...)
	name(commentInput, "form.comment")
	name(confirmInput, "form.confirmation")
	name(noteInput, "out.note")
	return labels, order, err
}
