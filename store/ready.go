package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// Ready says what keeps the store from being relied on, or nil: Redis does not
// answer, does not hold the keyspace that this release knows, or would throw
// callbacks away when its memory is full. The error is [relay.ErrUnavailable].
func (s *Store) Ready(ctx context.Context) error {
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	return s.checkEviction(ctx)
}

// Watch looks again and again whether Redis holds the keyspace that this release
// knows, until ctx ends. While it does not, every operation is refused, since
// an empty Redis, or one that a newer release has changed, must neither be
// written to nor be taken for the truth. Asking within each operation would
// cost a round trip: the marker is in another slot than any callback.
func (s *Store) Watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		// Redis being away is noticed by the operations themselves.
		if err := s.checkSchema(ctx); errors.Is(err, errSchema) {
			s.unusable.Store(&err)
		} else if err == nil {
			s.unusable.Store(nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// usable returns what Watch has found to be wrong.
func (s *Store) usable() error {
	if err := s.unusable.Load(); err != nil {
		return *err
	}
	return nil
}

// errSchema marks a keyspace that is not the one this release knows.
var errSchema = fmt.Errorf("%w: wrong keyspace", relay.ErrUnavailable)

func (s *Store) checkSchema(ctx context.Context) error {
	version, err := s.redis.Get(ctx, schemaKey).Result()
	switch {
	case err == redis.Nil: //nolint:errorlint // wrapped, it is trouble with a Sentinel
		return fmt.Errorf("%w: redis holds none, run relay migrate up", errSchema)
	case err != nil:
		return unavailable(err)
	case version != schemaVersion:
		return fmt.Errorf("%w: redis holds version %.20q, this release knows version %s", errSchema, version, schemaVersion)
	}
	return nil
}

// checkEviction looks at the eviction policy of every server that holds data.
// Other policies than noeviction drop callbacks in silence when memory is full.
// It is read from INFO, since some services block CONFIG; where INFO does not
// say it either, nothing can be known.
func (s *Store) checkEviction(ctx context.Context) error {
	if cluster, ok := s.redis.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return evictionOf(ctx, node)
		})
	}
	return evictionOf(ctx, s.redis)
}

func evictionOf(ctx context.Context, server redis.Cmdable) error {
	info, err := server.Info(ctx, "memory").Result()
	if refused := redis.Error(nil); errors.As(err, &refused) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	for line := range strings.Lines(info) {
		policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
		if ok && policy != "noeviction" {
			return fmt.Errorf("%w: redis would evict callbacks: set maxmemory-policy to noeviction, it is %.32s",
				relay.ErrUnavailable, policy)
		}
	}
	return nil
}
