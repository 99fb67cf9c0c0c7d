package relay

import (
	"context"
	"time"
)

// Store keeps callbacks. Each call changes the data in one atomic step, or not at
// all. Errors are those of this package, wrapped with the callback id. Any fault of
// the store itself is [ErrUnavailable].
type Store interface {
	// Create stores a callback, or finds the one already stored for the task token;
	// created tells which. It reports [ErrSettingsDiffer],
	// [ErrRegistrationCancelled] and, for a deadline that has passed or is too far
	// away, [*InvalidFieldError]. Guards cannot be stored while a replica is alive that
	// cannot check them: the error is [ErrUnavailable].
	Create(ctx context.Context, n NewCallback) (cb Callback, created bool, err error)

	// Find returns the callback that is already stored for the task token, or reports
	// [ErrNotFound]. Its other errors are those of Create.
	Find(ctx context.Context, n NewCallback) (Callback, error)

	// Answer records the first answer and leases its delivery to the caller.
	// Repeating the first answer is not an error. Otherwise the error says why the
	// answer is refused: [ErrNotFound], [ErrAlreadyAnswered], [ErrExpired],
	// [ErrCancelled], [ErrLinkClosed], [ErrTaskClosed] or [ErrRefused].
	//
	// passed says that the answer has passed the guard of the link. Without it, the
	// error for a guarded link is [*GuardedError], whatever the state of the callback.
	// An answer whose event is that of the first answer counts as a repetition, even
	// if its outcome is another.
	Answer(ctx context.Context, link LinkRef, o Outcome, passed *Passed) (Recorded, error)

	// Waiting returns the task token of a callback that still waits, and the link's
	// response. passed says that the guard of the link was passed. The errors are those
	// of Answer.
	Waiting(ctx context.Context, link LinkRef, passed bool) (TaskToken, Response, error)

	// View returns a callback as its link shows it. It reports [ErrNotFound] and
	// what [View.Refusal] returns.
	View(ctx context.Context, link LinkRef) (View, error)

	// ConfirmDurable returns once the data that View has shown is as durable as an
	// acknowledged answer.
	ConfirmDurable(ctx context.Context, id CallbackID) error

	// Decide records one more decision: the last of the given ones. If others than
	// those before it have been recorded meanwhile, the error is [ErrMeanwhile].
	// With an outcome, Decide also records the answer as Answer does; without one,
	// the callback keeps waiting.
	Decide(ctx context.Context, link LinkRef, decisions []Decision, o *Outcome) (Recorded, error)

	// Guess records whether somebody entered the right code. [MaxGuesses] wrong
	// codes close the link; left is how many are still allowed. On a closed link it
	// reports [ErrLinkClosed], even for the right code.
	Guess(ctx context.Context, link LinkRef, right bool) (left int, err error)

	// Decline records that somebody says that a link is not for them, and adds it to the
	// history. It replaces what was said through the link before. The errors are those of
	// Answer.
	Decline(ctx context.Context, link LinkRef, d Decline) error

	// Revoke closes one link of a callback, by its name, or reports
	// [ErrNotFound]. Closing it again is not an error.
	Revoke(ctx context.Context, id CallbackID, name string) (Callback, error)

	// AddLink gives a pending callback one more link. The same step closes a link
	// that already has the name, for good, as Revoke does. First AddLink passes to
	// judge the callback and its approval, nil for a callback without pages. If
	// judge reports an error, AddLink returns it and changes nothing.
	// Otherwise the error is [ErrTooManyLinks], [ErrLinksUsedUp] or as for Answer. Like
	// Create, it reports [ErrUnavailable] for a link with a guard while a replica is
	// alive that cannot check guards.
	AddLink(ctx context.Context, id CallbackID, name string, l LinkRequest, judge func(Callback, *Approval) error) (View, error)

	// Reschedule gives a pending callback another deadline. It reports
	// [*InvalidFieldError] as Create does, and otherwise the same errors as
	// Answer.
	Reschedule(ctx context.Context, id CallbackID, e Expires, maxExpiry time.Duration) (Callback, error)

	// Cancel withdraws a pending callback. Cancelling it again is not an error.
	// Otherwise the error is as for Answer.
	Cancel(ctx context.Context, id CallbackID) (Callback, error)

	// Note adds an entry to the history of a link's callback. Equal entries without an
	// event are counted, and the oldest of more than 50 goes.
	Note(ctx context.Context, link LinkRef, n Note) error

	// History returns the history of a callback, oldest first, or [ErrNotFound].
	History(ctx context.Context, id CallbackID) ([]HistoryEntry, error)

	// Get returns a callback, or [ErrNotFound].
	Get(ctx context.Context, id CallbackID) (Callback, error)

	// WithReference returns the ids of the callbacks that have a reference, sorted and at
	// most [MaxAmbiguous] and one more, or reports [ErrNotFound]. It looks at a bounded number
	// of callbacks; if there are more, and it has not found several, the error is
	// [ErrTooManyToSearch].
	WithReference(ctx context.Context, r Reference) ([]CallbackID, error)

	// List returns callbacks. The list of all states is newest first; pending
	// callbacks are sorted by deadline, answered ones by next attempt, and those in a
	// final state by when they will be forgotten, last first. A callback that an event
	// or an attempt moves meanwhile can be missed. With a tag or declined, or before a migration
	// that lists need has run, List might have to look at many callbacks to find a
	// few; then it looks at a bounded number and returns what it found.
	// A cursor of another state's list is an [*InvalidFieldError].
	List(ctx context.Context, q Query) (Page, error)

	AwaitStore
}

// Recorded is what became of an answer that was accepted.
type Recorded struct {
	State     State     // as it stands now
	Duplicate bool      // the same answer was recorded earlier
	Delivery  *Delivery // leased to the caller, without the outcome, which the caller has; nil for a duplicate
	Response  Response  // of the link: what its sender gets in addition to the result
}

// Query selects callbacks. Its zero value selects all.
type Query struct {
	State    State  // "" is any
	TagKey   string // "" is any
	TagValue string
	Declined bool   // only callbacks that somebody has declined, see [Decline]
	Limit    int    // of one page, 1 to [MaxPage]; 0 is the service's default
	Cursor   string // [Page.Next] of the previous page

	// AwaitSender and AwaitKey select the pending callbacks that wait for this key of a
	// sender's hook; "" is any. [Store.List] does not know them.
	AwaitSender, AwaitKey string
}

// Matches tells whether a callback has the state and the tag that the query selects, and
// somebody has declined it, if the query asks for that.
func (q Query) Matches(cb Callback) bool {
	if q.State != "" && cb.State != q.State || q.Declined && len(cb.Declined) == 0 {
		return false
	}
	value, ok := cb.Tags[q.TagKey]
	return q.TagKey == "" || ok && value == q.TagValue
}

// MaxPage bounds the callbacks in one page of a list. defaultPage is how many a
// page has if the query does not say.
const (
	MaxPage     = 100
	defaultPage = 20
)

// Page is a part of a list. Next is "" after the last page. A page can hold
// fewer callbacks than the limit and still have a next one.
type Page struct {
	Callbacks []Callback
	Next      string
	// Examined is how many callbacks were looked at to fill the page. ExaminedTo is
	// how far that reached in the order of the list: a time of the last callback
	// looked at. For all states it is when that callback was registered; for pending
	// ones, its deadline; for answered ones, when its next attempt may start; for
	// those in a final state, when it ended, counted back from when it is forgotten.
	// If callbacks in a final state had to be searched for among all, it is when that
	// callback was registered.
	Examined   int
	ExaminedTo time.Time
}
