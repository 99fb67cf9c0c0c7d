package relay

import (
	"context"
	"time"
)

// HookMetrics counts what became of posts to hooks, and what waits.
type HookMetrics interface {
	// Received counts a request by its sender's name and its verdict: one of
	// [HookVerdicts].
	Received(sender, verdict string)
	// Dropped counts free events that had to make room for others.
	Dropped(sender string, events int)
	// NotGiven counts that events were to be given, and that it failed. They are given
	// later.
	NotGiven(sender string)
	// Configured reports which hooks there are, by their senders' names.
	Configured(senders []string)
	// Kept reports how many free events a hook has, and the age of the oldest.
	Kept(sender string, events int, oldest time.Duration)
	// Late reports for how long somebody should have looked at events that are assigned or
	// used; 0 if nobody is late.
	Late(by time.Duration)
}

// HookVerdicts returns what can become of a request to a hook, for the metrics: an
// [EventVerdict], why an event is ignored that its hook should perhaps take, or one of the
// notes' words for what no event is.
func HookVerdicts() []string {
	return []string{
		string(EventMatched), string(EventDuplicate), string(EventKept), string(EventIgnored),
		NoteFailedRule, NoteUnsupported, NoteTooLarge, NoteHandshake, NoteUnproven, NoteUnavailable,
	}
}

// uncountedHooks counts nothing.
type uncountedHooks struct{}

func (uncountedHooks) Received(string, string)         {}
func (uncountedHooks) Dropped(string, int)             {}
func (uncountedHooks) NotGiven(string)                 {}
func (uncountedHooks) Configured([]string)             {}
func (uncountedHooks) Kept(string, int, time.Duration) {}
func (uncountedHooks) Late(time.Duration)              {}

// CountHooks reports to the metrics which events wait, and reads for which senders' hooks
// callbacks wait: see [Service.ResolveHook]. Every replica does this for itself.
func (s *Service) CountHooks(ctx context.Context) error {
	hooks := s.hooks.Hooks()
	names := make([]string, len(hooks))
	for i, hook := range hooks {
		names[i] = hook.Name
	}
	census, err := s.store.HookCensus(ctx, names)
	if err != nil {
		return err
	}
	marked := s.readAwaited(ctx, census)
	s.hookMetrics.Configured(names)
	s.hookMetrics.Late(census.Late)
	for i, hook := range hooks {
		oldest := time.Duration(0)
		if census.Free[i].Events > 0 { // an event ends when it came, and the hook's time later
			oldest = max(0, hook.Keep-census.Free[i].Ends)
		}
		s.hookMetrics.Kept(hook.Name, census.Free[i].Events, oldest)
	}
	return marked
}
