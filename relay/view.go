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
	if f.SameAnswer = f.ByThisLink; decided {
		f.SameAnswer = own.Word() == sub.Decision
	}
	return f
}

// OwnDecision returns the decision of the link's approver, made through this link or
// another one. A closed link no longer belongs to an approver: it shows only the
// decision that was made through the link itself.
func (v View) OwnDecision() (Decision, bool) {
	i := slices.IndexFunc(v.Decisions, func(d Decision) bool {
		return d.Number == v.Link.Number || !v.Link.Closed && v.Link.Approver != "" && !d.Typed && names.Same(d.Approver, v.Link.Approver)
	})
	if i < 0 {
		return Decision{}, false
	}
	return v.Decisions[i], true
}

// Refusal says why the link shows nothing, or is nil if it shows something.
func (v View) Refusal() error { return v.facts(Submission{}).viewRefusal() }

// own returns the view without what a closed link does not show: everything except
// what was done through the link itself.
func (v View) own() View {
	v.Approval, v.Request.Message = Approval{Title: v.Approval.Title}, ""
	if own, ok := v.OwnDecision(); ok {
		v.Decisions, v.Outcome = []Decision{own}, nil
	}
	return v
}
