package relay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"callback-relay/forms"
	"callback-relay/names"
)

// Approval is what the pages of a callback show, and what they ask of the
// person who decides.
//
// Its JSON is what the store keeps. The store compares repeated registrations by
// it: another name or order of members makes old ones look different.
type Approval struct {
	Title        string      `json:"title,omitempty"`
	Message      string      `json:"message,omitempty"` // Markdown
	Details      []Detail    `json:"details,omitempty"`
	ApproveLabel string      `json:"approveLabel,omitempty"`
	RejectLabel  string      `json:"rejectLabel,omitempty"`
	Comment      CommentMode `json:"comment"`
	Fields       SchemaText  `json:"fields,omitempty"` // that [forms.Parse] takes; nil for none
	OnReject     OutcomeType `json:"onReject"`
	Confirm      Confirm     `json:"confirm,omitempty"`
	Required     int         `json:"required"`   // approvals, each by somebody else
	Rejections   int         `json:"rejections"` // that end it
	// Default says that all of it was filled in, for pages with one button, and
	// that there is nothing to decide. What the release before stored does not
	// say so.
	Default bool `json:"default,omitempty"`
}

// SchemaText is the text of a JSON Schema. In JSON it is a string, so that it
// stays byte for byte what was registered.
type SchemaText []byte

// MarshalText implements [encoding.TextMarshaler].
func (s SchemaText) MarshalText() ([]byte, error) { return s, nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *SchemaText) UnmarshalText(text []byte) error {
	*s = bytes.Clone(text)
	return nil
}

// Detail is one line of what people decide about. In JSON it is a pair.
type Detail struct{ Name, Value string }

// MarshalJSON implements [json.Marshaler].
func (d Detail) MarshalJSON() ([]byte, error) { return json.Marshal([2]string{d.Name, d.Value}) }

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Detail) UnmarshalJSON(text []byte) error {
	var pair [2]string
	err := json.Unmarshal(text, &pair)
	d.Name, d.Value = pair[0], pair[1]
	return err
}

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

func (m *mistakes) checkApproval(r *Registration, maxOutput int) {
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
		m.checkFields(a.Fields)
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

func (m *mistakes) checkFields(schema []byte) {
	_, wrong := forms.Parse(schema)
	for _, mistake := range wrong {
		at := "approval.fields"
		if mistake.At != "" {
			at += "." + mistake.At
		}
		m.add(at, "%s", mistake.Problem)
	}
}

// checkQuorum sees to it that so many can decide, that every way in which they
// can ends it, and that what they say has room in one output.
func (m *mistakes) checkQuorum(r *Registration, maxOutput int) {
	a, people := r.Approval, people(r.NumberedLinks(), nil)
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

// people counts those who can decide, or have decided: everybody with a name
// once, and of the others each link once. A name that was typed is nobody's.
func people(links []Link, decisions []Decision) int {
	known := map[string]bool{}
	for _, d := range decisions {
		if d.Typed {
			d.Approver = ""
		}
		known[person(d.Approver, d.Number)] = true
	}
	for _, link := range links {
		if link.Type == LinkApproval && !link.Closed {
			known[person(link.Approver, link.Number)] = true
		}
	}
	return len(known)
}

// person is the same for the links of one person.
func person(approver string, number byte) string {
	if approver == "" {
		return fmt.Sprint("\x00", number)
	}
	return names.Key(approver)
}

// checkReplaced refuses a link that takes the place of somebody's where too few
// people would be left. Where there are too few already, it may stay so: one
// link after the other can be added.
func (m *mistakes) checkReplaced(name string, l LinkRequest, cb Callback, a *Approval) {
	if a == nil || !a.Quorum() {
		return
	}
	added := Link{Name: name, LinkKind: l.LinkKind, Approver: l.Approver}
	for _, link := range cb.Links {
		added.Number = max(added.Number, link.Number+1) // where there is no other number, the store says so
	}
	links := slices.DeleteFunc(slices.Clone(cb.Links), func(link Link) bool { return link.Name == name })
	before, left := people(cb.Links, cb.Decisions), people(append(links, added), cb.Decisions)
	// With as many, one side or the other gets what it needs, whoever has decided
	// already and how.
	needed := a.Required + a.Rejections - 1
	if left >= needed || left >= before {
		return
	}
	field, right := "type", "must be approval"
	if l.Type == LinkApproval {
		field, right = "approver", "must be somebody who has no other link and has not decided"
	}
	m.add(field, "%s, since this replaces a link of that name: with %d approvals required and %d rejections, %d people must be able to decide, and %d would be left; or give the new link another name",
		right, a.Required, a.Rejections, needed, left)
}
