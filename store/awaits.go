package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// lookAgain is when a used event is first looked at again, to find out whether it has
// reached its task.
const lookAgain = 2 * time.Second

// awaitable returns an error while a replica is alive that does not know awaits: it would
// not take over events.
func (s *Store) awaitable(ctx context.Context) error {
	all, err := s.allKnow(ctx)
	if err != nil {
		return err
	}
	if !all.awaits {
		return fmt.Errorf("%w: a replica of an earlier release, which does not know awaits, is still live: "+
			"awaits can be registered once the rollout has finished", relay.ErrUnavailable)
	}
	return nil
}

// matchingKeys are the keys that all scripts of awaits have first.
func matchingKeys(a relay.AwaitRef) []string {
	p := a.Digest.Partition()
	return []string{eventsKey(a.Digest), awaitKey(a.Digest), matchesKey(p), freeKey(p, a.Sender)}
}

// readMatching reads what matching.lua appends to replies.
func readMatching(a relay.AwaitRef, got reply) (relay.Matching, error) {
	m := relay.Matching{Await: a}
	var last *relay.Match
	for i := 0; i+1 < len(got); i += 2 {
		switch name, value := got[i], got[i+1]; name {
		case "assigned":
			m.Assigned = append(m.Assigned, relay.Match{Event: value})
			last = &m.Assigned[len(m.Assigned)-1]
		case "used":
			m.Used = append(m.Used, relay.Match{Event: value})
			last = &m.Used[len(m.Used)-1]
		case "at":
			if last != nil {
				last.At = millis(value)
			}
		case "waiter":
			waiter, err := relay.ParseWaiter(value)
			if err != nil || last == nil {
				return m, unavailable(fmt.Errorf("events of %s: unreadable waiter", a.Digest))
			}
			last.Waiters = append(last.Waiters, waiter)
		}
	}
	return m, nil
}

// Join implements [relay.AwaitStore].
func (s *Store) Join(ctx context.Context, a relay.AwaitRef, w relay.Waiter, until time.Time) (relay.Matching, error) {
	got, err := s.runDurably(ctx, joinScript, append(matchingKeys(a), seenKey(a.Digest)), string(a.Digest), w.String(),
		until.UnixMilli(), s.lease.Milliseconds(), relay.MaxWaiters, seenLonger.Milliseconds(), relay.MaxSeen)
	if err != nil {
		return relay.Matching{}, fmt.Errorf("join %s: %w", w.ID, err)
	}
	switch got.verdict() {
	case "joined":
		return readMatching(a, got)
	case "full":
		full := &relay.TooManyWaitersError{}
		for _, text := range got.all("waiter") {
			if waiter, err := relay.ParseWaiter(text); err == nil {
				full.Waiters = append(full.Waiters, waiter)
			}
		}
		return relay.Matching{}, fmt.Errorf("join %s: %w", w.ID, full)
	}
	return relay.Matching{}, unexpected("join", w.ID, got)
}

// Serve implements [relay.AwaitStore].
func (s *Store) Serve(ctx context.Context, a relay.AwaitRef, event string, w relay.Waiter, fate relay.Fate) (relay.Matching, error) {
	most, bytes := s.last.Load().freeEvents()
	got, err := s.run(ctx, serveScript, matchingKeys(a), string(a.Digest), event, w.String(), string(fate.Use), flag(fate.Leaves),
		s.lease.Milliseconds(), min(lookAgain, s.lease).Milliseconds(), relay.MaxUsed, relay.MaxFreeEvents, most, bytes)
	if err != nil {
		return relay.Matching{}, fmt.Errorf("serve %s: %w", w.ID, err)
	}
	if got.verdict() != "served" {
		return relay.Matching{}, unexpected("serve", w.ID, got)
	}
	return s.madeRoom(ctx, a, got)
}

