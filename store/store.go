package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// Options are what a [Store] needs besides a client. All without a default are
// required.
type Options struct {
	Keys *relay.KeyRing
	// Lease is how long an attempt may take before another process may make
	// the next one. It must exceed the deadline of a call to Step Functions.
	Lease time.Duration
	// Retention is how long a finished callback is remembered.
	Retention time.Duration
	// Durability is what a write needs before it is acknowledged; by default only
	// that the server has it.
	Durability Durability
	// Clock is the clock of this process, which is compared with that of Redis;
	// default [time.Now]. No deadline depends on it.
	Clock func() time.Time
	// Metrics counts the calls to Redis; default none.
	Metrics Metrics
	// Tracer links the traces of a callback; default none.
	Tracer Tracer
}

// Store keeps callbacks in Redis. It implements [relay.Store], and the queue
// of package outbox.
type Store struct {
	redis      redis.UniversalClient
	keys       *relay.KeyRing
	lease      time.Duration
	retention  time.Duration
	durability Durability
	clock      func() time.Time
	metrics    Metrics
	tracer     Tracer

	primaries sync.Map                      // from *redis.Client to *primary
	checking  sync.Mutex                    // one check at a time
	last      atomic.Pointer[Condition]     // the last result; nil before the first check
	marker    atomic.Pointer[markerReading] // nil before the marker was first read
	// known is what every live replica knows; nil before the replicas were first
	// read.
	known atomic.Pointer[knowledge]
}

var _ relay.Store = (*Store)(nil)

// New returns a store on a client made by [Open]. The caller closes the client.
func New(client redis.UniversalClient, o Options) *Store {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Store{
		redis: client, keys: o.Keys, lease: o.Lease, retention: o.Retention, durability: o.Durability,
		clock: o.Clock, metrics: o.Metrics, tracer: o.Tracer,
	}
	s.measure(client)
	return s
}

// The fields whose values are sealed.
const (
	taskTokenField = "taskToken"
	outcomeField   = "outcome"
	contentField   = "content"
	summaryField   = "summary"
	remainsField   = "remains"
	approversField = "approvers"
	addedField     = "added"
	decisionsField = "decisions"
	remarksField   = "remarks"
	commentsField  = "comments"
	declinedField  = "declined"
	guardField     = "guard:" // followed by the number of the link
)

// missing returns the error for a callback that was not found. Either it does not
// exist, or Redis has lost its data or was never initialised. The second is not
// final, so it must not turn senders away for good.
func (s *Store) missing(ctx context.Context) error {
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	return relay.ErrNotFound
}

// Get implements [relay.Store].
func (s *Store) Get(ctx context.Context, id relay.CallbackID) (relay.Callback, error) {
	cb, _, err := s.read(ctx, id)
	return cb, err
}

func (s *Store) read(ctx context.Context, id relay.CallbackID) (relay.Callback, record, error) {
	views, err := s.readAll(ctx, []relay.CallbackID{id})
	if err == nil {
		err = views[0].err
	}
	if err == nil && views[0].record == nil {
		err = s.missing(ctx)
	}
	if err != nil {
		return relay.Callback{}, record{}, fmt.Errorf("look up %s: %w", id, err)
	}
	return views[0].Callback, *views[0].record, nil
}

// stored is a callback as it was read.
type stored struct {
	relay.Callback
	record *record // nil if there is no such callback
	err    error   // the callback cannot be read, or only in part: see [Store.view]
}

// readable tells whether a list can show the callback, at least in part.
func (s stored) readable() bool {
	return s.record != nil && (s.err == nil || errors.Is(s.err, relay.ErrSealed))
}

// waits tells whether the callback has the open await of a waiter.
func (s stored) waits(w relay.Waiter) bool {
	return w.ID == s.ID && slices.ContainsFunc(s.record.links(), func(l relay.Link) bool {
		return l.Type == relay.LinkAwait && l.Number == w.Number && l.Generation == w.Generation && !l.Closed
	})
}

// wrongType is the prefix of Redis's error for a key of another type.
const wrongType = "WRONGTYPE"

// readAll reads callbacks in one round trip.
func (s *Store) readAll(ctx context.Context, ids []relay.CallbackID) ([]stored, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	hashes := make([]*redis.SliceCmd, len(ids))
	scores := make([]*redis.FloatCmd, len(ids))
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			hashes[i] = p.HMGet(ctx, callbackKey(id), viewFields...)
			scores[i] = p.ZScore(ctx, dueKey(id.Partition()), string(id))
		}
		return nil
	})
	views := make([]stored, len(ids))
	for i := range ids {
		if err := hashes[i].Err(); redis.HasErrorPrefix(err, wrongType) {
			views[i].err = unavailable(fmt.Errorf("callback %s: %w", ids[i], err))
			continue
		} else if err != nil {
			return nil, unavailable(err)
		}
		if err := scores[i].Err(); redis.HasErrorPrefix(err, wrongType) {
			views[i].err = unavailable(fmt.Errorf("%s: %w", dueKey(ids[i].Partition()), err))
			continue
		} else if err != nil && err != redis.Nil { //nolint:errorlint // Nil: not in the due set; a wrapped Nil is a failure of a Sentinel
			return nil, unavailable(err)
		}
		values := hashes[i].Val()
		if len(values) != len(viewFields) {
			return nil, unavailable(fmt.Errorf("callback %s: %d values of %d", ids[i], len(values), len(viewFields)))
		}
		if values[0] == nil {
			continue
		}
		kept := texts(values)
		cb, rec, err := s.view(ids[i], func(name string) string { return kept[slices.Index(viewFields, name)] }, scores[i].Val())
		views[i] = stored{cb, &rec, err}
	}
	return views, nil
}

func unexpected(op string, id relay.CallbackID, got reply) error {
	return unavailable(fmt.Errorf("%s %s: unexpected verdict %.20q", op, id, got.verdict()))
}
