package store

import (
	"context"
	"fmt"
	"strconv"

	"callback-relay/relay"
)

// Waiting implements [relay.Store].
func (s *Store) Waiting(ctx context.Context, link relay.LinkRef, passed bool) (relay.TaskToken, relay.Response, error) {
	id := link.ID
	got, err := s.run(ctx, waitingScript, []string{callbackKey(id)},
		string(relay.StatePending), strconv.Itoa(int(link.Number)), link.LinkKind.String(), string(link.Generation),
		passedVersion(passed))
	if err != nil {
		return "", relay.Response{}, fmt.Errorf("look up %s: %w", id, err)
	}
	if got.verdict() == "guarded" {
		return "", relay.Response{}, s.guarded("look up", link, got)
	}
	if got.verdict() != "waiting" {
		return "", relay.Response{}, s.refusal(ctx, "look up", id, &link, got)
	}
	task, err := s.keys.Open(id, taskTokenField, []byte(got.text(taskTokenField)))
	if err != nil {
		return "", relay.Response{}, unreadable(err)
	}
	return relay.TaskToken(task), s.response(link, got), nil
}
