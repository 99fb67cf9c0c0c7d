package relay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/forms"
	"callback-relay/relay"
)

func TestChoicesAreChecked(t *testing.T) {
	choice := func(value, label string) relay.Choice { return relay.Choice{Value: value, Label: label} }
	many := func(n int) (all []relay.Choice) {
		for i := range n {
			all = append(all, choice(fmt.Sprint("c", i), fmt.Sprint("Choice ", i)))
		}
		return all
	}
	for name, c := range map[string]struct {
		a    relay.Approval
		want []string
	}{
		"three": {relay.Approval{Choices: []relay.Choice{
			{Value: "ask-finance", Label: "Ask finance first", Style: relay.ButtonMain},
			{Value: "halt2", Label: "Stop everything", Style: relay.ButtonDanger}, choice(strings.Repeat("x", 64), strings.Repeat("ä", 40)),
		}}, nil},
		"at most eight": {relay.Approval{Choices: many(8)}, nil},
		"nine":          {relay.Approval{Choices: many(9)}, []string{"approval.choices"}},
		"values": {relay.Approval{Choices: []relay.Choice{
			choice("", "A"), choice("Later", "B"), choice("2nd", "C"), choice(strings.Repeat("x", 65), "D"), choice("approved", "E"), choice("rejected", "F"), choice("confirmed", "G"), choice("not-for-me", "H"),
		}}, []string{
			"approval.choices[0].value", "approval.choices[1].value", "approval.choices[2].value", "approval.choices[3].value",
			"approval.choices[4].value", "approval.choices[5].value", "approval.choices[6].value", "approval.choices[7].value",
		}},
		"the same value": {relay.Approval{Choices: []relay.Choice{choice("a", "A"), choice("b", "B"), choice("a", "C")}}, []string{"approval.choices[2].value"}},
		"labels": {relay.Approval{Choices: []relay.Choice{choice("a", ""), choice("b", "\u200b "), choice("c", strings.Repeat("x", 41)), choice("d", "\xff")}},
			[]string{"approval.choices[0].label", "approval.choices[1].label", "approval.choices[2].label", "approval.choices[3].label"}},
		"a style":             {relay.Approval{Choices: []relay.Choice{{Value: "a", Label: "A", Style: "green"}}}, []string{"approval.choices[0].style"}},
		"two people":          {relay.Approval{Choices: many(1), Required: 2}, []string{"approval.choices"}},
		"two rejections":      {relay.Approval{Choices: many(1), Rejections: 2}, []string{"approval.choices"}},
		"alike":               {relay.Approval{Choices: []relay.Choice{choice("a", "Later"), choice("b", " LATER")}}, []string{"approval.choices[1].label"}},
		"of two alphabets":    {relay.Approval{Choices: []relay.Choice{choice("a", "Later"), choice("b", "L\u0430ter")}}, []string{"approval.choices[1].label"}},
		"as the approve":      {relay.Approval{ApproveLabel: "Deploy", Choices: []relay.Choice{choice("a", "deploy")}}, []string{"approval.choices[0].label"}},
		"as the reject":       {relay.Approval{RejectLabel: "Not now", Choices: []relay.Choice{choice("a", "Not  now")}}, []string{"approval.choices[0].label"}},
		"as the page says":    {relay.Approval{Choices: []relay.Choice{choice("a", "Approve"), choice("b", "Reject")}}, []string{"approval.choices[0].label", "approval.choices[1].label"}},
		"both buttons":        {relay.Approval{ApproveLabel: "OK", RejectLabel: "ok"}, []string{"approval.rejectLabel"}},
		"reject as approve":   {relay.Approval{RejectLabel: "Approve"}, []string{"approval.rejectLabel"}},
		"approve as reject":   {relay.Approval{ApproveLabel: "Reject"}, []string{"approval.rejectLabel"}},
		"the other way round": {relay.Approval{ApproveLabel: "Reject", RejectLabel: "Approve"}, nil},
	} {
		r := relay.Registration{Approval: &c.a, Links: approvers(2)}
		if got := wrongFields(t, r); !cmp.Equal(c.want, got) {
			t.Errorf("%s: fields %q, want %q", name, got, c.want)
		}
	}
}

