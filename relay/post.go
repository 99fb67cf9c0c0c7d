package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"callback-relay/bodies"
	"callback-relay/senders"
)

// Post is what a machine posted to a link, unchanged and not yet interpreted. The
// caller must not change it until [Service.Receive] returns.
type Post struct {
	// URL is the URL that the sender was given: the public URL, and the path and query
	// as they arrived. Some senders sign it.
	URL    string
	Header http.Header
	Query  string // as in the URL, without the question mark
	Body   []byte // complete and as it was sent, so it may be compressed
	// Arrived is when the request began; zero for now.
	Arrived time.Time
	// Room provides the memory for unpacking and converting the body. Its error is
	// [ErrOverloaded].
	Room bodies.Room
}

// Verdict says what was done with a post that was accepted.
type Verdict string

// The verdicts.
const (
	PostDelivered Verdict = "delivered" // Step Functions has the outcome
	PostAccepted  Verdict = "accepted"  // the outcome is stored, and delivery continues
	PostAlive     Verdict = "alive"     // Step Functions accepted the heartbeat
	PostIgnored   Verdict = "ignored"   // the post changed nothing, and the task still waits
)

// Receipt is what the sender of a post gets back.
type Receipt struct {
	ID        CallbackID
	Verdict   Verdict
	Duplicate bool     // the same answer was recorded before, and this is its verdict
	Response  Response // what the registration of the link adds for its sender
	// Handshake says that the post only tested the link.
	Handshake bool
	// Reply is the exact reply that the sender expects, instead of all of the above.
	// If it has no Body, only its headers are added. It is nil for most posts.
	Reply *senders.Reply
}

// BodyLimit returns how many bytes the body of a post to a link may have as it is
// sent, and whether the link needs a body. Only webhook links do. The other links
// read a body only because it could be a handshake, and ignore a longer one. A
// longer body may still be allowed: see [Service.LongerBodyLimit].
func (s *Service) BodyLimit(link LinkRef, h http.Header) (limit int, needed bool) {
	if link.Type == LinkWebhook {
		return bodies.KindOf(h).MaxBytes(s.maxOutput), true
	}
	return senders.MaxHandshake, false
}

// LongerBodyLimit is [Service.BodyLimit] for a webhook link to which a longer body than
// that is posted. The rules of a guarded link can pick an output from a body that is too
// long to be one. tooLong records a body that is longer even than this, with its length if
// that is known; it is nil for a link without a guard. LongerBodyLimit asks the store; its
// errors are those of [Store.Waiting].
func (s *Service) LongerBodyLimit(ctx context.Context, link LinkRef, h http.Header) (limit int, tooLong func(bytes int), err error) {
	_, _, err = s.store.Waiting(ctx, link, false)
	if guarded := (*GuardedError)(nil); errors.As(err, &guarded) {
		e := s.newEvent(link, Post{}, guarded)
		return bodies.KindOf(h).MaxBytes(s.maxBody), func(bytes int) { e.judgedBytes(ctx, NoteTooLarge, "", bytes) }, nil
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) {
		return 0, nil, err
	}
	return bodies.KindOf(h).MaxBytes(s.maxOutput), nil, nil
}

// Receive takes what a machine posted to a link, in this order:
//
//  1. unpack the body and convert it to JSON, to recognise handshakes;
//  2. answer a handshake, which changes nothing;
//  3. record any other post, as the type of the link says.
//
// Only the store knows whether a link is guarded. If it is, the store records nothing,
// and the post starts again, at its guard: see [Service.receiveGuarded]. So a link
// without a guard costs no look-up.
//
// If Receive returns no error and the verdict is delivered or accepted, the outcome
// is stored and will be delivered by this process or another one. Sending the same
// outcome again is not an error. With any other verdict nothing was recorded.
//
// The errors are those of [Store.Answer] and [bodies.Kind.Convert], for a heartbeat
// those of [Service.heartbeat], and for a guarded link [*UnprovenError] and
// [*RuleError]. With an error nothing was recorded, with two exceptions.
// [ErrTaskClosed] and [ErrRefused] can also mean that the outcome was recorded, and that
// Step Functions then refused it. After [ErrUnavailable] it may be recorded, perhaps in
// too few copies; sending it again finds out.
func (s *Service) Receive(ctx context.Context, link LinkRef, p Post) (Receipt, error) {
	receipt, err := s.receivePlain(ctx, link, p)
	if guarded := (*GuardedError)(nil); errors.As(err, &guarded) {
		return s.receiveGuarded(ctx, link, p, guarded)
	}
	return receipt, err
}

// receivePlain takes a post as if its link had no guard.
func (s *Service) receivePlain(ctx context.Context, link LinkRef, p Post) (Receipt, error) {
	body, err := s.convert(link, p)
	if err != nil {
		return Receipt{}, s.guardBefore(ctx, link, err)
	}
	if reply, found := p.handshake(body); found {
		return s.answerHandshake(ctx, link, reply)
	}
	switch link.Type {
	case LinkWebhook:
		if err := CheckOutput(body, s.maxOutput); err != nil {
			return Receipt{}, s.guardBefore(ctx, link, err)
		}
		receipt, err := s.answer(ctx, link, Outcome{Type: OutcomeSuccess, Output: body}, nil)
		if errors.Is(err, ErrAlreadyAnswered) {
			s.note(ctx, link, Note{Verdict: NoteConflict, Bytes: len(p.Body), Rule: -1})
		}
		return receipt, err
	case LinkHeartbeat:
		response, err := s.heartbeat(ctx, link, false)
		return Receipt{ID: link.ID, Verdict: PostAlive, Response: response}, err
	default:
		return s.answerFixed(ctx, link)
	}
}

