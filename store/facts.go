package store

import (
	"context"
	"fmt"
	"strconv"

	"callback-relay/relay"
)

// refusal returns the error for the reply of a script that changed nothing. link is
// the link that was used, or nil.
func (s *Store) refusal(ctx context.Context, op string, id relay.CallbackID, link *relay.LinkRef, got reply) error {
	var err error
	switch got.verdict() {
	case "missing":
		err = s.missing(ctx)
	case "refused":
		err = factsIn(got, link).Refusal()
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
		AnsweredEvent: got.text("event"),
	}
}
