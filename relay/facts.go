package relay

import (
	"cmp"
	"errors"
	"fmt"
)

// Facts are what the store found out about a callback, and about the link that was
// used. The store's scripts report them, and a [View] has them. Only this type judges
// what they mean to a caller.
type Facts struct {
	State      State
	ByExpiry   bool   // the deadline made the outcome
	ByThisLink bool   // this link gave the answer, or one of the decisions
	SameAnswer bool   // what was recorded is the same as this answer or decision, or the same event
	Reason     string // of a refused callback: AWS' error code
	Overdue    bool   // the deadline has passed

	LinkUnknown bool // the registration has no such link
	LinkGuarded bool // the link has a guard that this release cannot check
	LinkClosed  bool
	Decided     bool // the link's approver has decided
	// AnsweredEvent is the digest of the event that answered, see [LinkRef.EventDigest]; ""
	// if none did, or it has no id.
	AnsweredEvent string
	Meanwhile     bool // the callback has changed since it was read
}

// Refusal says why the callback takes no answer through the link, or is nil if it
// takes one. A repeated answer gets the result of its own, even if its link has been
// closed since.
func (f Facts) Refusal() error {
	if f.SameAnswer && f.ByThisLink {
		f.LinkClosed = false
	}
	return cmp.Or(f.linkRefusal(), f.callbackRefusal())
}

// linkRefusal says why the link takes no answer, whatever the state of the callback.
func (f Facts) linkRefusal() error {
	switch {
	case f.LinkUnknown:
		return ErrNotFound
	case f.LinkGuarded: // reveal nothing about the callback before the guard is passed
		return fmt.Errorf("%w: the link has a guard that this release cannot check", ErrUnavailable)
	case f.LinkClosed && f.Meanwhile:
		// This very decision may have been recorded before the link was closed, so the
		// caller has to read the callback again.
		return ErrMeanwhile
	case f.LinkClosed:
		return ErrLinkClosed
	}
	return nil
}

// callbackRefusal says why the callback takes no answer, through whichever link.
func (f Facts) callbackRefusal() error {
	switch {
	case f.ByExpiry, f.State == StateExpired:
		return ErrExpired
	case f.State == StateCancelled:
		return ErrCancelled
	case f.State == StateRefused:
		return RefusalError(f.Reason)
	case f.State == StateAnswered, f.State == StateDelivered:
		return ErrAlreadyAnswered
	case f.State != StatePending:
		return fmt.Errorf("%w: unexpected state %.20q", ErrUnavailable, f.State)
	case f.Overdue:
		return ErrExpired
	case f.Decided:
		return ErrAlreadyAnswered
	case f.Meanwhile:
		return ErrMeanwhile
	}
	return nil
}

// viewRefusal says why the link shows nothing. A closed link shows something only if
// it was used to decide or answer: its user may not have heard the result.
func (f Facts) viewRefusal() error {
	if f.ByThisLink {
		f.LinkClosed = false
	}
	return f.linkRefusal()
}

// Repeated tells whether an answer or a decision is the one that was recorded before,
// so that its sender gets the recorded result. A closed link still gets the result of
// its own.
func (f Facts) Repeated() bool {
	return f.SameAnswer && f.viewRefusal() == nil && errors.Is(f.callbackRefusal(), ErrAlreadyAnswered)
}
