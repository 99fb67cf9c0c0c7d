package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// HookMetrics counts what became of posts to hooks.
type HookMetrics interface {
	// Received counts a post by its sender's name and its verdict: an [EventVerdict], or
	// one of the notes' words for what no event is.
	Received(sender, verdict string)
	// Dropped counts free events that had to make room for others.
	Dropped(sender string, events int)
}

// uncountedHooks counts nothing.
type uncountedHooks struct{}

func (uncountedHooks) Received(string, string) {}
func (uncountedHooks) Dropped(string, int)     {}

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

// ReceiveEvent takes a post to a hook, in this order:
//
//  1. check, over the bytes as they were sent, who sent it;
//  2. unpack the body and convert it to JSON;
//  3. answer a handshake, which changes nothing;
//  4. find out which event it is, whether it counts, and what it is about;
//  5. store it for those who wait for this, or for those who will;
//  6. give it to those who wait.
//
// Once the proof holds, the sender gets a success whatever the event is, so that no sender
// switches its account off: only [ErrOverloaded] and [ErrUnavailable] remain. After
// [EventMatched], [EventKept] and [EventDuplicate] the event is stored as durably as an
// answer, and reaches those for whom it is even if this process dies. The other error is
// [*UnprovenError], and nothing was stored.
func (s *Service) ReceiveEvent(ctx context.Context, hook Hook, p Post) (EventReceipt, error) {
	h := &hookPost{event: event{Service: s, post: p, sender: hook.Sender, label: hook.Name}, hook: hook}
	if err := h.prove(ctx); err != nil {
		return h.unproven(ctx, err)
	}
	if len(p.Body) > MaxEventBytes || len(p.Query)+headerBytes(p.Header) > MaxEventOverhead {
		return h.ignored(ctx, ReasonTooLarge, ""), nil
	}
	body, err := h.convert()
	if errors.Is(err, ErrOverloaded) {
		return EventReceipt{}, err
	}
	if err != nil {
		return h.ignored(ctx, NoteUnsupported, err.Error()), nil
	}
	if reply, found := h.isHandshake(ctx, body, true); found {
		return h.handshake(ctx, reply, h.sender != nil)
	}
	if h.sender != nil {
		body = h.sender.Unwrap(body)
	}
	found, err := h.judge(body)
	if failed := (*rules.FailedError)(nil); errors.As(err, &failed) {
		return h.ignored(ctx, NoteFailedRule, failed.Detail), nil
	}
	switch {
	case err != nil:
		return EventReceipt{}, err
	case !found.Accepted:
		return h.ignored(ctx, ReasonNotAccepted, ""), nil
	case found.Key == "":
		return h.ignored(ctx, ReasonNoKey, ""), nil
	}
	return h.store(ctx, found)
}

// hookPost is a post on its way through a hook.
type hookPost struct {
	event
	hook Hook
}

