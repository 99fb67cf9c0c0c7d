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

// giveFor is how long events are given in one go. What is left then stays assigned, and a
// replica takes it over at the end of the lease. So neither a sender nor a registration has
// to wait for all who wait for a busy key.
const giveFor = 2 * time.Second

// giveWait is how long an event's giver waits for Step Functions, all callbacks together.
// What takes longer continues, and is looked at again.
const giveWait = time.Second

// giveAll gives the events that are assigned, even if the sender hangs up. What cannot be
// given stays assigned, and [Service.GiveDue] of some replica takes it over.
func (s *Service) giveAll(ctx context.Context, matchings []Matching, room bodies.Room) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveFor)
	defer cancel()
	for i, err := range s.give(ctx, matchings, room) {
		if err != nil {
			s.logger.WarnContext(ctx, "event not given yet", "sender", matchings[i].Await.Sender, "error", err)
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
	ctx, cancel := context.WithTimeout(ctx, giveFor)
	defer cancel()
	reviewed, wrong := s.reviewAll(ctx, taken)
	err = errors.Join(err, wrong)
	for i, failed := range s.give(ctx, reviewed, noRoom{}) {
		if failed != nil {
			s.hookMetrics.NotGiven(reviewed[i].Await.Sender)
			err = errors.Join(err, failed)
		}
	}
	return len(taken) > 0, err
}

// noRoom is the room of what is not bounded by the memory of requests. What bounds it is
// [maxJudged].
type noRoom struct{}

func (noRoom) Take(int) error { return nil }
func (noRoom) Give(int)       {}

// give gives each assigned event to those for whom it is, in the order of arrival, until
// ctx ends. If an event cannot be given to a waiter, its later events have to wait as well,
// since the first answer counts. It returns for each digest what went wrong there.
//
// Giving an event twice is harmless: the callback recognises it. So nobody has to know
// whether another process does the same.
//
//	giver                            if the process dies here
//	1. read the guard of the await   still assigned: another replica takes it over
//	2. record the outcome            given again, and recognised by the event's id
//	3. record that it was served     done
func (s *Service) give(ctx context.Context, matchings []Matching, room bodies.Room) []error {
	waiting, cancel := context.WithTimeout(ctx, giveWait)
	defer cancel()
	todo, wrong := slices.Clone(matchings), make([]error, len(matchings))
	failed := map[Waiter]bool{}
	for ctx.Err() == nil {
		i, event, waiter := nextOf(todo, failed)
		if i < 0 {
			break
		}
		m, err := s.giveTo(waiting, todo[i].Await, event, waiter, room)
		if err != nil {
			wrong[i], failed[waiter] = errors.Join(wrong[i], err), true
			continue
		}
		todo[i] = m
	}
	return wrong
}

// nextOf returns the first event in the order of arrival that is for a waiter without a
// failure: the index of its digest, its name, and the waiter. The index is -1 if there is
// none. In each digest, the events are in this order already.
func nextOf(todo []Matching, failed map[Waiter]bool) (digest int, event string, to Waiter) {
	digest = -1
	var first time.Time
	for i, m := range todo {
		for _, match := range m.Assigned {
			at := slices.IndexFunc(match.Waiters, func(w Waiter) bool { return !failed[w] })
			if at < 0 {
				continue
			}
			if digest < 0 || match.At.Before(first) {
				digest, event, to, first = i, match.Event, match.Waiters[at], match.At
			}
			break
		}
	}
	return digest, event, to
}

// giveTo gives an event to one waiter, and returns what is to be done then.
func (s *Service) giveTo(ctx context.Context, a AwaitRef, name string, w Waiter, room bodies.Room) (Matching, error) {
	fate, err := s.giveOne(ctx, a, name, w, room)
	if err != nil {
		return Matching{}, err
	}
	m, err := s.store.Serve(context.WithoutCancel(ctx), a, name, w, fate)
	s.madeRoom(m)
	return m, err
}

// madeRoom counts the events that have made room in a step.
func (s *Service) madeRoom(m Matching) {
	if m.Dropped > 0 {
		s.hookMetrics.Dropped(m.Await.Sender, m.Dropped)
	}
}

// giveOne gives an event to one waiter, and returns what became of it there. A callback that
// is over passes the event over, even if the event, the guard or the hook is gone by then:
// otherwise the event would stay assigned for ever.
func (s *Service) giveOne(ctx context.Context, a AwaitRef, name string, w Waiter, room bodies.Room) (Fate, error) {
	e := &event{Service: s, link: s.keys.Await(w), label: a.Sender, result: rules.Result{Rule: -1}}
	guarded, err := s.guardOf(ctx, e.link)
	if err != nil {
		return e.fate(Receipt{}, err)
	}
	e.guard, e.facts = guarded.Guard, guarded.Facts
	refusal := e.facts.Refusal()
	over := refusal != nil && !errors.Is(refusal, ErrUnavailable)
	stored, err := s.store.Event(context.WithoutCancel(ctx), a, name)
	switch {
	case errors.Is(err, ErrNotFound): // served by another process
		return Fate{Use: UseSpent}, nil
	case err != nil && over && e.facts.AnsweredEvent == "": // no event has answered it, so not this one
		return Fate{UsePassed, true}, nil
	case err != nil:
		return Fate{}, err
	}
	e.given, e.post = &stored, Post{Header: stored.Header, Query: stored.Query, Body: stored.Body, Room: room}
	hook, found := s.hooks.Hook(e.guard.Sender)
	if !found && !e.answered(e.id()) { // it takes no hook to recognise the event
		if over {
			return Fate{UsePassed, true}, nil
		}
		s.senders.Missed(e.guard.Sender)
		return Fate{}, fmt.Errorf("%w: the configuration file has no hook %q any more", ErrUnavailable, e.guard.Sender)
	}
	e.sender = hook.Sender
	return e.fate(e.receiveGiven(ctx))
}

// guardOf returns the guard of an await, and the facts about its callback. The error says
// why there is none.
func (s *Service) guardOf(ctx context.Context, await LinkRef) (*GuardedError, error) {
	ctx = context.WithoutCancel(ctx)
	_, _, err := s.store.Waiting(ctx, await, false)
	if guarded, ok := errors.AsType[*GuardedError](err); ok {
		return guarded, nil
	}
	if errors.Is(err, ErrSealed) { // that the callback is over can be told without its guard
		if _, _, refusal := s.store.Waiting(ctx, await, true); isOver(refusal) {
			return nil, refusal
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: await of %s: no guard", ErrUnavailable, await.ID) // unreachable: each await has one
	}
	return nil, err
}

// receiveGiven takes an event that was proven when it came, as [Service.receiveGuarded]
// takes a post.
func (e *event) receiveGiven(ctx context.Context) (Receipt, error) {
	if e.answered(e.id()) {
		return e.again(ctx)
	}
	if err := e.judgeGiven(ctx); err != nil {
		return Receipt{}, err
	}
	return e.act(ctx)
}

// maxJudged bounds how many events that are given are judged at the same time, since this
// takes memory. The others wait for their turn, which is short: no turn lasts while Step
// Functions answers.
const maxJudged = 4

// judgeGiven finds out what the event means to the callback.
func (e *event) judgeGiven(ctx context.Context) error {
	e.judging <- struct{}{}
	defer func() { <-e.judging }()
	body, err := e.convert()
	if errors.Is(err, ErrOverloaded) {
		return err
	}
	if err != nil {
		return e.refuse(ctx, NoteUnsupported, "", err)
	}
	if e.sender != nil {
		body = e.sender.Unwrap(body)
	}
	if err := e.judge(body); err != nil {
		return e.ruleFailed(ctx, err)
	}
	return nil
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

// reviewAll looks at the callbacks that used events have answered, and records whether the
// outcomes have reached their tasks. It takes at most half of the time there is, so that the
// rest is left for giving. It returns what is to be done then.
func (s *Service) reviewAll(ctx context.Context, taken []Matching) (now []Matching, failed error) {
	ctx, cancel := context.WithTimeout(ctx, giveFor/2)
	defer cancel()
	for _, m := range taken {
		after, err := s.review(ctx, m)
		now, failed = append(now, after), errors.Join(failed, err)
	}
	return now, failed
}

// review is reviewAll for one digest. It ends when ctx ends.
func (s *Service) review(ctx context.Context, m Matching) (now Matching, failed error) {
	now = m
	for _, match := range m.Used {
		for _, waiter := range match.Waiters {
			if ctx.Err() != nil {
				return now, failed
			}
			fate, known, err := s.fateOf(ctx, waiter)
			if err == nil && known {
				var after Matching
				if after, err = s.store.Serve(context.WithoutCancel(ctx), m.Await, match.Event, waiter, fate); err == nil {
					s.madeRoom(after)
					now = after
				}
			}
			failed = errors.Join(failed, err)
		}
	}
	return now, failed
}

// fateOf returns what became of the event that has answered a waiter's callback. known is
// false while Step Functions may still refuse the outcome.
func (s *Service) fateOf(ctx context.Context, w Waiter) (fate Fate, known bool, err error) {
	cb, err := s.store.Get(context.WithoutCancel(ctx), w.ID)
	switch {
	case errors.Is(err, ErrNotFound): // its retention is over
		return Fate{UseSpent, true}, true, nil
	case err != nil, cb.State == StateAnswered:
		return Fate{}, false, err
	case cb.State == StateRefused && errors.Is(RefusalError(cb.Delivery.LastError), ErrTaskClosed):
		return Fate{UsePassed, true}, true, nil
	}
	return Fate{UseSpent, true}, true, nil
}
