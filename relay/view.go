package relay

import (
	"errors"
	"slices"
	"time"

	"callback-relay/names"
)

// View is a callback as one of its links shows it to whoever has the link.
type View struct {
	Callback
	Link     Link
	Request  LinkRequest // what was asked of the link
	Approval Approval    // of a callback with pages
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
	StandingNotTaken   Standing = "not-taken"   // decided, and Step Functions would not have it
)

// Standing tells what the view means.
func (v View) Standing() Standing {
	if v.Outcome != nil && v.Outcome.By == ByExpiry {
		return StandingTooLate
	}
	switch v.State {
	case StateCancelled:
		return StandingCancelled
	case StateRefused:
		if v.Delivery != nil && errors.Is(RefusalError(v.Delivery.LastError), ErrRefused) {
			return StandingNotTaken
		}
		return StandingTaskClosed
	case StateDelivered:
		return StandingDecided
	case StateAnswered:
		return StandingOnItsWay
	case StatePending:
		if !v.Now.Before(v.ExpiresAt) {
			return StandingTooLate
		}
		if _, ok := v.Mine(); ok {
			return StandingCounted
		}
		return StandingWaiting
	}
	return StandingTooLate // StateExpired
}

// Mine returns the decision of the person whose link it is, through this link
// or another one. A closed link is nobody's: it stands for what was decided
// through itself.
func (v View) Mine() (Decision, bool) {
	i := slices.IndexFunc(v.Decisions, func(d Decision) bool {
		return d.Number == v.Link.Number || !v.Link.Closed && v.Link.Approver != "" && !d.Typed && names.Same(d.Approver, v.Link.Approver)
	})
	if i < 0 {
		return Decision{}, false
	}
	return v.Decisions[i], true
}

// late says why a submission to what no longer waits for it is an error, or nil
// where it says what was recorded of the same person already.
func (v View) late(sub Submission) error {
	err := v.tooLate(sub)
	if err != nil && v.Link.Closed {
		return ErrLinkClosed // whatever became of the callback
	}
	return err
}

func (v View) tooLate(sub Submission) error {
	switch v.Standing() {
	case StandingTooLate:
		return ErrExpired
	case StandingCancelled:
		return ErrCancelled
	case StandingTaskClosed, StandingNotTaken:
		return RefusalError(v.Delivery.LastError)
	}
	if mine, ok := v.Mine(); ok {
		if mine.Word() == sub.Decision {
			return nil
		}
		return ErrAlreadyAnswered
	}
	if v.Outcome != nil && v.Outcome.Number == v.Link.Number {
		return nil
	}
	return ErrAlreadyAnswered
}