// The previous release took buttons with the same label: what it registered is still found.
func TestEqualLabelsThatAreRegistered(t *testing.T) {
	kept := &scripted{found: relay.Callback{ID: "before"}}
	r := relay.Registration{TaskToken: "t", Links: approvers(1), Approval: &relay.Approval{Title: "Deploy?", ApproveLabel: "OK", RejectLabel: "OK"}}
	o := serviceOptions(t, kept)
	o.MaxOutput = relay.MaxOutputBytes
	if cb, created, err := relay.NewService(o).Create(t.Context(), r); cb.ID != "before" || created || err != nil {
		t.Errorf("%s, created: %t, %v", cb.ID, created, err)
	}
}

// askFinance gives an approval two further answers.
func askFinance(v *relay.View) {
	v.Approval.Choices = []relay.Choice{{Value: "ask-finance", Label: "Ask finance first"}, {Value: "halt", Label: "Stop everything", Style: relay.ButtonDanger}}
	v.Approval.Comment = relay.CommentRequiredOnReject
	v.Approval.Fields = []byte(`{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`)
}

// Choosing another answer ends the approval as approving does: its value is the decision
// in the output, what approving needs is needed, and what only rejecting needs is not.
func TestChoiceDecides(t *testing.T) {
	v, ref, sub := cast(t, askFinance)
	b := &ballot{views: []relay.View{v}}
	b.recorded, b.settled = relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}, relay.Settlement{State: relay.StateDelivered}
	sub.Decision = "ask-finance"
	form := (*relay.FormError)(nil)
	if page, _, err := b.service().Submit(t.Context(), ref, nil, sub); !errors.As(err, &form) || form.Problems[0].Field != "field.n" || !cmp.Equal(page.Form.Choices, v.Approval.Choices) {
		t.Errorf("without a field: %v, choices %v", err, page.Form.Choices)
	}
	sub.Fields = map[string][]string{"n": {"3"}}
	page, duplicate, err := b.service().Submit(t.Context(), ref, nil, sub)
	if err != nil || duplicate || len(page.Steps) != 1 || page.Steps[0].Choice != "Ask finance first" || !page.Steps[0].Approved || !page.Steps[0].Yours {
		t.Fatalf("%+v, duplicate: %v, %v", page.Steps, duplicate, err)
	}
	var output struct {
		Decision string
		Fields   json.RawMessage
	}
	if err := json.Unmarshal(b.delivered.Outcome.Output, &output); err != nil || output.Decision != "ask-finance" || string(output.Fields) != `{"n":3}` || b.delivered.Outcome.Type != relay.OutcomeSuccess {
		t.Errorf("output %+v, %v", output, err)
	}
	sub.Decision = "ask-legal"
	if _, _, err := b.service().Submit(t.Context(), ref, nil, sub); !errors.As(err, &form) || !slices.Contains(form.Problems, forms.Problem{Field: relay.InputDecision, Kind: forms.ProblemMissing}) {
		t.Errorf("an answer that was not offered: %v", err)
	}
}

// Choosing the same again is a repetition; anything else came too late.
func TestChoiceIsRepeated(t *testing.T) {
	for decision, repeated := range map[string]bool{"ask-finance": true, "halt": false, relay.Approved: false, relay.Rejected: false} {
		v, ref, sub := cast(t, askFinance, decidedBy(0, "Dana", true))
		v.Decisions[0].Choice, v.Decisions[0].Label = "ask-finance", "Ask finance first"
		sub.Decision = decision
		b := &ballot{views: []relay.View{v}}
		_, duplicate, err := b.service().Submit(t.Context(), ref, nil, sub)
		if duplicate != repeated || errors.Is(err, relay.ErrAlreadyAnswered) == repeated {
			t.Errorf("%s: duplicate: %v, %v", decision, duplicate, err)
		}
	}
}
