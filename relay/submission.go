package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"callback-relay/bodies"
	"callback-relay/forms"
	"callback-relay/names"
)

// Submission is what a person sends from a page. Texts are as they were typed.
type Submission struct {
	Nonce    string
	Decision string // [Approved] or [Rejected]; [Confirmed] on a page with one button
	Approver string // where the link names none
	Comment  string
	Confirm  string            // the word or the code
	Fields   map[string]string // by the name of the field
	Twice    []string          // inputs that came more than once, sorted
}

// NewSubmission reads the inputs of a form. Inputs that no page has are ignored.
func NewSubmission(typed map[string][]string) Submission {
	first := func(name string) string {
		if values := typed[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	sub := Submission{
		Nonce: first(InputNonce), Decision: first(InputDecision), Approver: first(InputApprover),
		Comment: first(InputComment), Confirm: first(InputConfirm), Fields: map[string]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		if field, ok := fieldOf(name); ok {
			sub.Fields[field] = first(name)
		}
		if len(typed[name]) > 1 {
			sub.Twice = append(sub.Twice, name)
		}
	}
	return sub
}

// The inputs of a page, as [FormError] names them. Those of the approval's own
// fields begin with InputField.
const (
	InputNonce    = "nonce"
	InputDecision = "decision"
	InputApprover = "approver"
	InputComment  = "comment"
	InputConfirm  = "confirm"
	InputField    = "field."
)

// fieldOf returns which field of the approval an input is for.
func fieldOf(input string) (field string, ok bool) { return strings.CutPrefix(input, InputField) }

// Problems of inputs that are no fields of a schema.
const (
	ProblemNameTaken      forms.ProblemKind = "name-taken"      // somebody with this name has a link
	ProblemNameUsed       forms.ProblemKind = "name-used"       // somebody with this name has decided
	ProblemNameUnreadable forms.ProblemKind = "name-unreadable" // nobody can see it, or it has control characters
	ProblemNameMixed      forms.ProblemKind = "name-mixed"      // a word of it has letters of several alphabets
	ProblemWrongWord      forms.ProblemKind = "wrong-word"
	ProblemWrongCode      forms.ProblemKind = "wrong-code" // Limit tells how many tries are left
	ProblemNotACode       forms.ProblemKind = "not-a-code" // not six digits, and so no guess
	ProblemTwice          forms.ProblemKind = "twice"      // the form has the input more than once
)

// FormError reports a submission that cannot be taken as it is. Nothing was
// stored. Its text carries nothing of what was typed.
type FormError struct {
	Stale    bool            // the nonce is missing, of another page or too old: the page is to be shown anew
	Problems []forms.Problem // Field is the name of an input
}

// Error implements error.
func (e *FormError) Error() string {
	if e.Stale {
		return "the form is too old, or not from the page of this link"
	}
	if len(e.Problems) == 1 {
		return "the form has 1 mistake"
	}
	return fmt.Sprintf("the form has %d mistakes", len(e.Problems))
}

// MaxGuesses is how many wrong codes close a link.
const MaxGuesses = 5

// submitTries is how often a decision is put beside those of others that came
// at the same moment. Each of them is one person's, so it never takes more.
const submitTries = MaxLinks

// Page returns what a link's page shows, or [ErrNotFound], [ErrLinkClosed] or
// [ErrUnavailable].
func (s *Service) Page(ctx context.Context, link LinkRef) (LinkPage, error) {
	v, err := s.store.View(ctx, link)
	if err != nil {
		return LinkPage{}, err
	}
	if v.Link.Closed {
		return LinkPage{}, fmt.Errorf("look up %s: %w", v.ID, ErrLinkClosed)
	}
	return s.page(link, v, ""), nil
}

// Submit takes what a person sent from a link's page. It returns the page as it
// then is, also with most errors: with a [*FormError] to show the form again; with
// [ErrAlreadyAnswered], [ErrExpired], [ErrCancelled], [ErrTaskClosed] and
// [ErrRefused] to show why it came too late. Sending the same again is no error,
// but a duplicate. Errors without a page are as for [Service.Page].
func (s *Service) Submit(ctx context.Context, link LinkRef, sub Submission) (p LinkPage, duplicate bool, err error) {
	v, duplicate, err := s.take(ctx, link, sub)
	if v.ID == "" {
		return LinkPage{}, false, err
	}
	p = s.page(link, v, sub.Nonce)
	if err == nil && link.Type == LinkHeartbeat { // which leaves no step
		p.Response = v.Request.Response
	}
	return p, duplicate, err
}

func (s *Service) take(ctx context.Context, link LinkRef, sub Submission) (v View, duplicate bool, err error) {
	for range submitTries {
		v, err := s.store.View(ctx, link)
		if err != nil {
			return View{}, false, err
		}
		if v.Link.Closed {
			return s.repeat(ctx, v, sub)
		}
		if v.Standing() != StandingWaiting {
			if err := v.late(sub); err != nil {
				return v, false, err
			}
			// To have read it is not enough to acknowledge it: it may be recorded in
			// one place only.
			return v, true, s.store.ConfirmDurable(ctx, v.ID)
		}
		v, err = s.submit(ctx, link, v, sub)
		// Between the look and the record somebody else was faster, or the deadline
		// passed: look again, and say what is so now.
		if !errors.Is(err, ErrMeanwhile) && !errors.Is(err, ErrAlreadyAnswered) {
			return v, false, err
		}
	}
	return View{}, false, fmt.Errorf("submit %s: %w", link.ID, ErrUnavailable)
}

// repeat takes what was sent to a closed link, if it is what was decided or
// answered through it before: whoever sent that may not have heard what came of
// it. More than that a closed link does not show.
func (s *Service) repeat(ctx context.Context, v View, sub Submission) (View, bool, error) {
	if err := v.late(sub); err != nil {
		return View{}, false, fmt.Errorf("submit %s: %w", v.ID, err)
	}
	v.Approval, v.Request.Message = Approval{Title: v.Approval.Title}, ""
	if mine, ok := v.Mine(); ok {
		v.Decisions, v.Outcome = []Decision{mine}, nil
	}
	return v, true, s.store.ConfirmDurable(ctx, v.ID)
}

// submit judges what was sent from a page that waits, and records it.
func (s *Service) submit(ctx context.Context, link LinkRef, v View, sub Submission) (View, error) {
	if err := s.checkOnce(link, v, sub); err != nil {
		return v, err
	}
	if !link.CheckNonce(sub.Nonce, v.Now) {
		return v, &FormError{Stale: true}
	}
	if link.Type != LinkApproval && sub.Decision != Confirmed {
		return v, mistake(InputDecision, forms.ProblemMissing, "")
	}
	if link.Type == LinkHeartbeat {
		_, err := s.heartbeat(ctx, link)
		return v, err
	}
	var d Decision
	if link.Type == LinkApproval {
		var problems []forms.Problem
		if d, problems = s.read(v, sub); len(problems) > 0 {
			return v, &FormError{Problems: problems}
		}
	}
	if err := s.confirm(ctx, link, v, sub); err != nil {
		return v, err
	}
	if link.Type != LinkApproval {
		outcome := v.Request.Outcome()
		return s.finish(ctx, v, v.Decisions, &outcome, func(ctx context.Context) (Recorded, error) {
			return s.store.Answer(ctx, link, outcome)
		})
	}
	decisions := append(slices.Clip(v.Decisions), d)
	var o *Outcome
	if final, _ := v.Approval.verdict(decisions); final {
		outcome := v.Approval.outcome(v.ID, decisions)
		o = &outcome
	}
	return s.finish(ctx, v, decisions, o, func(ctx context.Context) (Recorded, error) {
		return s.store.Decide(ctx, link, decisions, o)
	})
}

// finish records what was submitted, and delivers the outcome, nil where others
// still have to decide. It returns the view as it is then, with these decisions if
// they were recorded.
func (s *Service) finish(ctx context.Context, v View, decisions []Decision, o *Outcome, record func(context.Context) (Recorded, error)) (View, error) {
	// The whole submission has arrived: see [Service.answer].
	recorded, err := record(context.WithoutCancel(ctx))
	if err != nil {
		return v, err
	}
	if recorded.Duplicate { // by this link or by another one with the same outcome
		return v, ErrMeanwhile
	}
	v.State, v.Decisions = recorded.State, decisions
	if v.State == StatePending {
		return v, nil
	}
	v.Outcome = &OutcomeView{
		By: v.Link.Name, Number: v.Link.Number, Type: o.Type, Error: o.Error, At: recorded.Delivery.AnsweredAt,
	}
	settled := s.deliver(ctx, *recorded.Delivery, *o)
	v.State, v.Delivery = settled.State, &DeliveryView{LastError: settled.Reason}
	if settled.State == StateRefused {
		return v, fmt.Errorf("submit %s: %w", v.ID, RefusalError(settled.Reason))
	}
	return v, nil
}

// confirm checks the word or the code.
func (s *Service) confirm(ctx context.Context, link LinkRef, v View, sub Submission) error {
	switch v.Approval.Confirm {
	case ConfirmWord:
		if !link.isWord(sub.Nonce, sub.Confirm) {
			return mistake(InputConfirm, ProblemWrongWord, "")
		}
	case ConfirmCode:
		if forms.Trim(sub.Confirm) == "" {
			return mistake(InputConfirm, forms.ProblemMissing, "") // not a guess
		}
		digits, ok := forms.Digits(sub.Confirm)
		if !ok || len(digits) != codeDigits {
			return mistake(InputConfirm, ProblemNotACode, "") // nor is this: it tells nothing of the code
		}
		right := link.isCode(digits)
		left, err := s.store.Guess(context.WithoutCancel(ctx), link, right)
		if err != nil {
			return err
		}
		if !right {
			return mistake(InputConfirm, ProblemWrongCode, fmt.Sprint(left))
		}
	}
	return nil
}

// checkOnce refuses a form that gives an input twice, such as both buttons:
// nobody knows which was meant. Inputs that the page does not have are ignored.
func (s *Service) checkOnce(link LinkRef, v View, sub Submission) error {
	if len(sub.Twice) == 0 {
		return nil
	}
	var problems []forms.Problem
	inputs := s.form(link, v, sub.Nonce).Inputs
	for _, name := range sub.Twice {
		if _, asked := inputs[name]; asked {
			problems = append(problems, forms.Problem{Field: name, Kind: ProblemTwice})
		}
	}
	if problems == nil {
		return nil
	}
	return &FormError{Problems: problems}
}

func mistake(input string, kind forms.ProblemKind, limit string) error {
	return &FormError{Problems: []forms.Problem{{Field: input, Kind: kind, Limit: limit}}}
}

// read makes a decision of a submission, or lists what is wrong with it.
func (s *Service) read(v View, sub Submission) (Decision, []forms.Problem) {
	var problems []forms.Problem
	add := func(input string, kind forms.ProblemKind, limit string) {
		problems = append(problems, forms.Problem{Field: input, Kind: kind, Limit: limit})
	}
	d := Decision{
		Approved: sub.Decision == Approved, Link: v.Link.Name, Number: v.Link.Number, Approver: v.Link.Approver, At: v.Now,
		Comment: Payload(cleanText(sub.Comment)), Fields: Payload("{}"),
	}
	if sub.Decision != Approved && sub.Decision != Rejected {
		add(InputDecision, forms.ProblemMissing, "")
	}
	if d.Approver == "" {
		d.Typed, d.Approver = true, names.Clean(sub.Approver)
		if kind, limit := v.checkName(sub.Approver); kind != "" {
			add(InputApprover, kind, limit)
		}
	}
	if form := s.forms.Form(v.Approval.Fields); form != nil {
		object, wrong := form.Read(func(name string) string { return sub.Fields[name] }, !d.Approved)
		for _, p := range wrong {
			add(InputField+p.Field, p.Kind, p.Limit)
		}
		d.Fields = object
	}
	if v.Approval.Comment == CommentNone {
		d.Comment = nil
	} else if kind, limit := v.Approval.checkComment(d); kind != "" {
		add(InputComment, kind, limit)
	}
	if len(problems) == 0 && len(bodies.Encode(d.json())) > v.Approval.decisionBytes(s.maxOutput) {
		add(InputComment, forms.ProblemTooLong, "")
	}
	return d, problems
}

func (a *Approval) checkComment(d Decision) (forms.ProblemKind, string) {
	required := a.Comment == CommentRequired || a.Comment == CommentRequiredOnReject && !d.Approved
	switch n := utf8.RuneCount(d.Comment); {
	case n == 0 && required:
		return forms.ProblemMissing, ""
	case n > MaxCommentChars:
		return forms.ProblemTooLong, fmt.Sprint(MaxCommentChars)
	}
	return "", ""
}

// cleanText takes the line ends of forms and the blanks around a text away.
func cleanText(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}
