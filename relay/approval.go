package relay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"callback-relay/forms"
	"callback-relay/names"
)

// Approval is what the pages of a callback show, and what they ask of the
// person who decides.
//
// The store keeps its JSON, and compares a repeated registration with that: if the
// names or the order of the members change, old registrations look different.
type Approval struct {
	Title        string      `json:"title,omitempty"`
	Message      string      `json:"message,omitempty"` // Markdown
	Details      []Detail    `json:"details,omitempty"`
	RequestedBy  string      `json:"requestedBy,omitempty"` // who asks, and how to reach them
	ApproveLabel string      `json:"approveLabel,omitempty"`
	RejectLabel  string      `json:"rejectLabel,omitempty"`
	Choices      []Choice    `json:"choices,omitempty"` // further answers
	Comment      CommentMode `json:"comment"`
	Fields       SchemaText  `json:"fields,omitempty"` // that [forms.Parse] takes; nil for none
	OnReject     OutcomeType `json:"onReject"`
	Confirm      Confirm     `json:"confirm,omitempty"`
	Required     int         `json:"required"`   // approvals by different people
	Rejections   int         `json:"rejections"` // this many mean rejected
	// Verify lets only people decide who are signed in, and NotBy are the mail addresses or
	// subjects of those who must not.
	Verify Verify   `json:"verify,omitempty"`
	NotBy  []string `json:"notBy,omitempty"`
	// Default says that the registration had no approval. This one was filled in for
	// pages with one button, where there is nothing to decide. Data of the previous
	// release never has it set.
	Default bool `json:"default,omitempty"`
	// Forget says that what the pages show, and comments, do not stay after the end.
	Forget bool `json:"forget,omitempty"`
}

// SchemaText is the text of a JSON Schema. It is stored as a JSON string, so that
// it stays byte for byte as it was registered.
type SchemaText []byte

// MarshalText implements [encoding.TextMarshaler].
func (s SchemaText) MarshalText() ([]byte, error) { return s, nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *SchemaText) UnmarshalText(text []byte) error {
	*s = bytes.Clone(text)
	return nil
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

// Confirm says what a page asks for besides a press of a button, so that a program
// that only presses buttons cannot decide.
type Confirm string

// The choices. None is the default.
const (
	ConfirmNone Confirm = ""
	ConfirmWord Confirm = "word" // the page shows a word, to be typed
	ConfirmCode Confirm = "code" // six digits that were sent separately
)

// The bounds of an approval.
const (
	MaxTitleChars       = 200
	MaxRequestedByChars = 200
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

// Quorum tells whether an approval or a rejection takes more than one person.
func (a *Approval) Quorum() bool { return a.Required > 1 || a.Rejections > 1 }

func (m *mistakes) checkApproval(r *Registration, maxOutput int) {
	a := r.Approval
	if len(r.pages()) == 0 {
		m.add("approval", `is not shown by any link: add a link of type approval, or one with "page": true`)
	}
	m.text("approval.title", a.Title, MaxTitleChars)
	m.text("approval.message", a.Message, MaxMessageChars)
	m.text("approval.requestedBy", a.RequestedBy, MaxRequestedByChars)
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
	m.checkChoices(a)
	m.checkVerified(a)
	m.checkEmails(r.Links, a)
	m.checkQuorum(r, maxOutput)
}

// checkVisible refuses texts that are given but have no visible characters, and labels
// that look the same.
func (a *Approval) checkVisible(m *mistakes) {
	m.checkVisible("approval.title", strings.TrimSpace(a.Title)) // a link's title is trimmed too
	m.checkVisible("approval.requestedBy", a.RequestedBy)
	m.checkVisible("approval.approveLabel", a.ApproveLabel)
	m.checkVisible("approval.rejectLabel", a.RejectLabel)
	a.checkLabels(m)
	for _, d := range a.Details {
		m.checkVisible("approval.details", strings.TrimSpace(d.Name)) // an empty one is refused anyway
		if d.URL != "" {
			m.checkVisible(d.Field()+".text", d.Value)
		}
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

// checkQuorum checks that there are enough people to decide, that the callback is
// settled once all of them have decided, whatever they decide, and that their
// decisions fit into one output.
func (m *mistakes) checkQuorum(r *Registration, maxOutput int) {
	a, people := r.Approval, people(r.NumberedLinks(), nil)
	switch {
	case a.Required < 1:
		m.add("approval.required", "must be at least 1")
	case a.Rejections < 1:
		m.add("approval.rejections", "must be at least 1")
	case people == 0 && a.Quorum():
		m.add("approval.required", "and rejections must both be 1 without links of type approval: other links answer at once")
	case people == 0:
	case a.Required > people:
		m.add("approval.required", "must be at most %d, the number of people who have a link of type approval", people)
	case a.Rejections > people:
		m.add("approval.rejections", "must be at most %d, the number of people who have a link of type approval", people)
	case a.Required+a.Rejections > people+1:
		m.add("approval.rejections", "must be at most %d with %d people and %d required approvals: otherwise nothing might be settled after everybody has decided",
			people+1-a.Required, people, a.Required)
	case a.decisionBytes(maxOutput) < minDecisionBytes:
		m.add("approval.required", "and rejections are too high: the decisions of that many people do not fit into an output of %d bytes", maxOutput)
	}
}

// people counts those who can decide or have decided. Links and decisions with the
// same approver count once; without an approver, each link counts. Names that were typed,
// or that a proxy signed, do not count as approvers: a link asked for them.
func people(links []Link, decisions []Decision) int {
	known := map[string]bool{}
	for _, d := range decisions {
		asked := d.Typed || d.Verified != nil && slices.ContainsFunc(links, func(l Link) bool { return l.Number == d.Number && l.Approver == "" })
		if asked {
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

// person returns a key that is the same for all links of one person.
func person(approver string, number byte) string {
	if approver == "" {
		return fmt.Sprint("\x00", number)
	}
	return names.Key(approver)
}

// checkReplaced refuses a link that replaces another one if too few people could
// decide afterwards. If there are too few already, the link is accepted as long as
// it does not take anybody away: further links can be added one after the other.
func (m *mistakes) checkReplaced(name string, l LinkRequest, cb Callback, a *Approval) {
	if a == nil || !a.Quorum() {
		return
	}
	added := Link{Name: name, LinkKind: l.LinkKind, Approver: l.Approver}
	for _, link := range cb.Links {
		added.Number = max(added.Number, link.Number+1) // if all numbers are used up, the store says so
	}
	links := slices.DeleteFunc(slices.Clone(cb.Links), func(link Link) bool { return link.Name == name })
	before, left := people(cb.Links, cb.Decisions), people(append(links, added), cb.Decisions)
	// With this many people, either the approvals or the rejections get their number,
	// whatever has been decided already.
	needed := a.Required + a.Rejections - 1
	if left >= needed || left >= before {
		return
	}
	field, right := "type", "must be approval"
	if l.Type == LinkApproval {
		field, right = "approver", "must be somebody who has no other link and has not decided"
	}
	m.add(field, "%s: this link replaces one of the same name, and then only %d people could decide where %d approvals or %d rejections need %d people; or give the new link another name",
		right, left, a.Required, a.Rejections, needed)
}
