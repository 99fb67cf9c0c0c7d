package relay

import (
	"context"
	"time"
)

// Store keeps callbacks. Each call changes what is kept in one atomic step, or
// not at all. Errors are those of this package, wrapped with the callback id;
// whatever is wrong with the store itself is [ErrUnavailable].
type Store interface {
	// Create keeps a callback for a task token, or finds the one that is kept:
	// created tells which. It reports [ErrSettingsDiffer],
	// [ErrRegistrationCancelled] and, for a deadline that is past or further
	// than maxExpiry away, [*InvalidFieldError].
	Create(ctx context.Context, r Registration, maxExpiry time.Duration) (cb Callback, created bool, err error)

	// Answer records the first answer and leases its delivery to the caller.
	// The result is nil-error also for a repetition of the first answer.
	// Otherwise the error says what stands in the way: [ErrNotFound],
	// [ErrAlreadyAnswered], [ErrExpired], [ErrCancelled], [ErrLinkClosed],
	// [ErrTaskClosed], [ErrRefused].
	Answer(ctx context.Context, link LinkRef, o Outcome) (Recorded, error)

	// Waiting returns the task token of a callback that still waits, and what
	// whoever uses the link is told; or the same errors as Answer.
	Waiting(ctx context.Context, link LinkRef) (TaskToken, Response, error)

	// View returns a callback as its link shows it, or [ErrNotFound] or
	// [ErrLinkClosed]. It shows a closed link too, if something was decided or
	// answered through it: whoever did that may ask what became of it.
	View(ctx context.Context, link LinkRef) (View, error)

	// Vouch makes what View has shown as durable as what Answer acknowledges.
	Vouch(ctx context.Context, id CallbackID) error

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
	Delivery  *Delivery // leased to the caller; nil for a duplicate
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

// Delivery is one attempt to bring an outcome to Step Functions, already
// recorded, and leased to whoever holds it until the lease ends.
type Delivery struct {
	ID             CallbackID
	TaskToken      TaskToken
	Outcome        Outcome
	Fence          int64  // guards the result: a later lease has a higher one
	Lease          string // its name, which no other has; guards where a failover took a fence back
	Attempt        int    // 1 is the first
	EarlierUnclear int    // attempts before this one that may have had an effect
	CreatedAt      time.Time
	AnsweredAt     time.Time
	LeasedAt       time.Time // by the clock of Redis, as the two above
	// Trace is the trace context of the answer, or of the registration where
	// nobody answered; "" without one.
	Trace string
	// Unreadable is set when no master key of the ring opens what was stored.
	// The task token or the outcome is then missing.
	Unreadable error
}

// Settlement is how an attempt ended.
type Settlement struct {
	// State is [StateDelivered], [StateRefused], or [StateAnswered] when the
	// delivery is to be tried again.
	State     State
	Confirmed bool          // of delivered: Step Functions itself said so
	Reason    string        // of refused and of a retry: the error's code
	RetryIn   time.Duration // of a retry
	// NoEffect says that the attempt certainly had none, so it no longer
	// counts as unclear; NotMade that there was no attempt at all.
	NoEffect bool
	NotMade  bool
}
