package relay

import (
	"slices"
	"strings"

	"callback-relay/names"
)

// Approval is what the pages of a callback show, and what they ask of the
// person who decides.
type Approval struct {
	Title        string
	Message      string // Markdown
	Details      []Detail
	ApproveLabel string
	RejectLabel  string
	Comment      CommentMode
	Fields       []byte // a JSON Schema that [ParseFields] reads; nil for none
	OnReject     OutcomeType
	Confirm      Confirm
	Required     int // approvals, each by somebody else
	Rejections   int // that end it
}

// Detail is one line of what is to be decided.
type Detail struct{ Name, Value string }

// CommentMode says whether a page asks for a comment.
type CommentMode string

// The choices. Optional is the default.
const (
	CommentOptional         CommentMode = "optional"
	CommentRequired         CommentMode = "required"
	CommentRequiredOnReject CommentMode = "required-on-reject"
	CommentNone             CommentMode = "none"
)

// Confirm says what a page asks for that no program does that only presses
// buttons.
type Confirm string

// The choices. None is the default.
const (
	ConfirmNone Confirm = ""
	ConfirmWord Confirm = "word" // the page shows a word, to be typed
	ConfirmCode Confirm = "code" // six digits that came by another way
)

// The bounds of an approval.
const (
	MaxTitleChars       = 200
	MaxMessageChars     = 5000
	MaxDetails          = 20
	MaxDetailNameChars  = 64
	MaxDetailValueChars = 1000
	MaxLabelChars       = 40
	MaxCommentChars     = 2000
)

// normal returns the approval with what was left out filled in.
func (a *Approval) normal() *Approval {
	var full Approval
	if a != nil {
		full = *a
	}
	if full.Comment == "" {
		full.Comment = CommentOptional
	}
	if full.OnReject == "" {
		full.OnReject = OutcomeSuccess
	}
	if full.Required == 0 {
		full.Required = 1
	}
	if full.Rejections == 0 {
		full.Rejections = 1
	}
	return &full
}

// Quorum tells whether it takes more than one person.
func (a *Approval) Quorum() bool { return a.Required > 1 || a.Rejections > 1 }

func (m *mistakes) checkApproval(r *Registration, maxOutput int, schemas Schemas) {
	a := r.Approval
	if len(r.pages()) == 0 {
		m.add("approval", "has no link that shows it: give one of type approval, or one with page")
	}
	m.text("approval.title", a.Title, MaxTitleChars)
	m.text("approval.message", a.Message, MaxMessageChars)
	m.text("approval.approveLabel", a.ApproveLabel, MaxLabelChars)
	m.text("approval.rejectLabel", a.RejectLabel, MaxLabelChars)
	m.checkDetails(a.Details)
	if !slices.Contains([]CommentMode{CommentOptional, CommentRequired, CommentRequiredOnReject, CommentNone}, a.Comment) {
		m.add("approval.comment", "must be optional, required, required-on-reject or none")
	}
	if a.OnReject != OutcomeSuccess && a.OnReject != OutcomeFailure {
		m.add("approval.onReject", "must be success or failure")
	}
	if !slices.Contains([]Confirm{ConfirmNone, ConfirmWord, ConfirmCode}, a.Confirm) {
		m.add("approval.confirm", "must be word or code")
	}
	if a.Fields != nil {
		m.checkFields(a.Fields, schemas)
	}
	m.checkQuorum(r, maxOutput)
}

// checkSeen refuses texts that are there and cannot be seen.
func (a *Approval) checkSeen(m *mistakes) {
	m.checkSeen("approval.title", strings.TrimSpace(a.Title)) // a link's is cut so too
	m.checkSeen("approval.approveLabel", a.ApproveLabel)
	m.checkSeen("approval.rejectLabel", a.RejectLabel)
	for _, d := range a.Details {
		m.checkSeen("approval.details", strings.TrimSpace(d.Name)) // an empty one is refused anyway
	}
}

func (m *mistakes) checkDetails(details []Detail) {
	if len(details) > MaxDetails {
		m.add("approval.details", "has %d entries, at most %d are allowed", len(details), MaxDetails)
	}
	for _, d := range details {
		if strings.TrimSpace(d.Name) == "" {
			m.add("approval.details", "has a name that is empty")
		}
		m.text("approval.details", d.Name, MaxDetailNameChars)
		m.text("approval.details", d.Value, MaxDetailValueChars)
	}
}

func (m *mistakes) checkFields(schema []byte, schemas Schemas) {
	if _, err := ParseFields(schema); err != nil {
		*m = append(*m, err)
	} else if err := schemas.Check(schema); err != nil {
		*m = append(*m, err)
	}
}

// checkQuorum sees to it that so many can decide, that every way in which they
// can ends it, and that what they say has room in one output.
func (m *mistakes) checkQuorum(r *Registration, maxOutput int) {
	a, people := r.Approval, people(r.NumberedLinks())
	switch {
	case a.Required < 1:
		m.add("approval.required", "must be at least 1")
	case a.Rejections < 1:
		m.add("approval.rejections", "must be at least 1")
	case people == 0 && a.Quorum():
		m.add("approval.required", "needs links of type approval: others answer at once")
	case people == 0:
	case a.Required > people:
		m.add("approval.required", "is %d, and the links of type approval are for %d people", a.Required, people)
	case a.Rejections > people:
		m.add("approval.rejections", "is %d, and the links of type approval are for %d people", a.Rejections, people)
	case a.Required+a.Rejections > people+1:
		m.add("approval.rejections", "is too many: with %d people, %d approvals required and %d rejections, all could decide and nothing would be decided",
			people, a.Required, a.Rejections)
	case a.decisionBytes(maxOutput) < minDecisionBytes:
		m.add("approval.required", "and rejections are too many: an output of at most %d bytes has no room for what that many people decide", maxOutput)
	}
}

// people counts those who can decide: everybody with a name once, and each link
// without one.
func people(links []Link) int {
	known := map[string]bool{}
	for _, link := range links {
		switch {
		case link.Type != LinkApproval:
		case link.Approver != "":
			known[names.Key(link.Approver)] = true
		default:
			known["\x00"+link.Name] = true
		}
	}
	return len(known)
}
