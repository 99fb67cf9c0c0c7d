package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// The marks of memory, as shares of what Redis may use. Registrations stop
// first: what is left is for the answers of those who wait already. Deliveries
// are never stopped, since they free memory.
const (
	registrationsStop = 0.85
	notReadyFrom      = 0.95
)

// longestSkew is how far two clocks may be apart. AWS refuses a signature whose
// time is more than five minutes off.
const longestSkew = 5 * time.Minute

// lookWithin bounds one look at Redis.
const lookWithin = 3 * time.Second

// FailedCheck is one reason why a store cannot be relied on.
type FailedCheck struct {
	Check  string // what was looked at: one of the Check constants
	Reason string // what is wrong with it, and what would be right
}

// What is looked at.
const (
	CheckRedis      = "redis"      // it answers
	CheckKeyspace   = "keyspace"   // it holds the one that this release knows
	CheckEviction   = "eviction"   // it would throw nothing away
	CheckMemory     = "memory"     // there is some left
	CheckWritable   = "writable"   // it takes writes
	CheckDurability = "durability" // it can make as many copies as are asked for
	CheckClock      = "clock"      // its clock and ours agree, more or less
)

// Checks are all of them.
var Checks = []string{
	CheckRedis, CheckKeyspace, CheckEviction, CheckMemory, CheckWritable, CheckDurability, CheckClock,
}

// Condition is how Redis was found.
type Condition struct {
	FailedChecks []FailedCheck // none when the store can be relied on
	Memory       float64       // share in use of the fullest server; 0 when no server has a limit
	Skew         time.Duration // how far our clock is ahead of the one that differs most
	Migration    error         // that one is still to come; nil when none is
}

// Low tells whether so little memory is left that no callback is made.
func (c *Condition) Low() bool { return c != nil && c.Memory >= registrationsStop }

// full returns why no callback may be made, or nil.
func (c *Condition) full() error {
	if !c.Low() {
		return nil
	}
	return fmt.Errorf("%w: redis has %.0f%% of its memory in use, and registrations stop at %.0f%%",
		relay.ErrUnavailable, 100*c.Memory, 100*registrationsStop)
}

func (c *Condition) object(check, reason string, args ...any) {
	c.FailedChecks = append(c.FailedChecks, FailedCheck{check, fmt.Sprintf(reason, args...)})
}

// Ready looks at Redis and says what keeps the store from being relied on; see
// [Store.Watch] for what follows from it.
func (s *Store) Ready(ctx context.Context) []FailedCheck {
	return s.Look(ctx).FailedChecks
}

// Watch looks at Redis again and again, until ctx ends, and reports what it
// finds. While the keyspace is not the one that this release knows, every
// operation is refused; while memory is low, registrations are. Asking within
// each operation would cost a round trip.
func (s *Store) Watch(ctx context.Context, every time.Duration, report func(Condition)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		c := s.Look(ctx)
		if ctx.Err() == nil {
			report(c)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// markerGoodFor is how long a marker that was read counts. Watch reads it each
// second. Where it cannot, operations read it themselves, and fail if they
// cannot either: a migration gives replicas five seconds to notice that the
// marker has moved, and in a cluster it may be out of reach when callbacks are
// not.
const markerGoodFor = 4 * time.Second

// markerLook is what the marker said, and when it was asked for.
type markerLook struct {
	at     time.Time
	marker string
	wrong  error // nil when this release knows the marker
}

// usable returns why nothing may be read or written now: an empty Redis, or one
// that a newer release has changed, must not be taken for the truth.
func (s *Store) usable(ctx context.Context) error {
	if seen := s.marker.Load(); seen != nil && time.Since(seen.at) < markerGoodFor {
		return seen.wrong
	}
	return s.checkSchema(ctx)
}

// Look looks at everything once, and keeps what it found for the operations to
// heed.
func (s *Store) Look(ctx context.Context) Condition {
	s.looking.Lock()
	defer s.looking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	var c Condition
	err := s.checkSchema(ctx)
	if errors.Is(err, errSchema) {
		c.object(CheckKeyspace, "%s", plain(err))
		err = nil
	}
	if err == nil {
		c.Migration = s.missingMigration()
		err = s.lookAtServers(ctx, &c)
	}
	if err == nil {
		err = s.lookForWrites(ctx, &c)
	}
	if err != nil {
		// What was found earlier stands. The operations notice by themselves.
		c.object(CheckRedis, "cannot be asked, check RELAY_REDIS_URL and whether it runs: %s", plain(err))
		return c
	}
	kept := c
	s.last.Store(&kept)
	return c
}

// plain words an error for an operator, who knows already that it is trouble.
func plain(err error) string {
	return strings.TrimPrefix(err.Error(), relay.ErrUnavailable.Error()+": ")
}

// errSchema marks a keyspace that is not the one this release knows.
var errSchema = fmt.Errorf("%w: wrong keyspace", relay.ErrUnavailable)

// checkSchema reads the marker and remembers what it says.
func (s *Store) checkSchema(ctx context.Context) error {
	asked := time.Now()
	marker, err := s.readSchema(ctx)
	if err == nil || errors.Is(err, errSchema) {
		s.marker.Store(&markerLook{asked, marker, err})
	}
	return err
}

func (s *Store) readSchema(ctx context.Context) (marker string, err error) {
	marker, err = s.redis.Get(ctx, schemaKey).Result()
	switch {
	case err == redis.Nil: //nolint:errorlint // wrapped, it is trouble with a Sentinel
		return "", fmt.Errorf("%w: redis holds none, run relay migrate up", errSchema)
	case err != nil:
		return "", unavailable(err)
	case !slices.Contains(schemaMarkers, marker):
		return marker, fmt.Errorf("%w: redis holds version %.20q, this release knows %s", errSchema, marker, strings.Join(schemaMarkers, ", "))
	}
	return marker, nil
}

// missingMigration returns an error if the keyspace is one that this release can
// work with, and not the latest.
func (s *Store) missingMigration() error {
	seen := s.marker.Load()
	if seen != nil && seen.wrong == nil && seen.marker != schemaLatest {
		return fmt.Errorf("migration %s is still to come: run relay migrate up; until then lists of callbacks that have ended are slow, and counts of them too low", schemaLatest)
	}
	return nil
}

// migrated tells whether the keyspace was last seen to be at its latest version.
func (s *Store) migrated() bool {
	seen := s.marker.Load()
	return seen != nil && seen.marker == schemaLatest
}

// lookAtServers looks at every server that holds data.
func (s *Store) lookAtServers(ctx context.Context, c *Condition) error {
	cluster, ok := s.redis.(*redis.ClusterClient)
	if !ok {
		return s.lookAt(ctx, s.redis, c)
	}
	var one sync.Mutex // servers are asked side by side
	primaries := map[*redis.Client]bool{}
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
		var of Condition
		err := s.lookAt(ctx, server, &of)
		one.Lock()
		defer one.Unlock()
		primaries[server] = true
		c.FailedChecks = append(c.FailedChecks, of.FailedChecks...)
		c.Memory = max(c.Memory, of.Memory)
		if of.Skew.Abs() >= c.Skew.Abs() {
			c.Skew = of.Skew
		}
		return err
	})
	if err == nil {
		s.forgetPatient(primaries)
	}
	return err
}

