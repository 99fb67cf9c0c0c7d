package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"callback-relay/names"
)

// Submission is what a person sends from a page. Texts are as they were typed.
type Submission struct {
	Nonce    string
	Decision string // [Approved] or [Rejected]; [Confirmed] on a page with one button
	Approver string // where the link names none
	Comment  string
	Field    func(name string) string
	Confirm  string // the word or the code
}

// The inputs of a page, as [FormError] names them. Those of the approval's own
// fields begin with InputField.
const (
	InputDecision = "decision"
	InputApprover = "approver"
	InputComment  = "comment"
	InputConfirm  = "confirm"
	InputField    = "field."
)

// Problems of inputs that are no fields of a schema.
const (
	ProblemNameTaken      ProblemKind = "name-taken"      // somebody with this name has a link
	ProblemNameUsed       ProblemKind = "name-used"       // somebody with this name has decided
	ProblemNameUnreadable ProblemKind = "name-unreadable" // nobody can see it, or it has control characters
	ProblemNameMixed      ProblemKind = "name-mixed"      // a word of it has letters of several alphabets
	ProblemWrongWord      ProblemKind = "wrong-word"
	ProblemWrongCode      ProblemKind = "wrong-code" // Limit tells how many tries are left
	ProblemNotACode       ProblemKind = "not-a-code" // not six digits, and so no guess
	ProblemTwice          ProblemKind = "twice"      // the form has the input more than once
)

// FormError reports a submission that cannot be taken as it is. Nothing was
// stored. Its text carries nothing of what was typed.
type FormError struct {
	Stale    bool           // the nonce is missing, of another page or too old: the page is to be shown anew
	Problems []FieldProblem // Field is the name of an input
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

// View returns a callback as a link shows it, or [ErrNotFound],
// [ErrLinkClosed] or [ErrUnavailable].
func (s *Service) View(ctx context.Context, link LinkRef) (View, error) {
	v, err := s.store.View(ctx, link)
	if err == nil && v.Link.Closed {
		return View{}, fmt.Errorf("look up %s: %w", v.ID, ErrLinkClosed)
	}
	return v, err
}

// Submit takes what a person sent from a link's page. It returns the callback
// as it then is, also with most errors: with a [*FormError] to show the form
// again; with [ErrAlreadyAnswered], [ErrExpired], [ErrCancelled],
// [ErrTaskClosed] and [ErrRefused] to show why it came too late. Sending the
// same again is no error, but a duplicate. What it reports without a view is as
// for [Service.View].
func (s *Service) Submit(ctx context.Context, link LinkRef, sub Submission) (v View, duplicate bool, err error) {
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
			// Reading is not enough to acknowledge it: it may be recorded in one
			// place only.
			return v, true, s.store.ConfirmDurable(ctx, v.ID)
		}
		v, err = s.submit(ctx, link, v, sub)
		// Between the look and the record somebody else was faster, or the
		// deadline was: look again, and say what is so now.
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

func (s *Service) submit(ctx context.Context, link LinkRef, v View, sub Submission) (View, error) {
	if !link.CheckNonce(sub.Nonce, v.Now) {
		return v, &FormError{Stale: true}
	}
	if link.Type != LinkApproval && sub.Decision != Confirmed {
		return v, mistake(InputDecision, ProblemMissing, "")
	}
	if link.Type == LinkHeartbeat {
		_, err := s.heartbeat(ctx, link)
		return v, err
	}
	var d Decision
	if link.Type == LinkApproval {
		var problems []FieldProblem
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
		if trimEntry(sub.Confirm) == "" {
			return mistake(InputConfirm, ProblemMissing, "") // not a guess
		}
		digits, ok := digitsOf(sub.Confirm)
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

func mistake(input string, kind ProblemKind, limit string) error {
	return &FormError{Problems: []FieldProblem{{input, kind, limit}}}
}

// read makes a decision of a submission, or lists what is wrong with it.
func (s *Service) read(v View, sub Submission) (Decision, []FieldProblem) {
	var problems []FieldProblem
	add := func(input string, kind ProblemKind, limit string) {
		problems = append(problems, FieldProblem{input, kind, limit})
	}
	d := Decision{
		Approved: sub.Decision == Approved, Link: v.Link.Name, Number: v.Link.Number, Approver: v.Link.Approver, At: v.Now,
		Comment: Payload(cleanText(sub.Comment)), Fields: Payload("{}"),
	}
	if sub.Decision != Approved && sub.Decision != Rejected {
		add(InputDecision, ProblemMissing, "")
	}
	if d.Approver == "" {
		d.Typed, d.Approver = true, names.Clean(sub.Approver)
		if kind, limit := v.checkName(sub.Approver); kind != "" {
			add(InputApprover, kind, limit)
		}
	}
	if fields := v.Fields(); fields != nil {
		object, wrong := s.readFields(v.Approval.Fields, fields, sub.Field, !d.Approved)
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
	if len(problems) == 0 && len(encode(d.json())) > v.Approval.decisionBytes(s.maxOutput) {
		add(InputComment, ProblemTooLong, "")
	}
	return d, problems
}

// readFields reads the fields of the form and has the schema judge them.
func (s *Service) readFields(schema []byte, fields []Field, typed func(string) string, partial bool) (Payload, []FieldProblem) {
	object, problems := ReadFields(fields, typed)
	if len(problems) > 0 {
		return nil, problems
	}
	problems, err := s.schemas.Validate(schema, object, partial)
	if err != nil { // it was checked when it was registered
		problems = append(problems, FieldProblem{"", ProblemInvalid, ""})
	}
	return object, problems
}

func (a *Approval) checkComment(d Decision) (ProblemKind, string) {
	required := a.Comment == CommentRequired || a.Comment == CommentRequiredOnReject && !d.Approved
	switch n := utf8.RuneCount(d.Comment); {
	case n == 0 && required:
		return ProblemMissing, ""
	case n > MaxCommentChars:
		return ProblemTooLong, fmt.Sprint(MaxCommentChars)
	}
	return "", ""
}

// cleanText takes the line ends of forms and the blanks around a text away.
func cleanText(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}
