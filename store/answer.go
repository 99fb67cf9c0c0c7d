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
func (s *Store) Answer(ctx context.Context, link relay.LinkRef, o relay.Outcome, passed *relay.Passed) (relay.Recorded, error) {
	return s.answer(ctx, link, o, passed, decided{})
}

// decided is what leads to an answer by decision; otherwise it is zero.
type decided struct {
	before              string // the number of decisions before the last
	decisions, comments []byte // all of them, sealed
}

// answer records an answer.
func (s *Store) answer(
	ctx context.Context, link relay.LinkRef, o relay.Outcome, passed *relay.Passed, by decided,
) (relay.Recorded, error) {
	id, digest, event := link.ID, link.Digest(o), ""
	if passed != nil && passed.EventID != "" {
		event = link.EventDigest(passed.EventID)
	}
	transition, lease, trace := relay.TransitionOf(relay.EventAnswer), rand.Text(), s.trace(ctx)
	got, err := s.runDurably(ctx, answerScript,
		[]string{callbackKey(id), deadlineKey(id.Partition()), dueKey(id.Partition())},
		string(id), string(transition.From), string(transition.To), string(o.Type), o.Error,
		s.keys.Seal(id, outcomeField, o.Payload()), digest, strconv.Itoa(int(link.Number)),
		s.lease.Milliseconds(), lease, by.before, by.decisions, trace, link.LinkKind.String(), string(link.Generation),
		passedVersion(passed != nil), event, by.comments)
	if err != nil {
		return relay.Recorded{}, fmt.Errorf("answer %s: %w", id, err)
	}
	if got.verdict() == "guarded" {
		return relay.Recorded{}, s.guarded("answer", link, got)
	}
	if got.verdict() == "recorded" {
		registered := got.text("trace")
		d := relay.Delivery{ID: id, Lease: lease, Trace: cmp.Or(trace, registered)}
		s.readLease(&d, got)
		s.link(ctx, registered)
		return relay.Recorded{State: transition.To, Delivery: &d, Response: s.response(link, got)}, nil
	}
	if found := factsIn(got, &link); got.verdict() == "refused" && found.Repeated() {
		return relay.Recorded{State: found.State, Duplicate: true, Response: s.response(link, got)}, nil
	}
	return relay.Recorded{}, s.refusal(ctx, "answer", id, &link, got)
}
