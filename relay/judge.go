package relay

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"callback-relay/bodies"
	"callback-relay/forms"
	"callback-relay/names"
)

// MaxGuesses is how many wrong codes close a link.
const MaxGuesses = 5

// judge checks what was sent from a waiting page. For an approval it returns the
// decision. Mistakes that a person can correct are a [*FormError]. The code is
// checked last, since each wrong one counts.
func (s *Service) judge(ctx context.Context, link LinkRef, v View, sub Submission) (d Decision, err error) {
	if err := s.checkForm(link, v, sub); err != nil {
		return d, err
	}
	if link.Type == LinkApproval {
		var problems []forms.Problem
		if d, problems = s.readDecision(v, sub); len(problems) > 0 {
			return d, &FormError{Problems: problems}
		}
	} else if sub.Decision != Confirmed {
		return d, mistake(InputDecision, forms.ProblemMissing, "")
	}
	if link.Type == LinkHeartbeat { // can be repeated, so there is nothing to confirm
		return d, nil
	}
	return d, s.confirm(ctx, link, v, sub)
}

// checkForm refuses a form that was not sent from a page of this link, or gives an input
// twice.
func (s *Service) checkForm(link LinkRef, v View, sub Submission) error {
	if err := s.checkOnce(link, v, sub); err != nil {
		return err
	}
	if !link.CheckNonce(sub.Nonce, v.Now) {
		return &FormError{Stale: true}
	}
	return nil
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
			return mistake(InputConfirm, ProblemNotACode, "") // not a guess either: the reply reveals nothing about the code
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

// checkOnce refuses a form that gives an input twice, such as both buttons: we
// cannot know which was meant. Inputs that the page does not have are ignored, and so are
// those in which several choices can be ticked.
func (s *Service) checkOnce(link LinkRef, v View, sub Submission) error {
	if len(sub.Twice) == 0 {
		return nil
	}
	var problems []forms.Problem
	inputs := s.form(link, v, sub.Nonce).Inputs
	for _, name := range sub.Twice {
		if in, asked := inputs[name]; asked && in.Values == 1 {
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

// readDecision turns a submission into a decision, or lists what is wrong with it.
func (s *Service) readDecision(v View, sub Submission) (Decision, []forms.Problem) {
	var problems []forms.Problem
	add := func(input string, kind forms.ProblemKind, limit string) {
		problems = append(problems, forms.Problem{Field: input, Kind: kind, Limit: limit})
	}
	choice, chosen := v.Approval.choice(sub.Decision)
	d := Decision{
		Approved: chosen || sub.Decision == Approved, Choice: choice.Value, Label: choice.Label,
		Link: v.Link.Name, Number: v.Link.Number, Approver: v.approver(), Verified: v.Person, At: v.Now,
		Comment: Payload(cleanText(sub.Comment)), Fields: Payload("{}"),
	}
	if !chosen && sub.Decision != Approved && sub.Decision != Rejected {
		add(InputDecision, forms.ProblemMissing, "")
	}
	if d.Approver == "" {
		d.Typed, d.Approver = true, names.Clean(sub.Approver)
		if kind, limit := v.checkName(sub.Approver); kind != "" {
			add(InputApprover, kind, limit)
		}
	}
	if form := s.forms.Form(v.Approval.Fields); form != nil {
		d.Fields = readFields(form, sub, d.Approved, add)
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

// readFields reads the approval's own fields. A rejection needs none of them, so it keeps
// those that are valid and leaves out the others.
func readFields(form *forms.Form, sub Submission, approved bool, add func(input string, kind forms.ProblemKind, limit string)) Payload {
	typed := func(name string) []string { return sub.Fields[name] }
	if !approved {
		return form.ReadValid(typed)
	}
	object, wrong := form.Read(typed)
	for _, p := range wrong {
		add(InputField+p.Field, p.Kind, p.Limit)
	}
	return object
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

// cleanText turns CRLF into LF, as forms send line ends, and trims the text.
func cleanText(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}
