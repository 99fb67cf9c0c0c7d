package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"callback-relay/relay"
)

// Answer implements [relay.Store].
func (s *Store) Answer(ctx context.Context, link relay.LinkRef, o relay.Outcome) (relay.Recorded, error) {
	return s.answer(ctx, link, o, "", nil)
}

// answer records an answer. If decisions led to it, before is the number of
// decisions before the last, and decisions are all of them, sealed.
func (s *Store) answer(ctx context.Context, link relay.LinkRef, o relay.Outcome, before string, decisions []byte) (relay.Recorded, error) {
	id, digest := link.ID, link.Digest(o)
	row, lease, trace := relay.TransitionOf(relay.EventAnswer), rand.Text(), s.trace(ctx)
	got, err := s.runDurably(ctx, answerScript,
		[]string{callbackKey(id), deadlineKey(id.Partition()), dueKey(id.Partition())},
		string(id), string(row.From), string(row.To), string(o.Type), o.Error,
		s.keys.Seal(id, outcomeField, o.Payload()), digest, strconv.Itoa(int(link.Number)),
		s.lease.Milliseconds(), lease, before, decisions, trace, link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("answer %s: %w", id, err)
	}
	if got.verdict() == "recorded" {
		registered := got.text("trace")
		d := relay.Delivery{ID: id, Lease: lease, Trace: cmp.Or(trace, registered)}
		s.readLease(&d, got)
		s.link(ctx, registered)
		return relay.Recorded{State: row.To, Delivery: &d, Response: s.response(link, got)}, nil
	}
	if found := factsIn(got, &link); got.verdict() == "refused" && found.Repeated() {
		return relay.Recorded{State: found.State, Duplicate: true, Response: s.response(link, got)}, nil
	}
	return relay.Recorded{}, s.refusal(ctx, "answer", id, got)
}

// Waiting implements [relay.Store].
func (s *Store) Waiting(ctx context.Context, link relay.LinkRef) (relay.TaskToken, relay.Response, error) {
	id := link.ID
	got, err := s.run(ctx, waitingScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return "", relay.Response{}, fmt.Errorf("look up %s: %w", id, err)
	}
	if got.verdict() != "waiting" {
		return "", relay.Response{}, s.refusal(ctx, "look up", id, got)
	}
	task, err := s.keys.Open(id, taskTokenField, []byte(got.text(taskTokenField)))
	if err != nil {
		return "", relay.Response{}, unreadable(err)
	}
	return relay.TaskToken(task), s.response(link, got), nil
}

// Decide implements [relay.Store].
func (s *Store) Decide(ctx context.Context, link relay.LinkRef, all []relay.Decision, o *relay.Outcome) (relay.Recorded, error) {
	id, before := link.ID, strconv.Itoa(len(all)-1)
	decisions, remarks := encodeDecisions(all)
	sealed := s.seal(id, decisionsField, decisions)
	if o != nil {
		return s.answer(ctx, link, *o, before, sealed)
	}
	got, err := s.runDurably(ctx, decideScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), before, sealed, s.seal(id, remarksField, remarks),
		link.LinkKind.String(), string(link.Generation))
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("decide %s: %w", id, err)
	}
	if got.verdict() != "recorded" {
		return relay.Recorded{}, s.refusal(ctx, "decide", id, got)
	}
	return relay.Recorded{State: relay.StatePending}, nil
}

// refusal returns the error for the reply of a script that changed nothing.
func (s *Store) refusal(ctx context.Context, op string, id relay.CallbackID, got reply) error {
	var err error
	switch got.verdict() {
	case "missing":
		err = s.missing(ctx)
	case "refused":
		err = factsIn(got, nil).Refusal()
	}
	if err == nil {
		return unexpected(op, id, got)
	}
	return fmt.Errorf("%s %s: %w", op, id, err)
}

// factsIn reads the facts from the reply of a script that refused. link is the
// link that was used, or nil.
func factsIn(got reply, link *relay.LinkRef) relay.Facts {
	by := got.text("by")
	return relay.Facts{
		State: relay.State(got.text("state")), Reason: got.text("reason"), Overdue: got.holds("overdue"),
		ByExpiry: by == relay.ByExpiry, ByThisLink: link != nil && by == strconv.Itoa(int(link.Number)),
		SameAnswer: got.holds("same"), Meanwhile: got.holds("meanwhile"),
		LinkUnknown: got.holds("unknown"), LinkGuarded: got.holds("guarded"), LinkClosed: got.holds("closed"),
	}
}
