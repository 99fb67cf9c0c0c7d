package relay

import (
	"context"
	"errors"
	"slices"
	"time"
)

// waitLonger is how much longer than until its deadline a callback waits for events, so
// that two servers whose clocks differ do not cut it short. Whether an event is in time is
// decided by the deadline alone.
const waitLonger = 10 * time.Minute

// join makes a callback one of those who wait for the keys of its awaits, and gives it the
// events that came before it. Under each master key of the ring there may be some: see
// [hookPost.add]. It returns the callback as it is then. Repeating it changes nothing.
//
//	registration                        if the process dies here
//	1. create: the callback exists      the caller gets no reply, and registers again
//	2. join: it waits, and the events   as above; and what is assigned is leased: another
//	   that are free are assigned       replica gives it
//	3. give                             another replica gives it
func (s *Service) join(ctx context.Context, cb Callback, awaits map[string]Guard) (Callback, error) {
	var matchings []Matching
	for _, link := range cb.Links {
		await, found := awaits[link.Name]
		if !found || link.Type != LinkAwait || link.Closed {
			continue
		}
		w := Waiter{cb.ID, link.Number, link.Generation, cb.Key}
		for _, key := range slices.Backward(s.keys.AwaitKeys(await.Sender, await.Key)) {
			m, err := s.joinOne(ctx, key.AwaitRef, w, cb.ExpiresAt.Add(waitLonger))
			if err != nil {
				return Callback{}, err
			}
			if len(m.Assigned) > 0 {
				matchings = append(matchings, m)
			}
		}
		if err := s.markAwaited(ctx, await.Sender, cb.ExpiresAt.Add(waitLonger)); err != nil {
			return Callback{}, err
		}
	}
	if len(matchings) == 0 {
		return cb, nil
	}
	s.giveAll(ctx, matchings, noRoom{})
	if now, err := s.store.Get(ctx, cb.ID); err == nil { // or what is known of it is older
		cb = now
	}
	return cb, nil
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

// leave ends the waiting of an await that was closed. If it is not done, nothing is lost: an
// event that is given to a closed await is free again.
func (s *Service) leave(ctx context.Context, cb Callback, name string) error {
	i := slices.IndexFunc(cb.Links, func(l Link) bool { return l.Name == name && l.Type == LinkAwait })
	if i < 0 || cb.State != StatePending {
		return nil
	}
	awaits, err := s.store.AwaitsOf(ctx, cb)
	if err != nil {
		return err
	}
	w := Waiter{cb.ID, cb.Links[i].Number, cb.Links[i].Generation, cb.Key}
	for _, key := range s.keys.AwaitKeys(awaits[name].Sender, awaits[name].Key) {
		if _, err := s.store.Serve(ctx, key.AwaitRef, "", w, Fate{UsePassed, true}); err != nil {
			return err
		}
	}
	return nil
}