// unproven refuses a post, unless it is a handshake that its sender does not sign.
func (h *hookPost) unproven(ctx context.Context, err error) (EventReceipt, error) {
	wrong, ok := errors.AsType[*senders.UnprovenError](err)
	if !ok { // what it takes to check the proof is away
		return EventReceipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if reply, found := h.unsignedHandshake(ctx); found {
		return h.handshake(ctx, reply, false)
	}
	h.metrics.Unproven(h.label, string(wrong.Reason))
	h.judged(ctx, NoteUnproven, string(wrong.Reason), "")
	return EventReceipt{}, &UnprovenError{Reason: wrong.Reason, Detail: wrong.Detail, Reply: h.sender.Unproven()}
}

// handshake answers a post that only tests the hook. What it asks the relay to do is done
// only if it was proven.
func (h *hookPost) handshake(ctx context.Context, reply senders.Reply, proven bool) (EventReceipt, error) {
	if proven {
		if err := h.sender.Confirm(ctx, h.request()); err != nil {
			return EventReceipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	h.judged(ctx, NoteHandshake, "", "")
	return EventReceipt{Verdict: EventIgnored, Handshake: true, Reply: &reply}, nil
}

// judge finds out which event it is, whether it counts, and what it is about.
func (h *hookPost) judge(body []byte) (rules.HookEvent, error) {
	memory := h.hook.Rule.Memory(body)
	if err := h.post.Room.Take(memory); err != nil {
		return rules.HookEvent{}, err
	}
	defer h.post.Room.Give(memory)
	query, _ := url.ParseQuery(h.post.Query)
	found, err := h.hook.Rule.Judge(rules.Post{JSON: body, Header: h.post.Header, Query: query})
	h.result.Event = found.Event
	return found, err
}

// store stores the event, and gives it.
func (h *hookPost) store(ctx context.Context, found rules.HookEvent) (EventReceipt, error) {
	e := HookEvent{
		Sender: h.hook.Name, ID: found.ID, Type: found.Type, At: h.now(),
		Header: storable(h.post.Header), Query: h.post.Query, Body: h.post.Body,
	}
	if e.ID == "" {
		digest := sha256.Sum256(h.post.Body)
		e.ID = "body sha256:" + hex.EncodeToString(digest[:])
	}
	// The whole event has arrived. If the sender hangs up now, it must still be stored, and
	// this process must still learn that it was.
	verdict, matchings, err := h.add(context.WithoutCancel(ctx), h.keys.AwaitKeys(h.hook.Name, found.Key), e)
	if err != nil {
		return EventReceipt{}, err
	}
	h.judged(ctx, string(verdict), "", "")
	h.giveAll(ctx, matchings, h.post.Room)
	return h.accepted(EventReceipt{Verdict: verdict}), nil
}

// add stores the event under each master key, newest first, and returns what is to be
// given. Those who wait have joined under all master keys that their replica had, so a
// callback that was registered before a rotation waits under the older keys only. An event
// that nobody waits for is kept under the newest key: those who join look under all.
//
// The newest key is asked first, and written last. So if it knows the event, all of this
// was done before; and if the process dies on the way, the sender posts the event again,
// and each key that has it says so. Who waits under an older key too gets it there.
func (h *hookPost) add(ctx context.Context, keys []AwaitKey, e HookEvent) (EventVerdict, []Matching, error) {
	o := AddOptions{Keep: h.hook.Keep}
	if len(keys) > 1 {
		if looked, err := h.Service.store.AddEvent(ctx, keys[0], e, o); err != nil || looked.Verdict == EventDuplicate {
			return looked.Verdict, nil, err
		}
	}
	verdict := EventIgnored
	var matchings []Matching
	for i, key := range slices.Backward(keys) {
		o.IfNobody = DropEvent
		if i == 0 && verdict == EventIgnored {
			o.IfNobody = KeepEvent
		}
		added, err := h.Service.store.AddEvent(ctx, key, e, o)
		if err != nil {
			return "", nil, err
		}
		if added.Dropped > 0 {
			h.hookMetrics.Dropped(h.label, added.Dropped)
		}
		if added.Verdict != EventIgnored && verdict != EventDuplicate {
			verdict = added.Verdict
		}
		matchings, o.Except = append(matchings, added.Matching), append(o.Except, added.Present...)
	}
	return verdict, matchings, nil
}

// ignored acknowledges an event that is of no use.
func (h *hookPost) ignored(ctx context.Context, reason, detail string) EventReceipt {
	h.judged(ctx, string(EventIgnored), reason, detail)
	return h.accepted(EventReceipt{Verdict: EventIgnored, Reason: reason})
}

// accepted adds the exact reply that the sender expects for an accepted event.
func (h *hookPost) accepted(r EventReceipt) EventReceipt {
	if h.sender != nil {
		r.Reply = h.sender.Acknowledgement()
	}
	return r
}

// judged counts and logs what became of a post to a hook. detail shows nothing that was
// posted.
func (h *hookPost) judged(ctx context.Context, verdict, reason, detail string) {
	h.hookMetrics.Received(h.label, verdict)
	h.logger.InfoContext(ctx, "hook", "sender", h.label, "verdict", verdict, "reason", reason, "detail", detail,
		"event", h.result.Type, "bytes", len(h.post.Body))
}

// storable returns the headers of an event that are stored: all without those that hold
// secrets, which nothing needs once the event is proven.
func storable(all http.Header) http.Header {
	kept := all.Clone()
	for _, name := range secretHeaders {
		kept.Del(name)
	}
	return kept
}

func headerBytes(all http.Header) int {
	total := 0
	for name, values := range all {
		total += len(name) + len(strings.Join(values, ""))
	}
	return total
}
