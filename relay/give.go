package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"callback-relay/bodies"
	"callback-relay/rules"
)

// giveWait is how long an event's giver waits for Step Functions, all callbacks together.
// What takes longer continues, and is looked at again.
const giveWait = time.Second

// giveAll gives the events that are assigned. What cannot be given stays assigned, and
// [Service.GiveDue] of some replica takes it over.
func (s *Service) giveAll(ctx context.Context, matchings []Matching, room bodies.Room) {
	ctx, cancel := context.WithTimeout(ctx, giveWait)
	defer cancel()
	for _, m := range matchings {
		if err := s.give(ctx, m, room); err != nil {
			s.logger.WarnContext(ctx, "event not given yet", "sender", m.Await.Sender, "error", err)
		}
	}
}

// giveBatch is how many digests [Service.GiveDue] takes over at once.
const giveBatch = 16

// GiveDue takes over events that other processes have assigned and not given in time, and
// looks again at those that were used: if Step Functions has refused the outcome because
// the task was closed, the event is free again. more says that there may be more to do at
// once. Every replica calls it again and again.
func (s *Service) GiveDue(ctx context.Context) (more bool, err error) {
	taken, err := s.store.TakeMatches(ctx, giveBatch)
	within, cancel := context.WithTimeout(ctx, giveWait)
	defer cancel()
	for _, m := range taken {
		m, wrong := s.review(within, m)
		failed := s.give(within, m, noRoom{})
		if failed != nil {
			s.hookMetrics.NotGiven(m.Await.Sender)
		}
		err = errors.Join(err, wrong, failed)
	}
	return len(taken) > 0, err
}

// noRoom is the room of what is done one after the other, and so needs no bound.
type noRoom struct{}

func (noRoom) Take(int) error { return nil }
func (noRoom) Give(int)       {}

// give gives each assigned event to those for whom it is, in the order of arrival. Giving
// an event twice is harmless: the callback recognises it. So nobody has to know whether
// another process does the same.
//
//	giver                            if the process dies here
//	1. read the guard of the await   still assigned: another replica takes it over
//	2. record the outcome            given again, and recognised by the event's id
//	3. record that it was served     done
func (s *Service) give(ctx context.Context, m Matching, room bodies.Room) error {
	type pair struct {
		event  string
		waiter Waiter
	}
	tried := map[pair]bool{}
	var failed error
	for {
		next, found := pair{}, false
		for _, match := range m.Assigned {
			for _, waiter := range match.Waiters {
				if one := (pair{match.Event, waiter}); !found && !tried[one] {
					next, found = one, true
				}
			}
		}
		if !found {
			return failed
		}
		tried[next] = true
		fate, err := s.giveOne(ctx, m.Await, next.event, next.waiter, room)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		now, err := s.store.Serve(context.WithoutCancel(ctx), m.Await, next.event, next.waiter, fate)
		if err != nil {
			return errors.Join(failed, err)
		}
		m = now
	}
}

// giveOne gives an event to one waiter, and returns what became of it there.
func (s *Service) giveOne(ctx context.Context, a AwaitRef, name string, w Waiter, room bodies.Room) (Fate, error) {
	stored, err := s.store.Event(context.WithoutCancel(ctx), a, name)
	if errors.Is(err, ErrNotFound) {
		return Fate{Use: UseSpent}, nil // served by another process
	}
	if err != nil {
		return Fate{}, err
	}
	link := s.keys.Await(w)
	e := &event{
		Service: s, link: link, label: a.Sender, given: &stored, result: rules.Result{Rule: -1},
		post: Post{Header: stored.Header, Query: stored.Query, Body: stored.Body, Room: room},
	}
	_, _, err = s.store.Waiting(context.WithoutCancel(ctx), link, false)
	guarded, ok := errors.AsType[*GuardedError](err)
	if !ok {
		if err == nil {
			err = fmt.Errorf("%w: await of %s: no guard", ErrUnavailable, w.ID) // unreachable: each await has one
		}
		return e.fate(Receipt{}, err)
	}
	e.guard, e.facts = guarded.Guard, guarded.Facts
	hook, found := s.hooks.Hook(e.guard.Sender)
	if !found {
		s.senders.Missed(e.guard.Sender)
		return Fate{}, fmt.Errorf("%w: the configuration file has no hook %q any more", ErrUnavailable, e.guard.Sender)
	}
	e.sender = hook.Sender
	return e.fate(e.receiveGiven(ctx))
}

// receiveGiven takes an event that was proven when it came, as [Service.receiveGuarded]
// takes a post.
func (e *event) receiveGiven(ctx context.Context) (Receipt, error) {
	if e.answered(e.id()) {
		return e.again(ctx)
	}
	body, err := e.convert()
	if errors.Is(err, ErrOverloaded) {
		return Receipt{}, err
	}
	if err != nil {
		return Receipt{}, e.refuse(ctx, NoteUnsupported, "", err)
	}
	if e.sender != nil {
		body = e.sender.Unwrap(body)
	}
	if err := e.judge(body); err != nil {
		return Receipt{}, e.ruleFailed(ctx, err)
	}
	return e.act(ctx)
}

// fate is what the reply to an event means for the event. An error says that it was not
// served.
func (e *event) fate(r Receipt, err error) (Fate, error) {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded) {
		return Fate{}, err
	}
	was := e.facts.Refusal() // whether the callback was over before
	switch {
	case errors.Is(err, ErrRefused) && (was == nil && e.result.Do != rules.Heartbeat || e.answered(e.id())):
		// Step Functions never takes the outcome of this event, so the next callback must
		// not get it. Perhaps another process learned that, and died.
		return Fate{UseSpent, true}, nil
	case err != nil:
		return Fate{UsePassed, was != nil || isOver(err)}, nil //nolint:nilerr // the event was served, to no effect
	case r.Verdict == PostDelivered:
		return Fate{UseSpent, true}, nil
	case r.Verdict == PostAccepted:
		return Fate{UseAnswered, true}, nil
	case r.Verdict == PostAlive:
		return Fate{UseSpent, false}, nil
	}
	return Fate{UsePassed, was != nil}, nil
}

// isOver tells whether an error says that a callback takes no events any more.
func isOver(err error) bool {
	return slices.ContainsFunc([]error{ErrTaskClosed, ErrExpired, ErrCancelled, ErrLinkClosed, ErrNotFound}, func(over error) bool {
		return errors.Is(err, over)
	})
}

// review looks at the callbacks that used events have answered, and records whether the
// outcomes have reached their tasks. It returns what is to be done then.
func (s *Service) review(ctx context.Context, m Matching) (_ Matching, failed error) {
	now := m
	for _, match := range m.Used {
		for _, waiter := range match.Waiters {
			cb, err := s.store.Get(context.WithoutCancel(ctx), waiter.ID)
			var fate Fate
			switch {
			case errors.Is(err, ErrNotFound): // its retention is over
				fate = Fate{UseSpent, true}
			case err != nil:
				failed = errors.Join(failed, err)
				continue
			case cb.State == StateAnswered:
				continue
			case cb.State == StateRefused && errors.Is(RefusalError(cb.Delivery.LastError), ErrTaskClosed):
				fate = Fate{UsePassed, true}
			default:
				fate = Fate{UseSpent, true}
			}
			after, err := s.store.Serve(context.WithoutCancel(ctx), m.Await, match.Event, waiter, fate)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			now = after
		}
	}
	return now, failed
}
