package relay

import "fmt"

// Facts are what the store found out about a callback, and about the link that was
// used. The store's scripts report them. Only this type judges what they mean to a
// caller.
type Facts struct {
	State      State
	ByExpiry   bool   // the deadline made the outcome
	ByThisLink bool   // this link gave the answer
	SameAnswer bool   // the recorded answer is the same as this one
	Reason     string // of a refused callback: AWS' error code
	Overdue    bool   // the deadline has passed

	LinkUnknown bool // the registration has no such link
	LinkGuarded bool // a later release has put a guard on the link
	LinkClosed  bool
	Meanwhile   bool // the callback has changed since it was read
}

// Refusal says why a callback takes no answer through the link, or is nil if it
// takes one.
func (f Facts) Refusal() error {
	switch {
	case f.LinkUnknown:
		return ErrNotFound
	case f.LinkGuarded: // reveal nothing about the callback before the guard is passed
		return fmt.Errorf("%w: the link has a guard that this release cannot check", ErrUnavailable)
	case f.LinkClosed && f.Meanwhile:
		// This very decision may have been recorded before the link was closed, so the
		// caller has to read the callback again.
		return ErrMeanwhile
	case f.LinkClosed: // whatever the state of the callback
		return ErrLinkClosed
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
	case f.Meanwhile:
		return ErrMeanwhile
	}
	return nil
}

// Repeated tells whether a refused answer is the one that was recorded before, so
// that its sender gets the recorded result. A closed link still gets the result of
// its own answer.
func (f Facts) Repeated() bool {
	return f.SameAnswer && !f.ByExpiry && !f.LinkUnknown && !f.LinkGuarded && (!f.LinkClosed || f.ByThisLink) &&
		(f.State == StateAnswered || f.State == StateDelivered)
}
