package migrations

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// replicasKey is the sorted set of replicas, scored by when they last announced
// themselves, in milliseconds. See package store.
const replicasKey = "relay:v1:replicas"

// aliveFor is how long a replica counts as alive after it has announced itself. A
// replica announces itself three times in this time.
const aliveFor = 15 * time.Second

// knowsKeyspace precedes, in a replica's name, the latest version of the keyspace
// that the replica can work with.
const knowsKeyspace = "keyspace"

// OlderReplicasError says that live replicas do not know the version of the
// keyspace that a migration leads to, and so would stop serving. Run the migration
// again when they have stopped.
type OlderReplicasError struct {
	Migration
	Replicas []string // their names
}

// Error implements error.
func (e *OlderReplicasError) Error() string {
	return fmt.Sprintf("migration %d waits until no replica of an older release runs any more; alive: %s",
		e.Number, strings.Join(e.Replicas, ", "))
}

// mayBegin returns an [*OlderReplicasError] if a pending migration must wait. The
// first migration needs no replica to know it, and one that has begun continues.
func (r *runner) mayBegin(ctx context.Context, m Migration, state State) error {
	if m.Number == 1 || state.Begun && m.Number == state.Pending[0].Number {
		return nil
	}
	return r.olderThan(ctx, m)
}

// olderThan returns an [*OlderReplicasError] if any live replica does not know the
// version that a migration leads to.
func (r *runner) olderThan(ctx context.Context, m Migration) error {
	now, err := r.client.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("read the time of redis: %w", err)
	}
	alive, err := r.client.ZRangeByScore(ctx, replicasKey, &redis.ZRangeBy{
		Min: strconv.FormatInt(now.Add(-aliveFor).UnixMilli(), 10), Max: "+inf",
	}).Result()
	if err != nil {
		return fmt.Errorf("read %s: %w", replicasKey, err)
	}
	var older []string
	for _, name := range alive {
		if knownVersion(name) < m.Number {
			older = append(older, name)
		}
	}
	if len(older) > 0 {
		return &OlderReplicasError{m, older}
	}
	return nil
}

// knownVersion returns the latest version of the keyspace that a replica knows,
// from its name: "<name>+keyspace2+<something else>". It is 1 if the name has none.
func knownVersion(name string) int {
	for part := range strings.SplitSeq(name, "+") {
		if text, ok := strings.CutPrefix(part, knowsKeyspace); ok {
			if version, ok := natural(text); ok {
				return version
			}
		}
	}
	return 1
}
