package relay

import (
	"context"
	"errors"

	"callback-relay/rules"
	"callback-relay/senders"
)

// Rehearsal is what would become of a post at a guarded link that still waits.
type Rehearsal struct {
	// Unproven says why the post does not prove who sent it; nil if it does, or if
	// everybody may post.
	Unproven *senders.UnprovenError
	// Handshake is the reply to a post that only tests the URL; nil for others.
	Handshake *senders.Reply
	// Failed says why the post is refused although it is proven; nil if it is not.
	Failed error
	Event  rules.Event // as far as it is known
	Rule   int         // the outcome that matches, counted from 0; -1 for none
	Do     rules.Do
	// Outcome is what the task would get; nil if Do is neither succeed nor fail.
	Outcome *Outcome
}

// Rehearse says what [Service.Receive] would do with a post, without a callback and
// without any effect. It needs no store. The errors are those of a registration with this
// guard, and [ErrUnavailable] if the proof cannot be checked now.
func (s *Service) Rehearse(ctx context.Context, g Guard, p Post) (Rehearsal, error) {
	var m mistakes
	s.checkGuard(&m, "", LinkRequest{LinkKind: LinkKind{Type: LinkWebhook}, Guard: &g})
	if len(m) > 0 {
		return Rehearsal{}, errors.Join(m...)
	}
	e := &event{Service: s, link: LinkRef{key: s.keys.keys[0]}, post: p, guard: g, result: rules.Result{Rule: -1}}
	if err := e.findSender(); err != nil {
		return Rehearsal{}, err
	}
	r := Rehearsal{Rule: -1}
	if err := e.prove(ctx); err != nil && !errors.As(err, &r.Unproven) {
		return Rehearsal{}, errors.Join(ErrUnavailable, err)
	}
	var body []byte
	body, r.Failed = e.convert()
	if r.Failed == nil {
		if reply, found := e.isHandshake(ctx, body, r.Unproven == nil); found {
			return Rehearsal{Handshake: &reply, Rule: -1}, nil
		}
		if e.sender != nil {
			body = e.sender.Unwrap(body)
		}
	}
	switch {
	case r.Unproven != nil:
		r.Failed = nil // nobody who is not proven learns more
	case r.Failed == nil:
		r.Failed = e.rehearse(body, &r)
	}
	return r, nil
}

// rehearse says what becomes of a proven event. The error is why it is refused.
func (e *event) rehearse(body []byte, r *Rehearsal) error {
	err := e.judge(body)
	r.Event, r.Rule, r.Do = e.result.Event, e.result.Rule, e.result.Do
	if err != nil || r.Do != rules.Succeed && r.Do != rules.Fail {
		return err
	}
	outcome, err := e.outcome()
	if err == nil {
		r.Outcome = &outcome
	}
	return err
}

// HookRehearsal is what would become of a post at a hook.
type HookRehearsal struct {
	Unproven  *senders.UnprovenError // as in [Rehearsal]
	Handshake *senders.Reply         // as in [Rehearsal]
	// Reason and Detail say why the event would be ignored: see [EventReceipt.Reason]. "" if
	// it counts.
	Reason, Detail string
	Event          rules.HookEvent // as far as it is known
}

// RehearseHook says what [Service.ReceiveEvent] would do with a post before it stores the
// event, without any effect. It needs no store. The errors are [ErrUnavailable] and
// [ErrOverloaded].
func (s *Service) RehearseHook(ctx context.Context, hook Hook, p Post) (HookRehearsal, error) {
	h := s.newHookPost(hook, p)
	err := h.prove(ctx)
	if err == nil {
		return h.read(ctx)
	}
	if reply, found := h.unsignedHandshake(ctx); found {
		return HookRehearsal{Handshake: &reply}, nil
	}
	var r HookRehearsal
	if !errors.As(err, &r.Unproven) {
		return HookRehearsal{}, errors.Join(ErrUnavailable, err)
	}
	return r, nil
}
