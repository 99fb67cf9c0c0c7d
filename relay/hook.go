package relay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"callback-relay/rules"
	"callback-relay/senders"
)

// Hook is the one URL of a sender that posts all its events there.
type Hook struct {
	Name   string          // of the sender in the configuration file
	Sender *senders.Sender // nil if everybody may post
	Rule   *rules.Hook     // which events count, and what they are about
	// Keep is how long an event waits for a callback that is not there yet.
	Keep time.Duration
}

// The bounds of [Hook.Keep], and its default.
const (
	MinKeep     = time.Second
	DefaultKeep = 15 * time.Minute
	MaxKeep     = 24 * time.Hour
)

// Hooks are the hooks that the operator has configured.
type Hooks interface {
	// Hook returns the hook of a sender, as it is configured now.
	Hook(sender string) (Hook, bool)
	// Hooks returns all hooks, sorted by name.
	Hooks() []Hook
}

// noHooks are the hooks of a relay that has none.
type noHooks struct{}

func (noHooks) Hook(string) (Hook, bool) { return Hook{}, false }
func (noHooks) Hooks() []Hook            { return nil }

// EventVerdict says what was done with an event of a hook.
type EventVerdict string

// The verdicts.
const (
	EventMatched   EventVerdict = "matched"   // callbacks wait for it, and get it
	EventDuplicate EventVerdict = "duplicate" // it came before
	EventKept      EventVerdict = "kept"      // nobody waits for it yet
	EventIgnored   EventVerdict = "ignored"   // it is of no use
)

// EventReceipt is what the sender of a post to a hook gets back: always a success.
type EventReceipt struct {
	Verdict EventVerdict
	// Reason says why an event was ignored: one of the notes' words, "not-accepted",
	// "no-key" or "too-large".
	Reason string
	// Handshake says that the post only tested the hook. The verdict is then ignored.
	Handshake bool
	// Reply is the exact reply that the sender expects, as in [Receipt].
	Reply *senders.Reply
}

// The reasons why an event is ignored, beside [NoteUnsupported],
// [NoteFailedRule] and [NoteTooLarge].
const (
	ReasonNotAccepted = "not-accepted" // the hook's condition does not hold
	ReasonNoKey       = "no-key"       // it is about nothing that can be waited for
)

// HookURL returns the URL of a sender's hook.
func (s *Service) HookURL(sender string) string {
	return s.base + "/h/" + s.keys.HookKey(sender).Reveal()
}

// ResolveHook finds out which hook a key in a URL stands for, or reports [ErrNotFound].
// It needs no look-up, so forged keys are cheap.
//
// If the hook is not configured any more and callbacks may still await its events, the
// error is [ErrUnavailable], so that its sender tries again, and the sender is missed. Until
// the first [Service.CountHooks], every key that is not of a configured hook may be such a
// key.
func (s *Service) ResolveHook(key string) (Hook, error) {
	configured := s.hooks.Hooks()
	var names []string
	for _, hook := range configured {
		names = append(names, hook.Name)
	}
	if name, err := s.keys.ParseHookKey(key, names); err == nil {
		return configured[slices.Index(names, name)], nil
	}
	awaited, complete := s.awaited.names()
	name, err := s.keys.ParseHookKey(key, awaited)
	if err != nil && !complete {
		return Hook{}, fmt.Errorf("%w: it was not read from Redis yet which hooks are awaited", ErrUnavailable)
	}
	if err != nil {
		return Hook{}, err
	}
	s.senders.Missed(name)
	s.hookMetrics.Received(name, NoteUnavailable)
	return Hook{}, fmt.Errorf("%w: the configuration file has no hook %q any more, and callbacks may await its events", ErrUnavailable, name)
}

// EventBodyLimit returns how many bytes the body of a post to a hook may have, so that its
// proof is checked. With more than [MaxEventBytes], a proven event is acknowledged and
// ignored.
func (s *Service) EventBodyLimit() int { return max(MaxEventBytes, s.maxBody) }

// EventTooLarge counts and logs a post to a hook whose body was longer than
// [Service.EventBodyLimit], so that nobody knows who sent it. bytes is 0 if the length is
// not known.
func (s *Service) EventTooLarge(ctx context.Context, hook Hook, bytes int) {
	h := s.newHookPost(hook, Post{})
	h.judgedBytes(ctx, NoteTooLarge, "", "", bytes)
}
