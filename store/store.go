package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// Options are what a [Store] needs besides a client. All are required, except
// where a default is named.
type Options struct {
	Keys *relay.KeyRing
	// Lease is how long an attempt may take before another process may make
	// the next one. It must exceed the deadline of a call to Step Functions.
	Lease time.Duration
	// Retention is how long a finished callback is remembered.
	Retention time.Duration
	// Durability is what a write needs before it is acknowledged. By default
	// it is that the server has taken it.
	Durability Durability
	// Clock tells the time of this process, to be compared with that of Redis;
	// default [time.Now]. No deadline depends on it.
	Clock func() time.Time
	// Metrics is told of each round trip; nil tells nobody.
	Metrics Metrics
	// Tracer knows of the traces that a callback is part of; nil knows of none.
	Tracer Tracer
}

// Store keeps callbacks in Redis. It implements [relay.Store], and the queue
// of package outbox.
type Store struct {
	Options
	redis   redis.UniversalClient
	patient sync.Map                   // *redis.Client to one that has time for a WAIT
	looking sync.Mutex                 // one look at a time
	last    atomic.Pointer[Condition]  // how Redis was found last; nil before the first look
	marker  atomic.Pointer[markerLook] // what the keyspace is; nil before it was asked for
	// generations says whether every live replica knows them; nil before it is known.
	generations atomic.Pointer[bool]
}

var _ relay.Store = (*Store)(nil)

// New returns a store on a client made by [Open]. The caller closes the client.
func New(client redis.UniversalClient, o Options) *Store {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Store{Options: o, redis: client}
	s.timed(client)
	return s
}

// The fields whose values are sealed.
const (
	taskTokenField = "taskToken"
	outcomeField   = "outcome"
	contentField   = "content"
	summaryField   = "summary"
	approversField = "approvers"
	addedField     = "added"
	decisionsField = "decisions"
	remarksField   = "remarks"
)

// Create implements [relay.Store].
func (s *Store) Create(ctx context.Context, r relay.Registration, maxExpiry time.Duration) (relay.Callback, bool, error) {
	ids := s.Keys.Identify(r.TaskToken)
	// A callback made before the newest key came is found under an older one.
	// And where none can be made, one that there is can still be found.
	full := cmp.Or(s.last.Load().full(), r.Refused)
	look := ids[1:]
	if full != nil {
		look = ids
	}
	for _, known := range look {
		cb, err := s.existing(ctx, known.ID, r)
		if !errors.Is(err, relay.ErrNotFound) {
			return cb, false, err
		}
	}
	if full != nil {
		return relay.Callback{}, false, full
	}
	id, sp := ids[0].ID, newSpec(r, ids[0].Key)
	generation, err := s.newGeneration(ctx)
	if err != nil {
		return relay.Callback{}, false, fmt.Errorf("create %s: %w", id, err)
	}
	sp.Generation = generation
	how, ms := expires(r.Expires)
	names := ""
	if known := approvers(r); len(known) > 0 {
		names = encoded(known)
	}
	asked := newContent(r)
	got, err := s.keep(ctx, createScript,
		append([]string{callbackKey(id), deadlineKey(id.Partition()), createdKey(id.Partition())}, endedKeys(id.Partition())...),
		string(id), string(relay.StatePending), how, ms, maxExpiry.Milliseconds(),
		sp.encode(), s.Keys.Seal(id, taskTokenField, []byte(r.TaskToken.Reveal())),
		s.seal(id, contentField, asked.encode()), s.seal(id, approversField, names),
		s.seal(id, summaryField, asked.summary(r.NumberedLinks()).encode()), s.trace(ctx))
	if err != nil {
		return relay.Callback{}, false, fmt.Errorf("create %s: %w", id, err)
	}
	if err := deadlineError(got, maxExpiry); err != nil {
		return relay.Callback{}, false, err
	}
	switch got.verdict() {
	case "created":
		return relay.Callback{
			ID: id, State: relay.StatePending, CreatedAt: got.time("created"), ExpiresAt: got.time("deadline"),
			OnExpiry: r.OnExpiry, Tags: r.Tags, Links: record{spec: sp, approvers: approvers(r)}.links(), Key: sp.Key,
		}, true, nil
	case "exists":
		cb, err := s.existing(ctx, id, r)
		return cb, false, err
	}
	return relay.Callback{}, false, unexpected("create", id, got)
}

// existing returns a callback that is there, for a registration that asks for
// the same.
func (s *Store) existing(ctx context.Context, id relay.CallbackID, r relay.Registration) (relay.Callback, error) {
	cb, rec, err := s.read(ctx, id)
	if err != nil {
		return relay.Callback{}, err
	}
	if cb.State == relay.StateCancelled {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, relay.ErrRegistrationCancelled)
	}
	same, err := s.sameContent(ctx, rec, r)
	if err != nil {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, err)
	}
	if !same || !rec.asksTheSame(r) {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, relay.ErrSettingsDiffer)
	}
	if err := s.Vouch(ctx, id); err != nil {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, err)
	}
	return cb, nil
}

// sameContent tells whether a registration gives the links that a callback was
// registered with the same to do and to show.
func (s *Store) sameContent(ctx context.Context, rec record, r relay.Registration) (bool, error) {
	values, err := s.redis.HMGet(ctx, callbackKey(rec.id), summaryField).Result()
	if err != nil {
		return false, unavailable(err)
	}
	var kept *summary
	if err := s.open(rec.id, summaryField, strings.Join(texts(values), ""), &kept); err != nil {
		return false, err
	}
	return kept.encode() == newContent(r).summary(r.NumberedLinks()).encode() && maps.Equal(rec.approvers, approvers(r)), nil
}

