package relay

import (
	"context"
	"errors"
	"time"
)

// waitLonger is how much longer than until its deadline a callback waits for events, so
// that two servers whose clocks differ do not cut it short. Whether an event is in time is
// decided by the deadline alone.
const waitLonger = 10 * time.Minute

// maxGiving bounds how many registrations are given events at the same time, since judging
// an event takes memory. The others wait for their turn.
const maxGiving = 4

// join makes a callback one of those who wait for the keys of its awaits, and gives it the
// events that came before it. Under each master key of the ring there may be some: see
// [hookPost.store]. Repeating it changes nothing.
//
//	registration                        if the process dies here
//	1. create: the callback exists      the caller gets no reply, and registers again
//	2. join: it waits, and the events   as above; and what is assigned is leased: another
//	   that are free are assigned       replica gives it
//	3. give                             another replica gives it
func (s *Service) join(ctx context.Context, cb Callback, awaits map[string]Guard) error {
	var matchings []Matching
	for _, link := range cb.Links {
		await, found := awaits[link.Name]
		if !found || link.Type != LinkAwait || link.Closed {
			continue
		}
		w := Waiter{cb.ID, link.Number, link.Generation, cb.Key}
		for _, key := range s.keys.AwaitKeys(await.Sender, await.Key) {
			m, err := s.joinOne(ctx, key.AwaitRef, w, cb.ExpiresAt.Add(waitLonger))
			if err != nil {
				return err
			}
			if len(m.Assigned) > 0 {
				matchings = append(matchings, m)
			}
		}
	}
	if len(matchings) == 0 {
		return nil
	}
	select {
	case s.giving <- struct{}{}:
		defer func() { <-s.giving }()
		s.giveAll(ctx, matchings, noRoom{})
	case <-ctx.Done(): // it is registered; what is assigned is taken over
	}
	return nil
}

// joinOne adds a waiter. If too many wait, it first removes those that are over.
func (s *Service) joinOne(ctx context.Context, a AwaitRef, w Waiter, until time.Time) (Matching, error) {
	m, err := s.store.Join(ctx, a, w, until)
	full, ok := errors.AsType[*TooManyWaitersError](err)
	if !ok {
		return m, err
	}
	for _, other := range full.Waiters {
		cb, err := s.store.Get(ctx, other.ID)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Matching{}, err
		}
		if err != nil || cb.State != StatePending {
			if _, err := s.store.Serve(ctx, a, "", other, Fate{UsePassed, true}); err != nil {
				return Matching{}, err
			}
		}
	}
	return s.store.Join(ctx, a, w, until)
}

// Awaiting returns the pending callbacks that wait for a key of a sender's hook, the one
// whose deadline is next first.
func (s *Service) Awaiting(ctx context.Context, sender, key string) ([]Callback, error) {
	var digests []AwaitDigest
	for _, key := range s.keys.AwaitKeys(sender, key) {
		digests = append(digests, key.Digest)
	}
	return s.store.Awaiting(ctx, digests)
}

// FreeEvents returns up to limit events of a sender's hook that nobody has used, the one
// that ends next first, and how many there are. Their bodies are not shown.
func (s *Service) FreeEvents(ctx context.Context, sender string, limit int) ([]FreeEvent, int, error) {
	return s.store.FreeEvents(ctx, sender, limit)
}

// DropEvent removes an event that nobody has used, and returns whether there was one.
func (s *Service) DropEvent(ctx context.Context, sender string, d AwaitDigest, event string) (bool, error) {
	return s.store.DropEvent(ctx, AwaitRef{sender, d}, event)
}
