package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// What a replica knows and an older release did not stands behind its name, so
// that everybody can see what all live replicas know.
const (
	// knowsKeyspace is followed by the latest version of the keyspace that the
	// replica can work with. Package migrations looks at it before it moves the
	// marker. A name without it is that of a replica which knows version 1.
	knowsKeyspace = "+keyspace" + schemaLatest
	// knowsGenerations says that the replica knows links with a generation. One
	// that knows none would tell senders that these links do not exist: while
	// such a replica is alive, registrations are made without a generation, and
	// their links as they were before. It comes last, since the release before
	// this one looks for it at the end of the name.
	knowsGenerations = "+generations"
)

// announced is the name under which a replica of this release is known.
func announced(replica string) string { return replica + knowsKeyspace + knowsGenerations }

// Announce says that the named replica is alive, which counts for ttl, and
// returns how many replicas are alive, this one included.
func (s *Store) Announce(ctx context.Context, replica string, ttl time.Duration) (int, error) {
	got, err := s.run(ctx, announceScript, []string{replicasKey}, announced(replica), ttl.Milliseconds())
	if err != nil {
		return 0, err
	}
	replicas := got.all("replica")
	if got.verdict() != "live" || len(replicas) == 0 {
		return 0, unavailable(fmt.Errorf("announce: unexpected verdict %.20q", got.verdict()))
	}
	s.noteReplicas(replicas)
	return len(replicas), nil
}

// Leave takes the named replica out, so that the others get its share at once.
func (s *Store) Leave(ctx context.Context, replica string) error {
	if err := s.redis.ZRem(ctx, replicasKey, announced(replica)).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// knowGenerations tells whether every live replica does.
func (s *Store) knowGenerations(ctx context.Context) (bool, error) {
	if known := s.generations.Load(); known != nil {
		return *known, nil
	}
	// This replica has not announced itself yet.
	replicas, err := s.redis.ZRangeByScore(ctx, replicasKey, &redis.ZRangeBy{Min: "-inf", Max: "+inf"}).Result()
	if err != nil {
		return false, unavailable(err)
	}
	return s.noteReplicas(replicas), nil
}

// noteReplicas remembers whether every live replica knows generations.
func (s *Store) noteReplicas(names []string) (known bool) {
	known = !slices.ContainsFunc(names, func(name string) bool { return !strings.HasSuffix(name, knowsGenerations) })
	s.generations.Store(&known)
	return known
}
