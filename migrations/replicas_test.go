package migrations

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"callback-relay/outbox"
	"callback-relay/relay"
)

// announcements is a queue that notes for how long a replica asks to be counted.
type announcements struct {
	outbox.Queue
	ttl  time.Duration
	stop context.CancelFunc
}

func (a *announcements) Announce(_ context.Context, _ string, ttl time.Duration) (int, error) {
	a.ttl = ttl
	a.stop()
	return 1, nil
}

func (*announcements) Claim(context.Context, int) ([]relay.Delivery, error) { return nil, nil }
func (*announcements) Expire(context.Context, int) (int, error)             { return 0, nil }
func (*announcements) Trim(context.Context) (int, error)                    { return 0, nil }
func (*announcements) Census(context.Context, time.Duration) (c relay.Census, err error) {
	return c, nil
}
func (*announcements) Leave(context.Context, string) error { return nil }

// A migration counts a replica as alive for as long as the replicas themselves do.
func TestReplicasCountAlikeHere(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	q := &announcements{stop: stop}
	outbox.New(outbox.Options{Queue: q, Replica: "a", Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
	if q.ttl != aliveFor {
		t.Errorf("replicas count for %v, and for migrations %v", q.ttl, aliveFor)
	}
}
