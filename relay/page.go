package relay

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"callback-relay/forms"
)

// LinkPage is what a link's page shows to the person who opened it, and what it asks.
type LinkPage struct {
	ID        CallbackID
	State     State
	Standing  Standing
	Title     string
	Message   string // Markdown
	Details   []Detail
	Requester string    // who asks; "" if the registration does not say
	Requested time.Time // when; zero on a closed link
	Now       time.Time
	Until     time.Time // the deadline; zero if it no longer matters
	Progress  *Progress // nil unless several people decide
	Steps     []Step    // what was decided or answered, in order
	Response  Response  // what the registration of the link adds for a person who has acted
	Form      *Form     // nil if the page asks nothing
	Barred    Barred    // why the person who has it open cannot decide; "" if the page waits for them
	Approver  string    // of the link; "" if the page asks for a name, or needs none
	Person    *Person   // who has it open, as a proxy signed it; nil if nobody knows
}

// Progress counts what several people have decided so far.
type Progress struct {
	Required, Approved   int
	Rejections, Rejected int // Rejections is how many mean rejected
}

// Step is what somebody did: a decision, or an answer through a link of another
// type.
type Step struct {
	Type     LinkType // [LinkApproval] for a decision; otherwise [LinkSuccess] or [LinkFailure], by the outcome
	Approved bool
	Choice   string // the label of the choice; "" for none
	Approver string
	Typed    bool // the name was typed on the page, and nobody has checked it
	Yours    bool // the person who sees the page did it
	At       time.Time
	Comment  string // "" for none, and if it was not kept
}

// Form is what a page asks of a person.
type Form struct {
	Approver     string // the link's approver; "" if the page asks for a name, or needs none
	Nonce        string
	Word         string // to be typed; "" for none
	ApproveLabel string // "" for the default of the link's type
	RejectLabel  string
	Choices      []Choice    // further answers
	Comment      CommentMode // "" if no comment is asked for
	Confirm      Confirm
	Fields       []forms.Field
	Declined     time.Time        // when the link's user said that it is not for them; zero for never
	Inputs       map[string]Input // by name
}

// Input bounds what is sent from one input of a page.
type Input struct {
	Chars  int // the most characters of a value
	Values int // how many values it can have; one unless several choices can be ticked
}

// Page returns what a link's page shows, or [ErrNotFound], [ErrLinkClosed] or
// [ErrUnavailable]. from are the headers of the request, in which a proxy may have signed
// who is there.
func (s *Service) Page(ctx context.Context, link LinkRef, from http.Header) (LinkPage, error) {
	v, err := s.view(ctx, link, from)
	if err != nil {
		return LinkPage{}, err
	}
	if err := v.facts(Submission{}).linkRefusal(); err != nil {
		return LinkPage{}, fmt.Errorf("look up %s: %w", v.ID, err)
	}
	return s.page(link, v, ""), nil
}

// page returns what a link's page shows of a view. nonce is that of the form that
// was sent, "" for none; while it is valid, it is used again.
func (s *Service) page(link LinkRef, v View, nonce string) LinkPage {
	if v.Link.Closed {
		v = v.own()
	}
	p := LinkPage{
		ID: v.ID, State: v.State, Approver: v.Link.Approver, Person: v.Person, Standing: v.Standing(), Steps: v.steps(),
		Title: cmp.Or(v.Request.Title, v.Approval.Title), Message: cmp.Or(v.Request.Message, v.Approval.Message),
		Details: v.Approval.Details, Requester: v.Approval.RequestedBy, Requested: v.CreatedAt, Now: v.Now,
	}
	if v.Approval.Quorum() {
		approved, rejected := Count(v.Decisions)
		p.Progress = &Progress{Required: v.Approval.Required, Approved: approved, Rejections: v.Approval.Rejections, Rejected: rejected}
	}
	switch p.Standing {
	case StandingWaiting, StandingCounted, StandingTooLate:
		p.Until = v.ExpiresAt
	}
	if n := len(p.Steps); n > 0 && p.Steps[n-1].Yours || p.Standing == StandingCounted {
		p.Response = v.Request.Response
	}
	if p.Standing == StandingWaiting {
		if p.Barred = v.barredBy(); p.Barred == "" {
			p.Form = s.form(link, v, nonce)
		}
	}
	return p
}

