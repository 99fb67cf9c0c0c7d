package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"callback-relay/bodies"
	"callback-relay/senders"
)

// Post is what a machine posted to a link, as it came: nothing of it has been
// interpreted. Whoever made it keeps it unchanged until [Service.Receive]
// returns.
type Post struct {
	Method string
	Header http.Header
	Query  string // as it stands in the URL, without the question mark
	Body   []byte // as it was sent, still compressed; it arrived whole
	// Room has the memory to unpack and to convert the body. Its error is
	// [ErrOverloaded].
	Room bodies.Room
}

// Verdict says what became of a post that was taken.
type Verdict string

// The verdicts.
const (
	PostDelivered Verdict = "delivered" // Step Functions has the outcome
	PostAccepted  Verdict = "accepted"  // the outcome is stored, and delivery continues
	PostAlive     Verdict = "alive"     // Step Functions was told that the work continues
	PostIgnored   Verdict = "ignored"   // it counts for nothing, and the task still waits
)

// Receipt is what the sender of a post is told.
type Receipt struct {
	ID        CallbackID
	Verdict   Verdict
	Duplicate bool     // the same answer was recorded before, and this is its verdict
	Response  Response // what the link's registration wants said as well
	// Reply is what the sender wants to hear, word for word, in place of all of
	// the above; where it has no Body, only its headers are added. nil for most
	// posts.
	Reply *senders.Reply
}

// BodyLimit returns how many bytes the body of a post to a link may have, as it
// is sent. A link with a fixed outcome, or none, needs no body: it reads what
// could be a handshake, and a longer body counts as none.
func (s *Service) BodyLimit(link LinkRef, h http.Header) (limit int, needed bool) {
	if link.Type == LinkWebhook {
		return bodies.KindOf(h).MaxBytes(s.maxOutput), true
	}
	return senders.MaxHandshake, false
}

// Receive takes what a machine posted to a link. The order is its own:
//
//  1. the body is unpacked and becomes JSON, in which handshakes are recognised;
//  2. a handshake is answered, and counts for nothing;
//  3. what is left counts as the link's type says, and is recorded.
//
// What a sender has to prove belongs before the first step, since it is proven
// over the bytes as they came. Which event it is, and what a rule makes of it,
// belongs between the second and the third.
//
// When it returns without an error and the verdict is delivered or accepted, the
// outcome is stored and will be delivered, if not by this process then by
// another. Sending the same outcome again is no error. Otherwise nothing was
// recorded. The errors are those of [Store.Answer] and [bodies.Kind.Convert], and
// for a heartbeat those of [Service.heartbeat].
func (s *Service) Receive(ctx context.Context, link LinkRef, p Post) (Receipt, error) {
	body, err := s.convert(link, p)
	if err != nil {
		return Receipt{}, err
	}
	if reply, found := p.handshake(body); found {
		return s.shakeHands(ctx, link, reply)
	}
	switch link.Type {
	case LinkWebhook:
		return s.answer(ctx, link, Outcome{Type: OutcomeSuccess, Output: body})
	case LinkHeartbeat:
		response, err := s.heartbeat(ctx, link)
		return Receipt{ID: link.ID, Verdict: PostAlive, Response: response}, err
	default:
		return s.answerFixed(ctx, link)
	}
}

// convert returns what the body of a post becomes. For a link that needs no body,
// one that becomes nothing is as good as none: "{}". But it must have been
// looked at: a handshake for which there was no room must not complete the task.
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

// handshake tells whether a post only tries the link, and how its sender wants to
// be answered.
func (p Post) handshake(body []byte) (senders.Reply, bool) {
	query, _ := url.ParseQuery(p.Query) // as much of it as can be read
	return senders.Handshake(senders.Post{Header: p.Header, Query: query, JSON: body})
}

// shakeHands answers a post that only tries the link. Senders try a link again
// after it was answered, some every few hours, and stop using it for good when
// they get an error. So they get one only if the callback was cancelled, or its
// deadline has passed.
func (s *Service) shakeHands(ctx context.Context, link LinkRef, reply senders.Reply) (Receipt, error) {
	if _, _, err := s.store.Waiting(ctx, link); err != nil && !errors.Is(err, ErrAlreadyAnswered) {
		return Receipt{}, err
	}
	return Receipt{ID: link.ID, Verdict: PostIgnored, Reply: &reply}, nil
}

// answer records an outcome, once, and delivers it. [CheckOutput] says what an
// output must be.
func (s *Service) answer(ctx context.Context, link LinkRef, o Outcome) (Receipt, error) {
	if o.Type == OutcomeSuccess {
		if err := CheckOutput(o.Output, s.maxOutput); err != nil {
			return Receipt{}, err
		}
	}
	// The whole answer has arrived. A sender that hangs up now must not keep it
	// from being recorded, nor keep this process from learning that it was.
	recorded, err := s.store.Answer(context.WithoutCancel(ctx), link, o)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{ID: link.ID, Verdict: verdictOf(recorded.State), Duplicate: recorded.Duplicate, Response: recorded.Response}
	if recorded.Delivery != nil {
		settled := s.deliver(ctx, *recorded.Delivery, o)
		if settled.State == StateRefused {
			// It is known in time to tell the sender that nothing will come of it.
			return Receipt{}, fmt.Errorf("answer %s: %w", link.ID, RefusalError(settled.Reason))
		}
		receipt.Verdict = verdictOf(settled.State)
	}
	return receipt, nil
}

// deliver brings an outcome that was just recorded to Step Functions. The store
// returned the lease only: the outcome never left this package.
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
	// The outcome of the link is deleted with the final state, so a repetition is
	// recognised by the link that was answered.
	if v.Standing() != StandingWaiting || v.Link.Closed {
		if err := v.late(Submission{}); err != nil {
			return Receipt{}, fmt.Errorf("answer %s: %w", v.ID, err)
		}
		err := s.store.ConfirmDurable(ctx, v.ID)
		return Receipt{ID: v.ID, Verdict: verdictOf(v.State), Duplicate: true, Response: v.Request.Response}, err
	}
	return s.answer(ctx, link, v.Request.Outcome())
}

// heartbeat tells Step Functions at once that the task is being worked on.
// Nothing is stored and nothing is tried again: the result is the answer. It
// returns what the link's registration wants said as well. In addition to the
// errors of [Store.Waiting] it reports [ErrTaskClosed], [ErrRefused],
// [ErrOverloaded] and [ErrUnavailable].
func (s *Service) heartbeat(ctx context.Context, link LinkRef) (Response, error) {
	task, response, err := s.store.Waiting(ctx, link)
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
