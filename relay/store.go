package relay

import (
	"context"
	"time"
)

// Store keeps callbacks. Each call changes what is kept in one atomic step, or
// not at all. Errors are those of this package, wrapped with the callback id;
// whatever is wrong with the store itself is [ErrUnavailable].
type Store interface {
	// Create keeps a callback, or finds the one that is kept for the task token:
	// created tells which. It reports [ErrSettingsDiffer],
	// [ErrRegistrationCancelled] and, for a deadline that has passed or is too far
	// away, [*InvalidFieldError].
	Create(ctx context.Context, n NewCallback) (cb Callback, created bool, err error)

	// Answer records the first answer and leases its delivery to the caller.
	// The result is nil-error also for a repetition of the first answer.
	// Otherwise the error says what stands in the way: [ErrNotFound],
	// [ErrAlreadyAnswered], [ErrExpired], [ErrCancelled], [ErrLinkClosed],
	// [ErrTaskClosed], [ErrRefused].
	Answer(ctx context.Context, link LinkRef, o Outcome) (Recorded, error)

	// Waiting returns the task token of a callback that still waits, and what
	// whoever uses the link is told; or the same errors as Answer.
	Waiting(ctx context.Context, link LinkRef) (TaskToken, Response, error)

	// View returns a callback as its link shows it, or [ErrNotFound] or what
	// [View.Refusal] says.
	View(ctx context.Context, link LinkRef) (View, error)

	// ConfirmDurable returns when what View has shown is as durable as what Answer
	// acknowledges.
	ConfirmDurable(ctx context.Context, id CallbackID) error

	// Decide records one more decision, the last of the given ones, while those
	// before it are still all there are: if not, the error is [ErrMeanwhile].
	// With an outcome it also is the answer, as for Answer; without one the
	// callback waits on.
	Decide(ctx context.Context, link LinkRef, decisions []Decision, o *Outcome) (Recorded, error)

	// Guess records whether somebody entered the right code. The fifth wrong
	// one, of [MaxGuesses], closes the link. left is how many more there may
	// be. It reports [ErrLinkClosed], also of a right code that comes too late.
	Guess(ctx context.Context, link LinkRef, right bool) (left int, err error)

	// Revoke closes one link of a callback, by its name, or reports
	// [ErrNotFound]. Closing it again is not an error.
	Revoke(ctx context.Context, id CallbackID, name string) (Callback, error)

	// AddLink gives a pending callback one more link. One that has the name
	// already is closed for good, as Revoke does it, in the same step. Before
	// that judge is shown the callback as it stands, and what its pages
	// show, nil for a callback without pages; what judge reports is returned, and
	// nothing is changed.
	// Otherwise the error is [ErrTooManyLinks], [ErrLinksUsedUp] or as for Answer.
	AddLink(ctx context.Context, id CallbackID, name string, l LinkRequest, judge func(Callback, *Approval) error) (View, error)

	// Reschedule gives a pending callback another deadline. It reports
	// [*InvalidFieldError] as Create does, and otherwise the same errors as
	// Answer.
	Reschedule(ctx context.Context, id CallbackID, e Expires, maxExpiry time.Duration) (Callback, error)

	// Cancel withdraws a pending callback. A cancelled one stays as it is.
	// Otherwise the error is as for Answer.
	Cancel(ctx context.Context, id CallbackID) (Callback, error)

	// Get returns a callback, or [ErrNotFound].
	Get(ctx context.Context, id CallbackID) (Callback, error)

	// List returns callbacks. All of them are listed newest first; pending ones
	// with the nearest deadline first; answered ones with the next attempt first;
	// and those in a final state with those first that ended last. With a tag, or
	// while a migration that lists need is missing, it may look at many callbacks
	// to find few; then it looks at a bounded number and returns what it found.
	// A cursor of another state's list is an [*InvalidFieldError].
	List(ctx context.Context, q Query) (Page, error)
}

// Recorded is what became of an answer that was accepted.
type Recorded struct {
	State     State     // as it stands now
	Duplicate bool      // the same answer was recorded earlier
	Delivery  *Delivery // leased to the caller, without the outcome, which the caller has; nil for a duplicate
	Response  Response  // of the link: what its sender is told besides
}

// Query selects callbacks. Its zero value selects all.
type Query struct {
	State    State  // "" is any
	TagKey   string // "" is any
	TagValue string
	Limit    int    // of one page, 1 to [MaxPage]; 0 is the service's default
	Cursor   string // [Page.Next] of the page before
}

// MaxPage bounds the callbacks in one page of a list, and defaultPage is how
// many one has unless told.
const (
	MaxPage     = 100
	defaultPage = 20
)

// Page is a part of a list. Next is "" after the last page. A page can hold
// fewer callbacks than the limit and still have a next one.
type Page struct {
	Callbacks []Callback
	Next      string
	// Examined is how many callbacks were looked at to fill the page, and
	// ExaminedTo how far they reach in the order of the list: the time at which
	// the last of them was registered; of pending ones, its deadline; of answered
	// ones, when its next attempt may start; of those in a final state, when it
	// is forgotten, unless they had to be searched for among all callbacks.
	Examined   int
	ExaminedTo time.Time
}
