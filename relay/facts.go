package relay

import "fmt"

// Facts are what the store found of a callback, and of the link through which
// something was asked of it. Its scripts report them; what they mean to a
// caller is judged here alone.
type Facts struct {
	State      State
	ByExpiry   bool   // the deadline made the outcome
	ByThisLink bool   // this link gave the answer
	SameAnswer bool   // the recorded answer is the one that was sent now
	Reason     string // of a refused callback: AWS' error code
	Overdue    bool   // the deadline has passed

	LinkUnknown bool // the registration has no such link
	LinkGuarded bool // a later release has put a guard on the link
	LinkClosed  bool
	Meanwhile   bool // what was read before has changed since
}

// Refusal says why a callback takes no answer through the link (any more), or
// nil when it does.
func (f Facts) Refusal() error {
	switch {
	case f.LinkUnknown:
		return ErrNotFound
	case f.LinkGuarded: // nothing is told either, before the guard was passed
		return fmt.Errorf("%w: the link has a guard that this release cannot check", ErrUnavailable)
	case f.LinkClosed && f.Meanwhile:
		// What changed may be this very decision, recorded before the link was
		// closed: the caller has to look.
		return ErrMeanwhile
	case f.LinkClosed: // whatever became of the callback
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

// Repeated tells whether an answer that was refused is the one that was
// recorded before, so that its sender is told so. A closed link may
// still ask what became of its own answer.
func (f Facts) Repeated() bool {
	return f.SameAnswer && !f.ByExpiry && !f.LinkUnknown && !f.LinkGuarded && (!f.LinkClosed || f.ByThisLink) &&
		(f.State == StateAnswered || f.State == StateDelivered)
}