// lookAt asks one server about itself in one round trip. Some services block
// INFO; what it does not say cannot be known.
func (s *Store) lookAt(ctx context.Context, server redis.Cmdable, c *Condition) error {
	var told *redis.StringCmd
	var clock *redis.TimeCmd
	var copies *redis.Cmd
	asked := s.clock()
	// Its error is that of the first command that failed; each has its own.
	_, _ = server.Pipelined(ctx, func(p redis.Pipeliner) error {
		told, clock = p.Info(ctx, "memory", "replication"), p.Time(ctx)
		if s.durability.AOF {
			copies = p.Do(ctx, "WAITAOF", s.durability.Local, 0, 1)
		}
		return nil
	})
	if err := clock.Err(); err != nil {
		return unavailable(err)
	}
	info, err := told.Result()
	if refused := redis.Error(nil); err != nil && !errors.As(err, &refused) {
		return unavailable(err)
	}
	if redis.HasErrorPrefix(err, "NOPERM") {
		c.object(CheckEviction, "redis does not say whether it would evict callbacks: allow INFO to its user")
	}
	between := asked.Add(s.clock().Sub(asked) / 2)
	c.judgeClock(between.Sub(clock.Val()))
	c.judgeMemory(info)
	s.judgeCopies(info, copies, c)
	return nil
}

func (c *Condition) judgeClock(skew time.Duration) {
	if c.Skew = skew; skew.Abs() > longestSkew {
		way := "ahead of"
		if skew < 0 {
			way = "behind"
		}
		c.object(CheckClock, "our clock is %s %s that of redis, which judges the deadlines; set right the one that is wrong",
			skew.Abs().Round(time.Second), way)
	}
}

func (c *Condition) judgeMemory(info string) {
	if policy := infoField(info, "maxmemory_policy"); policy != "" && policy != "noeviction" {
		c.object(CheckEviction, "redis would evict callbacks: set maxmemory-policy to noeviction, it is %.32s", policy)
	}
	used, limit := infoNumber(info, "used_memory"), infoNumber(info, "maxmemory")
	if limit <= 0 {
		return
	}
	if c.Memory = used / limit; c.Memory >= notReadyFrom {
		c.object(CheckMemory, "redis has %.0f%% of its memory in use, and the mark is %.0f%%: give it more", 100*c.Memory, 100*notReadyFrom)
	}
}

// judgeCopies says whether the server can make the copies that are asked for.
func (s *Store) judgeCopies(info string, copies *redis.Cmd, c *Condition) {
	want := s.durability.Replicas
	if have := infoField(info, "connected_slaves"); have != "" && infoNumber(info, "connected_slaves") < float64(want) {
		c.object(CheckDurability, "redis has %s replicas, and writes wait for %d: add replicas, or ask for fewer in RELAY_REDIS_DURABILITY", have, want)
	}
	if copies == nil {
		return
	}
	if refused := redis.Error(nil); errors.As(copies.Err(), &refused) {
		c.object(CheckDurability, "redis cannot wait for append-only files, which needs Redis 7.2 or Valkey, and appendonly yes: %.120s", refused)
	}
}

// lookForWrites asks the servers whether they take writes, by deleting a key
// that there never is: a replica, a server without room on its disk and one
// that misses replicas refuse even that. It needs no memory and changes nothing.
func (s *Store) lookForWrites(ctx context.Context, c *Condition) error {
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, partitions := range s.slots() {
			p.Unlink(ctx, partitionKey(partitions[0], "probe"))
		}
		return nil
	})
	refused := redis.Error(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		c.object(CheckWritable, "redis takes no writes; look at its role, its disk and its min-replicas-to-write: %.120s", refused)
		return nil
	}
	return unavailable(err)
}

// infoField returns a field of what INFO told, or "".
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

// infoNumber returns a field as a number, or 0.
func infoNumber(info, name string) float64 {
	n, _ := strconv.ParseFloat(infoField(info, name), 64)
	return n
}