// Answer implements [relay.Store].
func (s *Store) Answer(ctx context.Context, link relay.LinkRef, o relay.Outcome) (relay.Recorded, error) {
	return s.answer(ctx, link, o, "", nil)
}

// answer records an answer; one by decision with how many decisions there were
// before it, and with all of them sealed.
func (s *Store) answer(ctx context.Context, link relay.LinkRef, o relay.Outcome, before string, decisions []byte) (relay.Recorded, error) {
	id, digest := link.ID, link.Digest(o)
	row, lease, trace := relay.TransitionOf(relay.EventAnswer), rand.Text(), s.trace(ctx)
	got, err := s.keep(ctx, answerScript,
		[]string{callbackKey(id), deadlineKey(id.Partition()), dueKey(id.Partition())},
		string(id), string(row.From), string(row.To), string(o.Type), o.Error,
		s.Keys.Seal(id, outcomeField, o.Payload()), digest, strconv.Itoa(int(link.Number)),
		s.Lease.Milliseconds(), lease, before, decisions, trace, link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("answer %s: %w", id, err)
	}
	if got.verdict() == "recorded" {
		registered := got.text("trace")
		d := relay.Delivery{ID: id, Outcome: o, Lease: lease, Trace: cmp.Or(trace, registered)}
		s.readLease(&d, got)
		s.link(ctx, registered)
		return relay.Recorded{State: row.To, Delivery: &d, Response: s.response(link, got)}, nil
	}
	if found := factsIn(got, &link); got.verdict() == "refused" && found.Repeated() {
		return relay.Recorded{State: found.State, Duplicate: true, Response: s.response(link, got)}, nil
	}
	return relay.Recorded{}, s.refusal(ctx, "answer", id, got)
}

// Waiting implements [relay.Store].
func (s *Store) Waiting(ctx context.Context, link relay.LinkRef) (relay.TaskToken, relay.Response, error) {
	id := link.ID
	got, err := s.run(ctx, waitingScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return "", relay.Response{}, fmt.Errorf("look up %s: %w", id, err)
	}
	if got.verdict() != "waiting" {
		return "", relay.Response{}, s.refusal(ctx, "look up", id, got)
	}
	task, err := s.Keys.Open(id, taskTokenField, []byte(got.text(taskTokenField)))
	if err != nil {
		return "", relay.Response{}, unreadable(err)
	}
	return relay.TaskToken(task), s.response(link, got), nil
}

// Cancel implements [relay.Store].
func (s *Store) Cancel(ctx context.Context, id relay.CallbackID) (relay.Callback, error) {
	row := relay.TransitionOf(relay.EventCancel)
	got, err := s.keep(ctx, cancelScript,
		[]string{callbackKey(id), deadlineKey(id.Partition()), endedKey(id.Partition(), row.To)},
		string(id), string(row.From), string(row.To), s.Retention.Milliseconds())
	if err != nil {
		return relay.Callback{}, fmt.Errorf("cancel %s: %w", id, err)
	}
	if got.verdict() != "done" {
		return relay.Callback{}, s.refusal(ctx, "cancel", id, got)
	}
	return s.Get(ctx, id)
}

// refusal is the error that a script's reply stands for, if the script changed
// nothing.
func (s *Store) refusal(ctx context.Context, op string, id relay.CallbackID, got reply) error {
	var err error
	switch got.verdict() {
	case "missing":
		err = s.missing(ctx)
	case "refused":
		err = factsIn(got, nil).Refusal()
	}
	if err == nil {
		return unexpected(op, id, got)
	}
	return fmt.Errorf("%s %s: %w", op, id, err)
}

// factsIn reads the facts that a script refused with; link is the one that was
// used, if any.
func factsIn(got reply, link *relay.LinkRef) relay.Facts {
	by := got.text("by")
	return relay.Facts{
		State: relay.State(got.text("state")), Reason: got.text("reason"), Overdue: got.holds("overdue"),
		ByExpiry: by == relay.ByExpiry, ByThisLink: link != nil && by == strconv.Itoa(int(link.Number)),
		SameAnswer: got.holds("same"), Meanwhile: got.holds("meanwhile"),
		LinkUnknown: got.holds("unknown"), LinkClosed: got.holds("closed"),
	}
}

// missing tells a callback that does not exist from a Redis that lost its data
// or was never prepared: the second is no reason to turn senders away for good.
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

// found is a callback that was read; its record is nil when there is none. With
// an error it cannot be read, or only in part: see [Store.view].
type found struct {
	relay.Callback
	record *record
	err    error
}

// noHash begins the error about a key that is something else.
const noHash = "WRONGTYPE"

// readAll reads callbacks in one round trip.
func (s *Store) readAll(ctx context.Context, ids []relay.CallbackID) ([]found, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	hashes := make([]*redis.SliceCmd, len(ids))
	scores := make([]*redis.FloatCmd, len(ids))
	// Its error is that of the first command that failed; each has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			hashes[i] = p.HMGet(ctx, callbackKey(id), viewFields...)
			scores[i] = p.ZScore(ctx, dueKey(id.Partition()), string(id))
		}
		return nil
	})
	views := make([]found, len(ids))
	for i := range ids {
		if err := hashes[i].Err(); redis.HasErrorPrefix(err, noHash) {
			views[i].err = unavailable(fmt.Errorf("callback %s: %w", ids[i], err))
			continue
		} else if err != nil {
			return nil, unavailable(err)
		}
		if err := scores[i].Err(); err != nil && err != redis.Nil { //nolint:errorlint // Nil: not in the due set; wrapped, trouble with a Sentinel
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
		views[i] = found{cb, &rec, err}
	}
	return views, nil
}

func unexpected(op string, id relay.CallbackID, got reply) error {
	return unavailable(fmt.Errorf("%s %s: unexpected verdict %.20q", op, id, got.verdict()))
}
