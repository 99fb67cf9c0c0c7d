package store

import (
	"context"
	"fmt"
	"time"

	"callback-relay/durations"
	"callback-relay/relay"
)

// Reschedule implements [relay.Store].
func (s *Store) Reschedule(ctx context.Context, id relay.CallbackID, e relay.Expires, maxExpiry time.Duration) (relay.Callback, error) {
	form, ms := expires(e)
	got, err := s.runDurably(ctx, rescheduleScript, []string{callbackKey(id), deadlineKey(id.Partition())},
		string(id), string(relay.StatePending), form, ms, maxExpiry.Milliseconds())
	if err != nil {
		return relay.Callback{}, fmt.Errorf("reschedule %s: %w", id, err)
	}
	if err := deadlineError(got, maxExpiry); err != nil {
		return relay.Callback{}, err
	}
	if got.verdict() != "done" {
		return relay.Callback{}, s.refusal(ctx, "reschedule", id, nil, got)
	}
	return s.Get(ctx, id)
}

// deadlineError returns an error if a script did not accept a deadline.
func deadlineError(got reply, maxExpiry time.Duration) error {
	switch got.verdict() {
	case "deadline past":
		return &relay.InvalidFieldError{Field: "expiresAt", Problem: "is not in the future"}
	case "deadline too far":
		return &relay.InvalidFieldError{Field: "expiresAt", Problem: fmt.Sprintf("is more than %s away", durations.Format(maxExpiry))}
	}
	return nil
}

// expires returns the form of a deadline: "in" and milliseconds from now, or "at"
// and milliseconds since 1970.
func expires(e relay.Expires) (form string, ms int64) {
	if e.At.IsZero() {
		return "in", e.In.Milliseconds()
	}
	return "at", e.At.UnixMilli()
}
