package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// A replica appends to its name what it knows and an older release does not. So
// every process can see what all live replicas know.
const (
	// knowsKeyspace ends with the latest version of the keyspace that the replica
	// can work with. Package migrations reads it before it changes the marker. A
	// replica without it in its name knows only version 1.
	knowsKeyspace = "+keyspace" + schemaLatest
	// knowsGuards is followed by a version of guards that the replica can check, and is
	// there once for each version. A replica refuses every post through a link with
	// another version, so while one is alive, no such link is registered.
	knowsGuards = "+guards"
	// knowsAwaits says that the replica knows awaits, so that it takes over the events that
	// others have assigned. While one without it is alive, no await is registered.
	knowsAwaits = "+awaits1"
	// knowsApprovals says that the replica knows version 2 of approvals, see
	// [relay.Approval.Version]. While one without it is alive, none of that version is
	// registered.
	knowsApprovals = "+approvals2"
	// knowsGenerations says that the replica knows links with a generation. An
	// older replica would tell senders that these links do not exist, so while one
	// is alive, registrations and their links have no generation. It comes last,
	// since earlier releases look for it at the end of the name.
	knowsGenerations = "+generations"
)

// announced returns the name under which a replica of this release announces
// itself.
func announced(replica string) string {
	var guards strings.Builder
	for version := range relay.LatestGuards {
		guards.WriteString(knowsGuards + strconv.Itoa(version+1))
	}
	return replica + knowsKeyspace + guards.String() + knowsAwaits + knowsApprovals + knowsGenerations
}

// Announce counts the named replica as alive for ttl, and returns how many
// replicas are alive, including this one.
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

// Leave removes the named replica, so that the others get its share immediately.
func (s *Store) Leave(ctx context.Context, replica string) error {
	if err := s.redis.ZRem(ctx, replicasKey, announced(replica)).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// knowledge is what every live replica knows.
type knowledge struct {
	generations bool
	guards      int // the latest version of guards; 0 for none
	awaits      bool
	approvals   bool // version 2
}

// allKnow returns what every live replica knows.
func (s *Store) allKnow(ctx context.Context) (knowledge, error) {
	if all := s.known.Load(); all != nil {
		return *all, nil
	}
	// This replica has not announced itself, so it has not read the names yet.
	replicas, err := s.redis.ZRangeByScore(ctx, replicasKey, &redis.ZRangeBy{Min: "-inf", Max: "+inf"}).Result()
	if err != nil {
		return knowledge{}, unavailable(err)
	}
	return s.noteReplicas(replicas), nil
}

// noteReplicas remembers what every live replica knows.
func (s *Store) noteReplicas(names []string) knowledge {
	all := knowledge{generations: true, guards: relay.LatestGuards, awaits: true, approvals: true}
	for _, name := range names {
		all.generations = all.generations && strings.HasSuffix(name, knowsGenerations)
		all.awaits = all.awaits && strings.Contains(name+"+", knowsAwaits+"+")
		all.approvals = all.approvals && strings.Contains(name+"+", knowsApprovals+"+")
		// The next part of the name follows, or the name ends: guards11 is not guards1.
		for all.guards > 0 && !strings.Contains(name+"+", knowsGuards+strconv.Itoa(all.guards)+"+") {
			all.guards--
		}
	}
	s.known.Store(&all)
	return all
}
