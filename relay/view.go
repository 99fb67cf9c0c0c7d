package relay

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"callback-relay/names"
)

// View is a callback as one of its links shows it.
type View struct {
	Callback
	Link     Link
	Request  LinkRequest // what the link was registered with
	Approval Approval    // empty for a callback without pages
	Now      time.Time   // by the clock of Redis
}

// Standing is what a view means to the person who sees it.
type Standing string

// The standings.
const (
	StandingWaiting    Standing = "waiting"     // for this person
	StandingCounted    Standing = "counted"     // this person has decided, others have not
	StandingOnItsWay   Standing = "on-its-way"  // decided, and being delivered
	StandingDecided    Standing = "decided"     // and delivered
	StandingTooLate    Standing = "too-late"    // nobody decided in time
	StandingCancelled  Standing = "cancelled"   // withdrawn
	StandingTaskClosed Standing = "task-closed" // the workflow no longer waits
	StandingNotTaken   Standing = "not-taken"   // decided, but Step Functions refused it
)

// Standing says what the view means to the person who sees it.
func (v View) Standing() Standing {
	switch err := v.facts().Refusal(); {
	case errors.Is(err, ErrExpired):
		return StandingTooLate
	case errors.Is(err, ErrCancelled):
		return StandingCancelled
	case errors.Is(err, ErrTaskClosed):
		return StandingTaskClosed
	case errors.Is(err, ErrRefused):
		return StandingNotTaken
	case v.State == StateDelivered:
		return StandingDecided
	case err != nil:
		return StandingOnItsWay
	}
	if _, ok := v.Mine(); ok {
		return StandingCounted
	}
	return StandingWaiting
}

// facts returns the facts of the callback. It leaves out whether the link is closed.
func (v View) facts() Facts {
	f := Facts{State: v.State, Overdue: !v.Now.Before(v.ExpiresAt)}
	if v.Outcome != nil {
		f.ByExpiry = v.Outcome.By == ByExpiry
		f.ByThisLink = !f.ByExpiry && v.Outcome.Number == v.Link.Number
	}
	if v.Delivery != nil {
		f.Reason = v.Delivery.LastError
	}
	return f
}

// Mine returns the decision of the link's approver, made through this link or
// another one. A closed link no longer belongs to an approver: it shows only the
// decision that was made through the link itself.
func (v View) Mine() (Decision, bool) {
	i := slices.IndexFunc(v.Decisions, func(d Decision) bool {
		return d.Number == v.Link.Number || !v.Link.Closed && v.Link.Approver != "" && !d.Typed && names.Same(d.Approver, v.Link.Approver)
	})
	if i < 0 {
		return Decision{}, false
	}
	return v.Decisions[i], true
}

// Refusal says why the link shows nothing, or is nil if it shows something. A
// closed link shows something only if it was used to decide or answer: its user
// may not have heard the result.
func (v View) Refusal() error {
	used := v.facts().ByThisLink || slices.ContainsFunc(v.Decisions, func(d Decision) bool { return d.Number == v.Link.Number })
	if v.Link.Closed && !used {
		return ErrLinkClosed
	}
	return nil
}

// late judges a submission to a page that no longer waits for it. It returns nil if
// the submission repeats what the same person has sent before, and otherwise why
// it is refused.
func (v View) late(sub Submission) error {
	f := v.facts()
	if err := f.Refusal(); (err == nil || errors.Is(err, ErrAlreadyAnswered)) && v.repeats(sub) {
		return nil
	}
	f.LinkClosed = v.Link.Closed
	return cmp.Or(f.Refusal(), ErrAlreadyAnswered) // the callback still waits, but this person has decided otherwise
}

// repeats tells whether a submission repeats what was recorded for the same person.
func (v View) repeats(sub Submission) bool {
	if mine, ok := v.Mine(); ok {
		return mine.Word() == sub.Decision
	}
	return v.facts().ByThisLink
}