// TakeMatches implements [relay.AwaitStore].
func (s *Store) TakeMatches(ctx context.Context, limit int) ([]relay.Matching, error) {
	due, err := s.due(ctx, []sortedSet{matchesSet}, limit)
	refs, readErr := s.sendersOf(ctx, due)
	calls := make([]call, len(refs))
	for i, a := range refs {
		calls[i] = call{matchingKeys(a), []any{string(a.Digest), s.lease.Milliseconds()}}
	}
	replies, takeErr := s.runAll(ctx, takeScript, calls)
	var taken []relay.Matching
	var strays []stray
	var unreadable error
	for i, got := range replies {
		switch got.verdict() {
		case "taken":
			m, err := readMatching(refs[i], got)
			if unreadable = cmp.Or(unreadable, err); err == nil {
				taken = append(taken, m)
			}
		case "malformed":
			strays = append(strays, due[i].stray())
		}
	}
	return taken, cmp.Or(takeErr, s.setAside(ctx, strays), readErr, unreadable, err)
}

// sendersOf returns the digests of members of the set matches, with their senders. A
// digest without events gets no sender: taking it removes it from the set.
func (s *Store) sendersOf(ctx context.Context, due []member) ([]relay.AwaitRef, error) {
	if len(due) == 0 {
		return nil, nil
	}
	refs, names := make([]relay.AwaitRef, len(due)), make([]*redis.SliceCmd, len(due))
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, m := range due {
			refs[i].Digest = relay.AwaitDigest(m.id)
			names[i] = p.HMGet(ctx, eventsKey(refs[i].Digest), "sender")
		}
		return nil
	})
	for i, cmd := range names {
		if err := cmd.Err(); err != nil && !redis.HasErrorPrefix(err, wrongType) { // taking it sets it aside
			return nil, unavailable(err)
		}
		for _, name := range texts(cmd.Val()) {
			refs[i].Sender = name
		}
	}
	return refs, nil
}

// Awaiting implements [relay.AwaitStore].
func (s *Store) Awaiting(ctx context.Context, digests []relay.AwaitDigest) ([]relay.Callback, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	sets := make([]*redis.StringSliceCmd, len(digests))
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, digest := range digests {
			sets[i] = p.ZRangeByScore(ctx, awaitKey(digest), &redis.ZRangeBy{Min: "-inf", Max: "+inf"})
		}
		return nil
	})
	var ids []relay.CallbackID
	var waiters []relay.Waiter
	for i, cmd := range sets {
		if err := cmd.Err(); err != nil {
			return nil, unavailable(err)
		}
		for _, text := range cmd.Val() {
			waiter, err := relay.ParseWaiter(text)
			if err != nil {
				return nil, unavailable(fmt.Errorf("%s: %w", awaitKey(digests[i]), err))
			}
			ids, waiters = append(ids, waiter.ID), append(waiters, waiter)
		}
	}
	slices.Sort(ids) // one callback can have joined under several master keys
	found, err := s.readAll(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var callbacks []relay.Callback
	for _, one := range found {
		if one.readable() && one.State == relay.StatePending && slices.ContainsFunc(waiters, one.waits) {
			callbacks = append(callbacks, one.Callback)
		}
	}
	slices.SortStableFunc(callbacks, func(a, b relay.Callback) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	return callbacks, nil
}

// AwaitsOf implements [relay.AwaitStore].
func (s *Store) AwaitsOf(ctx context.Context, cb relay.Callback) (map[string]relay.Guard, error) {
	var fields, names []string
	for _, link := range cb.Links {
		if link.Type == relay.LinkAwait {
			fields, names = append(fields, guardName(link.Number)), append(names, link.Name)
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	values, err := s.redis.HMGet(ctx, callbackKey(cb.ID), fields...).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	awaits := map[string]relay.Guard{}
	for i, sealed := range texts(values) {
		var guard *relay.Guard
		if err := s.open(cb.ID, fields[i], sealed, &guard); err != nil {
			return nil, err
		}
		if guard == nil {
			return nil, unavailable(errors.New("callback " + string(cb.ID) + ": no " + strconv.Quote(fields[i])))
		}
		awaits[names[i]] = *guard
	}
	return awaits, nil
}
