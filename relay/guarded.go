package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"callback-relay/bodies"
	"callback-relay/rules"
	"callback-relay/senders"
)

// Senders are the senders that the operator has configured.
type Senders interface {
	// Named returns the sender of a name, as it is configured now.
	Named(name string) (*senders.Sender, bool)
	// Names returns all names, sorted.
	Names() []string
	// Missed is called for each post whose sender, or the hook of which, was configured when
	// its link or await was registered, and is not any more.
	Missed(name string)
}

// PostMetrics counts what became of posts to guarded links. A sender is the name of a
// configured one, the preset of one that a registration described, or "none".
type PostMetrics interface {
	// Posted counts a post by its verdict: one of the notes' words, or a [Verdict].
	Posted(sender, verdict string)
	// Unproven counts a post whose sender was not proven, by the reason.
	Unproven(sender, reason string)
}

// UnprovenError reports that a post does not prove who sent it. Nothing was stored.
type UnprovenError struct {
	Reason senders.Reason
	Detail string         // what is wrong, without any value of the request
	Reply  *senders.Reply // the exact reply that the sender demands; nil for none
}

// Error implements error.
func (e *UnprovenError) Error() string { return "the sender is not proven: " + e.Detail }

// RuleError reports that an outcome's rule could not be applied to an event. Nothing
// was stored.
type RuleError struct {
	Rule   int    // which outcome, from 0; -1 for what becomes of other events
	Detail string // what is wrong, without any value of the request
}

// Error implements error.
func (e *RuleError) Error() string {
	if e.Rule < 0 {
		return e.Detail
	}
	return fmt.Sprintf("outcomes[%d].%s", e.Rule, e.Detail)
}

// receiveGuarded takes a post to a guarded link, in this order:
//
//  1. check, over the bytes as they were sent, who sent it;
//  2. unpack the body and convert it to JSON;
//  3. answer a handshake, which changes nothing;
//  4. find out which event it is, and which outcome applies;
//  5. do what the outcome says.
//
// The errors are those of [Service.Receive].
func (s *Service) receiveGuarded(ctx context.Context, link LinkRef, p Post, guarded *GuardedError) (Receipt, error) {
	e := s.newEvent(link, p, guarded)
	if err := e.findSender(); err != nil {
		return Receipt{}, e.unavailable(ctx, "sender", err)
	}
	if err := e.prove(ctx); err != nil {
		return e.unproven(ctx, err)
	}
	body, err := e.convert()
	if errors.Is(err, ErrOverloaded) {
		return Receipt{}, e.late(ctx, err)
	}
	if err != nil {
		return Receipt{}, e.refuse(ctx, NoteUnsupported, "", err)
	}
	if reply, found := e.isHandshake(ctx, body, true); found {
		return e.handshake(ctx, reply, e.sender != nil)
	}
	if e.sender != nil {
		body = e.sender.Unwrap(body)
	}
	if err := e.judge(body); err != nil {
		return Receipt{}, e.ruleFailed(ctx, err)
	}
	if e.result.Answered {
		return e.again(ctx)
	}
	return e.act(ctx)
}

// findSender finds out who may post.
func (e *event) findSender() error {
	switch {
	case e.guard.Inline != nil:
		sender, err := e.inlineSender(e.guard.Inline, e.link)
		if err != nil { // it was checked at the registration, perhaps by another release
			return fmt.Errorf("%w: the sender of the link cannot be checked: %w", ErrUnavailable, err)
		}
		e.sender = sender
	case e.guard.Sender != "":
		sender, found := e.senders.Named(e.guard.Sender)
		if !found {
			e.senders.Missed(e.guard.Sender)
			return fmt.Errorf("%w: the configuration file has no sender %q any more", ErrUnavailable, e.guard.Sender)
		}
		e.sender = sender
		if e.guard.undecided(sender) {
			return fmt.Errorf("%w: the sender %q of the configuration file has no outcomes of its own any more, and the link has none", ErrUnavailable, e.guard.Sender)
		}
	}
	return nil
}

// request is the post as its proof is checked.
func (e *event) request() senders.Request {
	query, _ := url.ParseQuery(e.post.Query) // as far as it can be read
	return senders.Request{
		Method: http.MethodPost, URL: e.post.URL, Header: e.post.Header, Query: query, Body: e.post.Body, Now: e.now(),
	}
}

func (e *event) prove(ctx context.Context) error {
	if e.sender == nil {
		return nil
	}
	return e.sender.Check(ctx, e.request())
}

