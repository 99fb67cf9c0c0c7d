package relay

import (
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

// The reasons why an event is ignored, beside [NoteUnsupported] and [NoteFailedRule].
const (
	ReasonNotAccepted = "not-accepted" // the hook's condition does not hold
	ReasonNoKey       = "no-key"       // it is about nothing that can be waited for
	ReasonTooLarge    = "too-large"    // more than [MaxEventBytes]
)

// HookURL returns the URL of a sender's hook.
func (s *Service) HookURL(sender string) string {
	return s.base + "/h/" + s.keys.HookKey(sender).Reveal()
}

// ResolveHook finds out which hook a key in a URL stands for, or reports [ErrNotFound].
// It needs no look-up, so forged keys are cheap.
func (s *Service) ResolveHook(key string) (Hook, error) {
	var names []string
	for _, hook := range s.hooks.Hooks() {
		names = append(names, hook.Name)
	}
	name, err := s.keys.ParseHookKey(key, names)
	if err != nil {
		return Hook{}, err
	}
	hook, found := s.hooks.Hook(name)
	if !found { // the configuration has changed meanwhile
		return Hook{}, ErrNotFound
	}
	return hook, nil
}
