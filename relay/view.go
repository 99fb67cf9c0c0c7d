package relay

import (
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
	// Person is who has the page open, if a proxy signed it; nil otherwise. The store does
	// not know it.
	Person *Person
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
	f := v.facts(Submission{})
	switch err := f.callbackRefusal(); {
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
	case v.State == StatePending && f.Decided:
		return StandingCounted
	case err != nil:
		return StandingOnItsWay
	}
	return StandingWaiting
}

// facts returns the facts about the callback, the link, and what was sent through it.
// The store shows no view of a link that is unknown or guarded.
func (v View) facts(sub Submission) Facts {
	own, decided := v.OwnDecision()
	f := Facts{
		State: v.State, Overdue: !v.Now.Before(v.ExpiresAt), LinkClosed: v.Link.Closed, Decided: decided,
		ByThisLink: slices.ContainsFunc(v.Decisions, func(d Decision) bool { return d.Number == v.Link.Number }),
	}
	if v.Outcome != nil {
		f.ByExpiry = v.Outcome.By == ByExpiry
		f.ByThisLink = f.ByThisLink || !f.ByExpiry && v.Outcome.Number == v.Link.Number
	}
	if v.Delivery != nil {
		f.Reason = v.Delivery.LastError
	}
	if f.SameAnswer = f.ByThisLink && !v.usedByOther() && sub.Decision != NotForMe; decided {
		f.SameAnswer = own.Word() == sub.Decision
	}
	return f
}

// OwnDecision returns the decision of the link's approver, or of the person who has its
// page open, made through this link or another one. A closed link no longer belongs to an
// approver: it shows only the decision that was made through the link itself.
func (v View) OwnDecision() (Decision, bool) {
	i := slices.IndexFunc(v.Decisions, v.isOwn)
	if i < 0 {
		return Decision{}, false
	}
	return v.Decisions[i], true
}

// isOwn tells whether a decision is that of the link's approver, or of the person who has
// its page open. If a proxy signed who decided, only the same person did.
func (v View) isOwn(d Decision) bool {
	switch byThisLink := d.Number == v.Link.Number; {
	case v.Link.Closed && !byThisLink:
		return false
	case d.Verified != nil:
		return d.Verified.is(v.Person)
	case byThisLink:
		return true
	}
	return v.Link.Approver != "" && !d.Typed && names.Same(d.Approver, v.Link.Approver)
}

// usedByOther tells whether somebody else has decided through the link.
func (v View) usedByOther() bool {
	return slices.ContainsFunc(v.Decisions, func(d Decision) bool { return d.Number == v.Link.Number && !v.isOwn(d) })
}

// Refusal says why the link shows nothing, or is nil if it shows something.
func (v View) Refusal() error { return v.facts(Submission{}).viewRefusal() }

// own returns the view without what a closed link does not show: everything except
// what was done through the link itself.
func (v View) own() View {
	v.Approval, v.Request.Message, v.CreatedAt = Approval{Title: v.Approval.Title}, "", time.Time{}
	v.Decisions = slices.DeleteFunc(slices.Clone(v.Decisions), func(d Decision) bool { return d.Number != v.Link.Number })
	if len(v.Decisions) > 0 {
		v.Outcome = nil
	}
	return v
}