// unproven refuses a post, unless it is a handshake that its sender does not sign.
func (e *event) unproven(ctx context.Context, err error) (Receipt, error) {
	wrong, ok := errors.AsType[*senders.UnprovenError](err)
	if !ok { // what it takes to check the proof is away
		return Receipt{}, e.unavailable(ctx, "keys", fmt.Errorf("%w: %w", ErrUnavailable, err))
	}
	if reply, found := e.unsignedHandshake(ctx); found {
		return e.handshake(ctx, reply, false)
	}
	e.metrics.Unproven(e.label, string(wrong.Reason))
	return Receipt{}, e.refuse(ctx, NoteUnproven, string(wrong.Reason),
		&UnprovenError{Reason: wrong.Reason, Detail: wrong.Detail, Reply: e.sender.Unproven()})
}

// unsignedHandshake returns the reply to a post that only tests the URL, if its sender does
// not sign such posts.
func (e *event) unsignedHandshake(ctx context.Context) (senders.Reply, bool) {
	body, err := bodies.KindOf(e.post.Header).Convert(e.post.Body, senders.MaxHandshake, e.post.Room)
	if err != nil {
		return senders.Reply{}, false
	}
	return e.isHandshake(ctx, body, false)
}

// convert unpacks the body and converts it to JSON.
func (e *event) convert() ([]byte, error) {
	body, err := bodies.KindOf(e.post.Header).Convert(e.post.Body, e.maxBody, e.post.Room)
	if err != nil {
		return nil, err
	}
	return body, bodies.CheckJSON(body)
}

// isHandshake tells whether a post only tests the link, and which reply its sender
// expects. If everybody may post, it may be a handshake of any sender.
func (e *event) isHandshake(ctx context.Context, body []byte, proven bool) (senders.Reply, bool) {
	if e.sender == nil {
		return e.post.handshake(body)
	}
	return e.sender.Handshake(ctx, e.request(), body, proven)
}

// handshake answers a post that only tests the link. What it asks the relay to do is
// done only if it was proven.
func (e *event) handshake(ctx context.Context, reply senders.Reply, proven bool) (Receipt, error) {
	if err := e.over(); err != nil {
		return Receipt{}, e.late(ctx, err)
	}
	if proven {
		if err := e.sender.Confirm(ctx, e.request()); err != nil {
			return Receipt{}, e.unavailable(ctx, "confirmation", fmt.Errorf("%w: %w", ErrUnavailable, err))
		}
	}
	e.judged(ctx, NoteHandshake, reply.Sender)
	return Receipt{ID: e.link.ID, Verdict: PostIgnored, Handshake: true, Reply: &reply}, nil
}

// over says why the link takes no events, or is nil. That the callback was answered is
// no reason: senders send further events after the one that counted.
func (e *event) over() error {
	if err := e.facts.Refusal(); err != nil && !errors.Is(err, ErrAlreadyAnswered) {
		return fmt.Errorf("event for %s: %w", e.link.ID, err)
	}
	return nil
}

// judge finds out which event it is, and what becomes of it.
func (e *event) judge(body []byte) error {
	program, err := e.rules.Compile(e.guard.source(e.sender))
	if err != nil { // it was checked at the registration, perhaps by another release
		return fmt.Errorf("%w: the rules of the link cannot be compiled: %w", ErrUnavailable, err)
	}
	memory := program.Memory(body)
	if err := e.post.Room.Take(memory); err != nil {
		return err
	}
	defer e.post.Room.Give(memory)
	query, _ := url.ParseQuery(e.post.Query)
	e.result, err = program.Judge(rules.Post{JSON: body, Header: e.post.Header, Query: query, Vars: e.guard.Vars, Answered: e.answered})
	return err
}

// answered reports whether the event with an id has answered the task.
func (e *event) answered(id string) bool {
	return e.facts.AnsweredEvent != "" && e.link.EventDigest(id) == e.facts.AnsweredEvent
}

// again acknowledges the event that answered the task.
func (e *event) again(ctx context.Context) (Receipt, error) {
	f := e.facts
	f.SameAnswer = true
	if !f.Repeated() {
		return e.ignore(ctx, NoteConflict, "")
	}
	// The facts may be from a look-up, which does not wait for copies.
	if err := e.store.ConfirmDurable(ctx, e.link.ID); err != nil {
		return Receipt{}, e.late(ctx, err)
	}
	e.judged(ctx, NoteDuplicate, "")
	return e.acknowledged(Receipt{ID: e.link.ID, Verdict: verdictOf(f.State), Duplicate: true, Response: e.response}), nil
}