// steps lists the decisions. If the outcome did not come from a decision or from the
// deadline, the answer is the last step.
func (v View) steps() []Step {
	var all []Step
	for _, d := range v.Decisions {
		all = append(all, Step{
			Type: LinkApproval, Approved: d.Approved, Choice: d.Label, Approver: d.who(), Typed: d.Typed,
			Yours: v.isOwn(d), At: d.At, Comment: string(d.Comment),
		})
	}
	o := v.Outcome
	if o == nil || o.By == ByExpiry || slices.ContainsFunc(v.Decisions, func(d Decision) bool { return d.Number == o.Number }) {
		return all
	}
	answer := Step{Type: LinkSuccess, Approved: true, Yours: o.Number == v.Link.Number, At: o.At}
	if o.Type == OutcomeFailure {
		answer.Type, answer.Approved = LinkFailure, false
	}
	return append(all, answer)
}

// form returns what a waiting page asks for.
func (s *Service) form(link LinkRef, v View, nonce string) *Form {
	if !link.CheckNonce(nonce, v.Now) {
		nonce = link.NewNonce(v.Now)
	}
	f := &Form{
		Nonce: nonce, Approver: v.signedApprover(), Declined: v.declinedAt(),
		Inputs: map[string]Input{InputDecision: {maxEntryChars, 1}, InputNote: {MaxNoteChars, 1}},
	}
	switch link.Type {
	case LinkApproval:
		f.ApproveLabel, f.RejectLabel, f.Choices = v.Approval.ApproveLabel, v.Approval.RejectLabel, v.Approval.Choices
		f.Comment, f.Fields = v.Approval.Comment, s.forms.Form(v.Approval.Fields).Fields()
	case LinkSuccess:
		f.ApproveLabel = cmp.Or(v.Request.ButtonLabel, v.Approval.ApproveLabel)
	default:
		// Not the approval's rejectLabel: "Not now" would not say that the task fails.
		f.ApproveLabel = v.Request.ButtonLabel
	}
	if link.Type != LinkHeartbeat {
		f.Confirm = v.Approval.Confirm
	}
	if f.Confirm == ConfirmWord {
		f.Word = link.Word(nonce)
	}
	if link.Type == LinkApproval && f.Approver == "" {
		f.Inputs[InputApprover] = Input{MaxApproverChars, 1}
	}
	if f.Comment != "" && f.Comment != CommentNone {
		f.Inputs[InputComment] = Input{MaxCommentChars, 1}
	}
	if f.Confirm != ConfirmNone {
		f.Inputs[InputConfirm] = Input{maxEntryChars, 1}
	}
	for _, field := range f.Fields {
		f.Inputs[InputField+field.Name] = Input{maxChars(field), maxValues(field)}
	}
	return f
}

// AnyInputs is for when it is unknown which inputs the page has: it returns those of
// the given inputs that any page can have, in the form of [Form.Inputs].
func AnyInputs(names []string) map[string]Input {
	inputs := map[string]Input{
		InputDecision: {maxEntryChars, 1}, InputApprover: {MaxApproverChars, 1}, InputComment: {MaxCommentChars, 1},
		InputConfirm: {maxEntryChars, 1}, InputNote: {MaxNoteChars, 1},
	}
	fields := 0
	for _, name := range names {
		if field, ok := fieldOf(name); ok && forms.IsFieldName(field) && fields < forms.MaxFields {
			inputs[name] = Input{forms.MaxFieldChars, forms.MaxChoices}
			fields++
		}
	}
	return inputs
}

// maxEntryChars bounds what is typed as a word, a number, a date or a code.
const maxEntryChars = 100

// maxChars is how many characters a field's input takes. It is more than a text's
// own maximum, so that a person who typed a little too much can shorten the text.
func maxChars(f forms.Field) int {
	switch f.Kind {
	case forms.FieldText, forms.FieldLongText, forms.FieldEmail, forms.FieldURL:
		return forms.MaxFieldChars
	case forms.FieldChoice, forms.FieldChoices:
		longest := maxEntryChars
		for _, choice := range f.Choices {
			longest = max(longest, utf8.RuneCountInString(choice.Value))
		}
		return longest
	}
	return maxEntryChars
}

// maxValues is how many values a field's input can have.
func maxValues(f forms.Field) int {
	if f.Kind == forms.FieldChoices {
		return len(f.Choices)
	}
	return 1
}
