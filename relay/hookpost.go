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

	"callback-relay/rules"
	"callback-relay/senders"
)

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
	h := s.newHookPost(hook, p)
	receipt, err := h.receive(ctx)
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded) {
		h.hookMetrics.Received(h.label, NoteUnavailable)
	}
	return receipt, err
}

// hookPost is a post on its way through a hook.
type hookPost struct {
	event
	hook Hook
	key  AwaitDigest // what it is about; "" if that is not known
}

func (s *Service) newHookPost(hook Hook, p Post) *hookPost {
	return &hookPost{event: event{Service: s, post: p, sender: hook.Sender, label: hook.Name}, hook: hook}
}

// receive takes the steps of [Service.ReceiveEvent].
func (h *hookPost) receive(ctx context.Context) (EventReceipt, error) {
	if err := h.prove(ctx); err != nil {
		return h.unproven(ctx, err)
	}
	r, err := h.read(ctx)
	switch {
	case err != nil:
		return EventReceipt{}, err
	case r.Handshake != nil:
		return h.handshake(ctx, *r.Handshake, h.sender != nil)
	case r.Reason != "":
		return h.ignored(ctx, r.Reason, r.Detail), nil
	}
	return h.store(ctx, r.Event)
}

// read finds out what a proven post is. It has no effect.
func (h *hookPost) read(ctx context.Context) (HookRehearsal, error) {
	if len(h.post.Body) > MaxEventBytes || len(h.post.Query)+headerBytes(h.post.Header) > MaxEventOverhead {
		return HookRehearsal{Reason: NoteTooLarge}, nil
	}
	body, err := h.convert()
	if errors.Is(err, ErrOverloaded) {
		return HookRehearsal{}, err
	}
	if err != nil {
		return HookRehearsal{Reason: NoteUnsupported, Detail: err.Error()}, nil //nolint:nilerr // the sender gets a success
	}
	if reply, found := h.isHandshake(ctx, body, true); found {
		return HookRehearsal{Handshake: &reply}, nil
	}
	if h.sender != nil {
		body = h.sender.Unwrap(body)
	}
	r := HookRehearsal{}
	r.Event, err = h.judge(body)
	failed := (*rules.FailedError)(nil)
	switch {
	case errors.As(err, &failed):
		r.Reason, r.Detail = NoteFailedRule, failed.Detail
	case err != nil:
		return HookRehearsal{}, err
	case !r.Event.Accepted:
		r.Reason, r.Detail = ReasonNotAccepted, "the condition in accept does not hold"
	case r.Event.Key == "":
		r.Reason, r.Detail = ReasonNoKey, "key has no value in this event"
	}
	return r, nil
}

// unproven refuses a post, unless it is a handshake that its sender does not sign.
func (h *hookPost) unproven(ctx context.Context, err error) (EventReceipt, error) {
	wrong, ok := errors.AsType[*senders.UnprovenError](err)
	if !ok { // the sender's keys cannot be fetched
		return EventReceipt{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if reply, found := h.unsignedHandshake(ctx); found {
		return h.handshake(ctx, reply, false)
	}
	return EventReceipt{}, h.refused(ctx, wrong)
}

// refused counts and logs a request that was not proven, and returns its error.
func (h *hookPost) refused(ctx context.Context, wrong *senders.UnprovenError) error {
	h.metrics.Unproven(h.label, string(wrong.Reason))
	h.judged(ctx, NoteUnproven, string(wrong.Reason), "")
	return &UnprovenError{Reason: wrong.Reason, Detail: wrong.Detail, Reply: h.sender.Unproven()}
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
	if found.Key != "" {
		h.key = h.keys.AwaitKeys(h.hook.Name, found.Key)[0].Digest
	}
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
		h.madeRoom(added.Matching)
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
	h.judgedBytes(ctx, verdict, reason, detail, len(h.post.Body))
}

// judgedBytes is judged for a body of which only the length is known.
func (h *hookPost) judgedBytes(ctx context.Context, verdict, reason, detail string, bytes int) {
	counted := verdict
	if slices.Contains([]string{NoteFailedRule, NoteUnsupported, NoteTooLarge}, reason) {
		counted = reason
	}
	h.hookMetrics.Received(h.label, counted)
	h.logger.InfoContext(ctx, "hook", "sender", h.label, "verdict", verdict, "reason", reason, "detail", detail,
		"event", h.result.Type, "key", string(h.key), "bytes", bytes)
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