// guardBefore returns what is wrong with a body, or a [*GuardedError] if the link is
// guarded: then the sender must first prove itself. If the store is away, nobody knows,
// and the sender must try again.
func (s *Service) guardBefore(ctx context.Context, link LinkRef, wrong error) error {
	if errors.Is(wrong, ErrOverloaded) || link.Type != LinkWebhook {
		return wrong
	}
	_, _, err := s.store.Waiting(ctx, link, false)
	if errors.Is(err, ErrUnavailable) { // as a [*GuardedError] is
		return err
	}
	return wrong
}

// convert converts the body of a post to JSON. If a link needs no body, a body that
// cannot be converted counts as empty: "{}". But a lack of room stays an error,
// since the body may be a handshake, which must not complete the task.
func (s *Service) convert(link LinkRef, p Post) ([]byte, error) {
	kind := bodies.KindOf(p.Header)
	if link.Type == LinkWebhook {
		return kind.Convert(p.Body, s.maxOutput, p.Room)
	}
	body, err := kind.Convert(p.Body, senders.MaxHandshake, p.Room)
	if err != nil && !errors.Is(err, ErrOverloaded) {
		return []byte("{}"), nil
	}
	return body, err
}

// handshake tells whether a post only tests the link, and which reply its sender
// expects.
func (p Post) handshake(body []byte) (senders.Reply, bool) {
	query, _ := url.ParseQuery(p.Query) // as far as it can be read
	return senders.Handshake(senders.Post{Header: p.Header, Query: query, JSON: body})
}

// answerHandshake answers a post that only tests the link. Senders keep testing a link
// after it was answered, some every few hours, and stop using it for good if they
// get an error. So that it was answered is no error; all others are those of
// [Store.Waiting].
func (s *Service) answerHandshake(ctx context.Context, link LinkRef, reply senders.Reply) (Receipt, error) {
	if _, _, err := s.store.Waiting(ctx, link, false); err != nil && !errors.Is(err, ErrAlreadyAnswered) {
		return Receipt{}, err
	}
	s.note(ctx, link, Note{Verdict: NoteHandshake, Reason: reply.Sender, Rule: -1})
	return Receipt{ID: link.ID, Verdict: PostIgnored, Handshake: true, Reply: &reply}, nil
}

// answer records an outcome, unless it is already recorded, and delivers it. The
// output must pass [CheckOutput]. passed is nil unless the post passed a guard.
func (s *Service) answer(ctx context.Context, link LinkRef, o Outcome, passed *Passed) (Receipt, error) {
	// The whole answer has arrived. If the sender hangs up now, the answer must still
	// be recorded, and this process must still learn that it was.
	recorded, err := s.store.Answer(context.WithoutCancel(ctx), link, o, passed)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{ID: link.ID, Verdict: verdictOf(recorded.State), Duplicate: recorded.Duplicate, Response: recorded.Response}
	if recorded.Delivery != nil {
		settled := s.deliver(ctx, *recorded.Delivery, o)
		if settled.State == StateRefused {
			// The refusal is known in time to tell the sender.
			return Receipt{}, fmt.Errorf("answer %s: %w", link.ID, RefusalError(settled.Reason))
		}
		receipt.Verdict = verdictOf(settled.State)
	}
	return receipt, nil
}

// deliver brings an outcome that was just recorded to Step Functions. The store
// returns only the lease, since this package already has the outcome.
func (s *Service) deliver(ctx context.Context, d Delivery, o Outcome) Settlement {
	d.Outcome = o
	return s.deliverer.Deliver(ctx, d)
}

func verdictOf(state State) Verdict {
	if state == StateDelivered {
		return PostDelivered
	}
	return PostAccepted
}

// answerFixed answers with the outcome that a success or failure link was
// registered with.
func (s *Service) answerFixed(ctx context.Context, link LinkRef) (Receipt, error) {
	v, err := s.store.View(ctx, link)
	if err != nil {
		return Receipt{}, err
	}
	// The outcome of the link is deleted in the final state, so a repeated answer is
	// recognised by its link.
	f := v.facts(Submission{})
	if f.Repeated() {
		err := s.store.ConfirmDurable(ctx, v.ID)
		return Receipt{ID: v.ID, Verdict: verdictOf(v.State), Duplicate: true, Response: v.Request.Response}, err
	}
	if err := f.Refusal(); err != nil {
		return Receipt{}, fmt.Errorf("answer %s: %w", v.ID, err)
	}
	outcome := v.Request.Outcome()
	if outcome.Type == OutcomeSuccess { // the limit may be lower than it was at the registration
		if err := CheckOutput(outcome.Output, s.maxOutput); err != nil {
			return Receipt{}, err
		}
	}
	return s.answer(ctx, link, outcome, nil)
}

// heartbeat tells Step Functions at once that the task is being worked on. Nothing
// is stored and nothing is tried again: the sender gets the result of this one call.
// It returns the link's response. In addition to the errors of [Store.Waiting] it
// reports [ErrTaskClosed], [ErrRefused], [ErrOverloaded] and [ErrUnavailable].
func (s *Service) heartbeat(ctx context.Context, link LinkRef, passed bool) (Response, error) {
	task, response, err := s.store.Waiting(ctx, link, passed)
	if err != nil {
		return Response{}, err
	}
	err = s.heartbeater.Heartbeat(ctx, task)
	if err == nil {
		return response, nil
	}
	kind, send := ErrUnavailable, (*SendError)(nil)
	switch {
	case errors.Is(err, ErrOverloaded):
		kind = ErrOverloaded
	case errors.As(err, &send) && send.Class == SendClosed:
		kind = ErrTaskClosed
	case errors.As(err, &send) && send.Class == SendNever:
		kind = ErrRefused
	}
	return Response{}, fmt.Errorf("heartbeat %s: %w: %w", link.ID, kind, err)
}
