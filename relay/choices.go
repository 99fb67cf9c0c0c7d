package relay

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"callback-relay/forms"
	"callback-relay/names"
)

// Choice is one more answer to an approval, with a button beside those that approve and
// reject. Choosing it ends the approval.
type Choice struct {
	Value string      `json:"value"` // the decision in the output, so that a Choice state can branch on it
	Label string      `json:"label"`
	Style ButtonStyle `json:"style,omitempty"`
}

// ButtonStyle is the look of a choice's button; "" is a plain one.
type ButtonStyle string

// The styles.
const (
	ButtonMain   ButtonStyle = "main"
	ButtonDanger ButtonStyle = "danger"
)

// MaxChoices bounds the choices of an approval: nobody reads more buttons on a phone.
const MaxChoices = 8

var choiceValue = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// reservedDecisions are what buttons send that are no choices.
var reservedDecisions = []string{Approved, Rejected, Confirmed, NotForMe}

// LatestApproval is the latest version of approvals, see [Approval.Version].
const LatestApproval = 2

// Version tells which replicas can show the approval and take decisions about it. Those of
// earlier releases know only version 1: they cannot show choices or fields that take
// several, would take a stored choice for an approval, and would let everybody decide.
func (a *Approval) Version() int {
	if a != nil && (len(a.Choices) > 0 || a.Verify != VerifyNone || forms.TakesSeveral(a.Fields)) {
		return LatestApproval
	}
	return 1
}

// choice returns the choice with a value.
func (a *Approval) choice(value string) (Choice, bool) {
	i := slices.IndexFunc(a.Choices, func(c Choice) bool { return c.Value == value })
	if i < 0 {
		return Choice{}, false
	}
	return a.Choices[i], true
}

// The labels of an approval's buttons that the page has in English if the registration gives
// none.
const (
	defaultApproveLabel = "Approve"
	defaultRejectLabel  = "Reject"
)

// checkChoices checks the further answers. That their labels can be told apart is checked
// by [Approval.checkLabels].
func (m *mistakes) checkChoices(a *Approval) {
	if len(a.Choices) == 0 {
		return
	}
	if len(a.Choices) > MaxChoices {
		m.add("approval.choices", "has %d entries, but at most %d are allowed", len(a.Choices), MaxChoices)
		return
	}
	if a.Quorum() {
		m.add("approval.choices", "cannot be combined with required or rejections above 1: votes could split over the answers, so that none gets enough of them")
	}
	seen := map[string]bool{}
	for i, c := range a.Choices {
		at := choiceField(i)
		switch {
		case !choiceValue.MatchString(c.Value):
			m.add(at+"value", "must be 1 to 64 characters a-z, 0-9 or - that begin with a letter, such as ask-finance: it is the decision in the output")
		case slices.Contains(reservedDecisions, c.Value):
			m.add(at+"value", "is a reserved word: choose another one")
		case seen[c.Value]:
			m.add(at+"value", "is also the value of another choice: give each its own")
		}
		seen[c.Value] = true
		if c.Label == "" {
			m.add(at+"label", "is required: it is what the button says, such as Ask finance first")
		}
		m.text(at+"label", c.Label, MaxLabelChars)
		m.checkVisible(at+"label", c.Label)
		if !slices.Contains([]ButtonStyle{"", ButtonMain, ButtonDanger}, c.Style) {
			m.add(at+"style", "must be main or danger, or left out for a plain button")
		}
	}
}

// choiceField is the prefix of the names of a choice's fields.
func choiceField(i int) string { return "approval.choices[" + strconv.Itoa(i) + "]." }

// checkLabels refuses buttons that a reader could mistake for each other.
func (a *Approval) checkLabels(m *mistakes) {
	type button struct{ at, label string }
	buttons := []button{
		{"approval.approveLabel", cmp.Or(a.ApproveLabel, defaultApproveLabel)},
		{"approval.rejectLabel", cmp.Or(a.RejectLabel, defaultRejectLabel)},
	}
	for i, c := range a.Choices[:min(len(a.Choices), MaxChoices)] {
		buttons = append(buttons, button{choiceField(i) + "label", c.Label})
	}
	for i, b := range buttons {
		for _, other := range buttons[:i] {
			if !names.Blank(b.label) && names.Alike(b.label, other.label) {
				m.add(b.at, "looks like the label of another button, %s: give labels that people can tell apart", other.at)
				break
			}
		}
	}
}
