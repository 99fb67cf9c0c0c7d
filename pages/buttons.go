package pages

// buttons returns the buttons of a form, in the order in which they are shown.
func buttons(c *catalogue, f *Form) ([]buttonView, error) {
	approve := buttonView{Value: "confirmed", Label: f.ApproveLabel, Style: "main"}
	switch f.action() {
	case ActionApproval:
		approve.Value = "approved"
		if err := c.label(&approve, "button.approve", "effect.approved"); err != nil {
			return nil, err
		}
		all := []buttonView{approve}
		for _, answer := range f.Answers {
			b := buttonView{Value: answer.Value, Label: answer.Label, Style: answer.Style}
			if err := c.label(&b, "", "effect.choice"); err != nil {
				return nil, err
			}
			all = append(all, b)
		}
		reject := buttonView{Value: "rejected", Label: f.RejectLabel, Unchecked: true}
		err := c.label(&reject, "button.reject", "effect.rejected")
		return append(all, reject), err
	case ActionFailure:
		approve.Style = "danger"
		err := c.label(&approve, "button.failure", "effect.failure")
		return []buttonView{approve}, err
	case ActionHeartbeat:
		err := c.label(&approve, "button.heartbeat", "effect.heartbeat")
		return []buttonView{approve}, err
	default:
		err := c.label(&approve, "button.confirm", "effect.success")
		if err == nil { // "Confirm" does not say what
			approve.Effect, err = c.Plain("effect.success")
		}
		return []buttonView{approve}, err
	}
}

// label gives a button the catalogue's label. If the workflow has given it one of its own,
// the page says below it what it does.
func (c *catalogue) label(b *buttonView, label, effect string) (err error) {
	if b.Label != "" {
		b.Effect, err = c.Plain(effect)
		return err
	}
	b.Label, err = c.Plain(label)
	return err
}

// label returns the label of the button that sends a value, "" if there is none.
func (v *formView) label(value string) string { return labelOf(v.Buttons, value) }

func labelOf(buttons []buttonView, value string) string {
	for _, b := range buttons {
		if b.Value == value {
			return b.Label
		}
	}
	return ""
}

// newOut asks readers who are not the right person for a note.
func newOut(c *catalogue, f *Form) (*outView, error) {
	note := &input{ID: noteInput, Name: noteInput, Kind: "longtext", Value: f.typed(noteInput, "")}
	var err error
	if note.Label, err = c.T("out.note"); err == nil {
		note.Note, err = c.T("form.optional")
	}
	return &outView{c, f.Nonce, note, note.Value != ""}, err
}
