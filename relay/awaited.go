package relay

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// awaited remembers at which senders' hooks some callback may await events, and until when.
// So the URL of a hook is recognised after the hook has left the configuration file, and
// whoever posts there is asked to try again: for most senders an event is over once it got
// a 404. Redis has the same, for other replicas and for the next start.
type awaited struct {
	mu    sync.Mutex
	until map[string]time.Time
	read  bool // what Redis has was read at least once
}

// markedIn is the unit of what is remembered. A deadline is rounded up to it, so that a
// replica writes about once in this time for each sender, however many callbacks there are.
const markedIn = time.Hour

// markAwaited makes sure that the sender's hook is recognised until the given time. It is
// as durable as [AwaitStore.Join].
func (s *Service) markAwaited(ctx context.Context, sender string, until time.Time) error {
	if s.awaited.covers(sender, until) {
		return nil
	}
	until = until.Truncate(markedIn).Add(markedIn)
	if err := s.store.MarkAwaited(ctx, sender, until); err != nil {
		return err
	}
	s.awaited.add(sender, until)
	return nil
}

// readAwaited takes over what Redis has, as the census found it. What Redis has lost, in a
// failover, is written again, since registrations were acknowledged because of it.
func (s *Service) readAwaited(ctx context.Context, census HookCensus) error {
	for sender, until := range s.awaited.merge(census) {
		if err := s.store.MarkAwaited(ctx, sender, until); err != nil {
			return err
		}
	}
	return nil
}

// covers returns whether a sender is remembered until then.
func (a *awaited) covers(sender string, until time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.until[sender].Before(until)
}

func (a *awaited) add(sender string, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil {
		a.until = map[string]time.Time{}
	}
	if a.until[sender].Before(until) {
		a.until[sender] = until
	}
}

// merge adds what Redis has, forgets what is over, and returns what Redis does not have.
func (a *awaited) merge(census HookCensus) (lost map[string]time.Time) {
	for sender, until := range census.Awaited {
		a.add(sender, until)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read = true
	maps.DeleteFunc(a.until, func(_ string, until time.Time) bool { return !until.After(census.At) })
	lost = maps.Clone(a.until)
	maps.DeleteFunc(lost, func(sender string, until time.Time) bool { return !census.Awaited[sender].Before(until) })
	return lost
}

// names returns the senders that are remembered. complete says whether the names that
// Redis has are among them.
func (a *awaited) names() (names []string, complete bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.until)), a.read
}