// ruleFailed refuses an event that a rule could not judge.
func (e *event) ruleFailed(ctx context.Context, err error) error {
	failed, ok := errors.AsType[*rules.FailedError](err)
	if errors.Is(err, ErrUnavailable) {
		return e.unavailable(ctx, "rules", err)
	}
	if !ok {
		return e.late(ctx, err)
	}
	e.result.Rule = failed.Rule
	return e.failed(ctx, failed.Reason, &RuleError{Rule: e.ownRule(), Detail: failed.Detail})
}

// failed refuses an event to which a rule cannot be applied. The author of the rule does not
// see the reply, and the sender of an event that is given gets none, so the log says why.
func (e *event) failed(ctx context.Context, reason string, err error) error {
	e.logger.WarnContext(ctx, "rule failed", "callback", string(e.link.ID), "sender", e.label, "reason", reason, "detail", err.Error())
	return e.refuse(ctx, NoteFailedRule, reason, err)
}

// ownRule is the number of the outcome that matched or failed; -1 for none, and for one that
// the registration does not have, since it is the preset's.
func (e *event) ownRule() int {
	if len(e.guard.Outcomes) == 0 {
		return -1
	}
	return e.result.Rule
}

// act does what the outcome says.
func (e *event) act(ctx context.Context) (Receipt, error) {
	switch e.result.Do {
	case rules.Heartbeat:
		return e.beat(ctx)
	case rules.Succeed, rules.Fail:
		return e.answer(ctx)
	}
	return e.ignore(ctx, NoteIgnored, "")
}

// ignore acknowledges an event that changes nothing.
func (e *event) ignore(ctx context.Context, verdict, reason string) (Receipt, error) {
	if err := e.over(); err != nil {
		return Receipt{}, e.late(ctx, err)
	}
	e.judged(ctx, verdict, reason)
	return e.acknowledged(Receipt{ID: e.link.ID, Verdict: PostIgnored}), nil
}

// beat tells the task that work continues.
func (e *event) beat(ctx context.Context) (Receipt, error) {
	waiting, cancel := e.patiently(ctx)
	defer cancel()
	response, err := e.heartbeat(waiting, e.link, true)
	if errors.Is(err, ErrAlreadyAnswered) {
		return e.ignore(ctx, NoteIgnored, "answered")
	}
	if err != nil {
		return Receipt{}, e.late(ctx, err)
	}
	e.judged(ctx, NoteHeartbeat, "")
	return e.acknowledged(Receipt{ID: e.link.ID, Verdict: PostAlive, Response: response}), nil
}

// answer records the outcome of the event, unless another one was recorded before.
func (e *event) answer(ctx context.Context) (Receipt, error) {
	outcome, err := e.outcome()
	if err != nil {
		return Receipt{}, e.failed(ctx, rules.ReasonOutput, err)
	}
	waiting, cancel := e.patiently(ctx)
	defer cancel()
	receipt, err := e.Service.answer(waiting, e.link, outcome, &Passed{EventID: e.id()})
	switch {
	case errors.Is(err, ErrAlreadyAnswered):
		return e.ignore(ctx, NoteConflict, "")
	case err != nil:
		return Receipt{}, e.late(ctx, err)
	case receipt.Duplicate:
		e.judged(ctx, NoteDuplicate, "")
	default:
		e.judged(ctx, string(receipt.Verdict), "")
	}
	return e.acknowledged(receipt), nil
}

// responseMargin is the time that a response has to get back to its sender.
const responseMargin = 500 * time.Millisecond

// patiently returns a context that ends before the sender gives up. What is recorded by
// then is delivered all the same; only the wait for the result ends.
func (e *event) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.sender == nil || e.sender.Patience() == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, e.post.Arrived.Add(e.sender.Patience()-responseMargin))
}

// outcome is what the task is told of the event.
func (e *event) outcome() (Outcome, error) {
	if e.result.Do == rules.Fail {
		return Outcome{Type: OutcomeFailure, Error: e.result.Error, Cause: e.result.Cause}, nil
	}
	output := e.result.Output
	if e.guard.Envelope != nil {
		output = e.guard.Envelope.wrap(e.post, output, e.at(), e.sender)
	}
	if err := CheckOutput(output, e.maxOutput); err != nil {
		return Outcome{}, err
	}
	return Outcome{Type: OutcomeSuccess, Output: output}, nil
}
