package store

import (
	"context"
	"fmt"

	"callback-relay/relay"
)

// Cancel implements [relay.Store].
func (s *Store) Cancel(ctx context.Context, id relay.CallbackID) (relay.Callback, error) {
	transition := relay.TransitionOf(relay.EventCancel)
	got, err := s.runDurably(ctx, cancelScript,
		[]string{callbackKey(id), deadlineKey(id.Partition()), endedKey(id.Partition(), transition.To)},
		string(id), string(transition.From), string(transition.To), s.retention.Milliseconds())
	if err != nil {
		return relay.Callback{}, fmt.Errorf("cancel %s: %w", id, err)
	}
	if got.verdict() != "done" {
		return relay.Callback{}, s.refusal(ctx, "cancel", id, nil, got)
	}
	return s.Get(ctx, id)
}
