package relay

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// AwaitStore keeps what callbacks wait for at hooks, and the events for them. A digest
// has waiters and events. An event is
//
//   - assigned, while waiters that it is for have not been served;
//   - used, once it has answered a callback and Step Functions may still refuse that
//     outcome because its task was closed;
//   - free otherwise: nobody has used it, and whoever joins gets it.
//
// An event that was assigned is never dropped before it was served. A free one, and a
// used one, is kept until its end, unless newer ones take its place: the bounds below hold
// whether an event is free when it comes, or because those who waited passed it over. Every call is one atomic step, and repeating it after
// a lost reply changes nothing more.
type AwaitStore interface {
	// Join adds a waiter to a digest until the given time, by the clock of Redis, and
	// assigns the free events to it. The caller leases what is assigned, and must give it.
	// If the digest has [MaxWaiters] others, the error is [*TooManyWaitersError].
	Join(ctx context.Context, a AwaitRef, w Waiter, until time.Time) (Matching, error)

	// AddEvent stores an event, unless one with the same id was stored in time: it is
	// assigned to all who wait, or free if nobody does. The caller leases what is assigned,
	// and must give it. If [MaxAssigned] events of the key are assigned already, the error is
	// [ErrUnavailable].
	AddEvent(ctx context.Context, k AwaitKey, e HookEvent, o AddOptions) (Added, error)

	// Event returns a stored event, or [ErrNotFound].
	Event(ctx context.Context, a AwaitRef, name string) (HookEvent, error)

	// Serve records what became of an event for a waiter, and removes the waiter from the
	// digest if fate says that its callback is over. An event that is then free is assigned
	// to those waiters who have not passed it over. Without a name, only the waiter is
	// removed.
	Serve(ctx context.Context, a AwaitRef, name string, w Waiter, fate Fate) (Matching, error)

	// TakeMatches leases up to limit digests whose events another process has assigned and
	// not given in time, or whose used events are to be looked at again. With an error, it
	// still returns what it leased.
	TakeMatches(ctx context.Context, limit int) ([]Matching, error)

	// Awaiting returns the pending callbacks that wait for any of the digests with an open
	// await, the one whose deadline is next first. It takes two round trips, however many
	// there are.
	Awaiting(ctx context.Context, digests []AwaitDigest) ([]Callback, error)

	// AwaitsOf returns the awaits of a callback by name, also the closed ones.
	AwaitsOf(ctx context.Context, cb Callback) (map[string]Guard, error)

	// FreeEvents returns up to limit free events of a sender's hook, the one that ends next
	// first, and how many there are.
	FreeEvents(ctx context.Context, sender string, limit int) (events []FreeEvent, total int, err error)

	// MarkAwaited remembers, up to the given time by the clock of Redis, that callbacks may
	// await events of the sender's hook. An earlier time than before changes nothing.
	MarkAwaited(ctx context.Context, sender string, until time.Time) error

	// HookCensus counts the free events of hooks, in the order of their senders, and finds out
	// whether digests wait for [AwaitStore.TakeMatches], and which senders are awaited.
	HookCensus(ctx context.Context, senders []string) (HookCensus, error)

	// DropEvents removes free events of a sender for good. It looks only at their digests and
	// names, and returns how many there were; with an error, of those that it could remove.
	DropEvents(ctx context.Context, sender string, events []FreeEvent) (dropped int, err error)
}

// The bounds of what one digest has.
const (
	MaxWaiters       = 100
	MaxFreeEvents    = 16      // the oldest goes if there are more
	MaxAssigned      = 100     // further events are refused until these are served
	MaxUsed          = 100     // the oldest is forgotten if there are more: see [AwaitStore]
	MaxFreePerHook   = 256     // free events of a hook, in each of the 64 partitions; the oldest goes
	MaxFreeBytes     = 1 << 20 // as stored, of these, when a large one is added; never more than twice that
	MaxSeen          = 1000
	MaxEventBytes    = 256 << 10 // of the body as it was sent
	MaxEventOverhead = 64 << 10  // of its headers and its query
)

// HookEvent is an event of a hook: a post whose sender was proven.
type HookEvent struct {
	Sender string // the name of the hook's sender
	ID     string // of the event; if it has none, made of the digest of its body
	Type   string // "" for none
	Header http.Header
	Query  string // as in the URL, without the question mark
	Body   []byte // as it was sent
	At     time.Time
}

// AddOptions say how an event is stored.
type AddOptions struct {
	Keep time.Duration // how long it may stay free, or used
	// IfNobody says what to do if nobody waits.
	IfNobody IfNobody
	// Except are waiters whom the event is not for.
	Except []Waiter
}

// IfNobody says what to do with an event that nobody waits for.
type IfNobody string

// What can be done.
const (
	KeepEvent IfNobody = "keep"
	DropEvent IfNobody = "drop"
	// OnlyLook stores nothing, even if somebody waits, but says whether the event is a
	// duplicate.
	OnlyLook IfNobody = ""
)

// Added is what became of an event.
type Added struct {
	Verdict  EventVerdict // ignored if it was not stored
	Matching Matching     // what is assigned now
	Present  []Waiter     // who waits
}

// Matching is what is still to be done for a digest.
type Matching struct {
	Await AwaitRef
	// Assigned and Used are in the order in which the events arrived.
	Assigned, Used []Match
	// Dropped is how many free events of the sender had to make room in this step.
	Dropped int
}

// Match is an event, and whom it is for or who used it.
type Match struct {
	Event   string    // its name in the store
	At      time.Time // when it arrived, by the clock of Redis
	Waiters []Waiter
}

// Fate is what became of an event for one waiter.
type Fate struct {
	Use Use
	// Leaves says that the callback is over, so that the waiter waits no more.
	Leaves bool
}

// Use says whether a waiter has used an event up.
type Use string

// The uses.
const (
	// UsePassed: it did not change anything for the task.
	UsePassed Use = "passed"
	// UseAnswered: its outcome answers the callback, and Step Functions may still refuse it.
	UseAnswered Use = "answered"
	// UseSpent: it reached the task.
	UseSpent Use = "spent"
)

// FreeEvent is a free event, without its body.
type FreeEvent struct {
	Digest   AwaitDigest
	Event    string // its name in the store
	ID, Type string // as [HookEvent] has them; "" if no master key of the ring opens them
	At, Ends time.Time
	Bytes    int // as stored
}

// HookCensus says which events wait, and which are awaited.
type HookCensus struct {
	At   time.Time // when it was taken, by the clock of Redis
	Free []FreeCount
	// Late is for how long a digest should have been looked at; 0 if none.
	Late time.Duration
	// Awaited are the senders whose events callbacks may await, and until when.
	Awaited map[string]time.Time
}

// FreeCount counts the free events of a hook.
type FreeCount struct {
	Events int
	Ends   time.Duration // until the first of them ends
}

// ErrTooManyWaiters says that [MaxWaiters] callbacks wait for the key already.
var ErrTooManyWaiters = errors.New("too many callbacks wait for this key")

// TooManyWaitersError is [ErrTooManyWaiters], with those who wait.
type TooManyWaitersError struct{ Waiters []Waiter }

// Error implements error.
func (e *TooManyWaitersError) Error() string { return ErrTooManyWaiters.Error() }

// Unwrap returns [ErrTooManyWaiters].
func (e *TooManyWaitersError) Unwrap() error { return ErrTooManyWaiters }
