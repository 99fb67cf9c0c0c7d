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

	"callback-relay/durations"
	"callback-relay/relay"
)

// The limits of memory, as shares of what Redis may use. First fewer events are kept that
// nobody waits for, and then none, so that no flood of them stops registrations.
// Registrations stop next: the rest is kept for the answers of callbacks that already
// wait. Deliveries never stop, since they free memory.
const (
	freeEventsShrink  = 0.70
	freeEventsStop    = 0.80
	registrationsStop = 0.85
	notReadyFrom      = 0.95
)

// longestSkew is how far two clocks may be apart. AWS refuses a signature whose
// time is more than five minutes off.
const longestSkew = 5 * time.Minute

// checkWithin bounds one check of Redis.
const checkWithin = 3 * time.Second

// FailedCheck is one reason why a store is not ready.
type FailedCheck struct {
	Check  string // one of the Check constants
	Reason string // what is wrong, and what would be right
}

// The checks of Redis.
const (
	CheckRedis      = "redis"      // it answers
	CheckKeyspace   = "keyspace"   // this release knows the version of its keyspace
	CheckEviction   = "eviction"   // it evicts nothing
	CheckMemory     = "memory"     // it has memory left
	CheckWritable   = "writable"   // it accepts writes
	CheckDurability = "durability" // it can make the required copies
	CheckClock      = "clock"      // its clock roughly agrees with ours
)

// Checks are all checks.
var Checks = []string{
	CheckRedis, CheckKeyspace, CheckEviction, CheckMemory, CheckWritable, CheckDurability, CheckClock,
}

// Condition is the result of all checks.
type Condition struct {
	FailedChecks []FailedCheck // none when the store is ready
	Memory       float64       // share in use of the fullest server; 0 when no server has a limit
	Skew         time.Duration // how far our clock is ahead of the one that differs most
	Migration    error         // says which migration has not run yet; nil if all have
}

// Low returns whether memory is so low that no callbacks are created.
func (c *Condition) Low() bool { return c != nil && c.Memory >= registrationsStop }

// full returns why no callback may be created, or nil.
func (c *Condition) full() error {
	if !c.Low() {
		return nil
	}
	return fmt.Errorf("%w: redis has %.0f%% of its memory in use, and registrations stop at %.0f%%",
		relay.ErrUnavailable, 100*c.Memory, 100*registrationsStop)
}

// freeEvents returns how many free events of a hook are kept in each partition, and how
// many bytes large ones may take together. Where memory runs low, fewer are.
func (c *Condition) freeEvents() (most, bytes int) {
	if c == nil || c.Memory < freeEventsShrink {
		return relay.MaxFreePerHook, relay.MaxFreeBytes
	}
	return relay.MaxFreePerHook / 16, relay.MaxFreeBytes / 2
}

// noRoomForEvents returns why no event is kept that nobody waits for, or nil.
func (c *Condition) noRoomForEvents() error {
	if c == nil || c.Memory < freeEventsStop {
		return nil
	}
	return fmt.Errorf("%w: redis has %.0f%% of its memory in use, and events that nobody waits for are kept up to %.0f%%",
		relay.ErrUnavailable, 100*c.Memory, 100*freeEventsStop)
}

func (c *Condition) fail(check, reason string, args ...any) {
	c.FailedChecks = append(c.FailedChecks, FailedCheck{check, fmt.Sprintf(reason, args...)})
}

// Ready checks Redis and returns what is wrong with it, nothing when the store is
// ready. [Store.Watch] says what follows from a failed check.
func (s *Store) Ready(ctx context.Context) []FailedCheck {
	return s.Check(ctx).FailedChecks
}

// Watch checks Redis at this interval until ctx ends, and reports each result.
// While this release does not know the keyspace, all operations are refused;
// while memory is low, registrations are, and before them events that nobody waits for. To check within each operation
// instead would cost a round trip.
func (s *Store) Watch(ctx context.Context, every time.Duration, report func(Condition)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		c := s.Check(ctx)
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

// markerGoodFor is how long the marker counts after it was read. Watch reads it
// every second. If Watch fails, operations read the marker themselves, and fail
// if they cannot. This is needed because a migration gives replicas only five
// seconds to notice a new marker, and because in a cluster the marker may be
// unavailable while callbacks are not.
const markerGoodFor = 4 * time.Second

// markerReading is the marker as it was last read.
type markerReading struct {
	at     time.Time // when the reading began
	marker string
	wrong  error // nil when this release knows the marker
}

// usable returns why nothing may be read or written now, or nil. An empty Redis,
// or one that a newer release has changed, must not be trusted.
func (s *Store) usable(ctx context.Context) error {
	if seen := s.marker.Load(); seen != nil && time.Since(seen.at) < markerGoodFor {
		return seen.wrong
	}
	return s.checkSchema(ctx)
}

// Check makes all checks once, and keeps the result for the operations to
// respect.
func (s *Store) Check(ctx context.Context) Condition {
	s.checking.Lock()
	defer s.checking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	var c Condition
	err := s.checkSchema(ctx)
	if errors.Is(err, errSchema) {
		c.fail(CheckKeyspace, "%s", plain(err))
		err = nil
	}
	if err == nil {
		c.Migration = s.missingMigration()
		err = s.checkServers(ctx, &c)
	}
	if err == nil {
		err = s.checkWritable(ctx, &c)
	}
	if err != nil {
		// The earlier result stays. The operations notice the outage themselves.
		c.fail(CheckRedis, "redis does not answer, check RELAY_REDIS_URL and whether redis runs: %s", plain(err))
		return c
	}
	kept := c
	s.last.Store(&kept)
	return c
}

// plain returns the text of an error without the prefixes that the name of the
// check already says.
func plain(err error) string {
	text := strings.TrimPrefix(err.Error(), errSchema.Error()+": ")
	return strings.TrimPrefix(text, relay.ErrUnavailable.Error()+": ")
}

// errSchema marks a keyspace that this release does not know.
var errSchema = fmt.Errorf("%w: wrong keyspace", relay.ErrUnavailable)

// checkSchema reads the marker and remembers what it says.
func (s *Store) checkSchema(ctx context.Context) error {
	asked := time.Now()
	marker, err := s.readSchema(ctx)
	if err == nil || errors.Is(err, errSchema) {
		s.marker.Store(&markerReading{asked, marker, err})
	}
	return err
}

func (s *Store) readSchema(ctx context.Context) (marker string, err error) {
	marker, err = s.redis.Get(ctx, schemaKey).Result()
	switch {
	case err == redis.Nil: //nolint:errorlint // a wrapped Nil is a failure of a Sentinel
		return "", fmt.Errorf("%w: redis is not initialised, run relay migrate up", errSchema)
	case err != nil:
		return "", unavailable(err)
	case !slices.Contains(schemaMarkers, marker):
		return marker, fmt.Errorf("%w: redis has version %.20q, this release knows %s", errSchema, marker, strings.Join(schemaMarkers, ", "))
	}
	return marker, nil
}

// missingMigration returns an error if this release can work with the keyspace,
// but the keyspace is not the latest version.
func (s *Store) missingMigration() error {
	seen := s.marker.Load()
	if seen != nil && seen.wrong == nil && seen.marker != schemaLatest {
		return fmt.Errorf("migration %s has not run: run relay migrate up; until then, callbacks that an older release ended are not counted, lists search for them, and their ids stay in Redis", schemaLatest)
	}
	return nil
}

// migrated returns whether the keyspace had its latest version when the marker
// was last read.
func (s *Store) migrated() bool {
	seen := s.marker.Load()
	return seen != nil && seen.marker == schemaLatest
}

// checkServers checks every server that holds data.
func (s *Store) checkServers(ctx context.Context, c *Condition) error {
	cluster, ok := s.redis.(*redis.ClusterClient)
	if !ok {
		return s.checkServer(ctx, s.redis, c)
	}
	var one sync.Mutex // servers are asked concurrently
	primaries := map[*redis.Client]bool{}
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
		var of Condition
		err := s.checkServer(ctx, server, &of)
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
		s.forgetPrimaries(primaries)
	}
	return err
}

// checkServer asks one server about itself in one round trip. Some services
// block INFO; then the checks that need it are skipped.
func (s *Store) checkServer(ctx context.Context, server redis.Cmdable, c *Condition) error {
	var told *redis.StringCmd
	var clock *redis.TimeCmd
	var copies *redis.Cmd
	asked := s.clock()
	// The pipeline's error is dropped: each command has its own.
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
		c.fail(CheckEviction, "redis does not say whether it would evict callbacks: allow INFO to its user")
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
		c.fail(CheckClock, "our clock is %s %s that of redis, which decides the deadlines: correct the one that is wrong",
			durations.Format(skew.Abs().Round(time.Second)), way)
	}
}

func (c *Condition) judgeMemory(info string) {
	if policy := infoField(info, "maxmemory_policy"); policy != "" && policy != "noeviction" {
		c.fail(CheckEviction, "redis would evict callbacks: set maxmemory-policy to noeviction instead of %.32s", policy)
	}
	used, limit := infoNumber(info, "used_memory"), infoNumber(info, "maxmemory")
	if limit <= 0 {
		return
	}
	if c.Memory = used / limit; c.Memory >= notReadyFrom {
		c.fail(CheckMemory, "redis has %.0f%% of its memory in use, and the limit is %.0f%%: give it more", 100*c.Memory, 100*notReadyFrom)
	}
}

// judgeCopies checks that the server can make the required copies.
func (s *Store) judgeCopies(info string, copies *redis.Cmd, c *Condition) {
	want := s.durability.Replicas
	if have := infoField(info, "connected_slaves"); have != "" && infoNumber(info, "connected_slaves") < float64(want) {
		c.fail(CheckDurability, "redis has %s replicas, and writes wait for %d: add replicas, or ask for fewer in RELAY_REDIS_DURABILITY", have, want)
	}
	if copies == nil {
		return
	}
	if refused := redis.Error(nil); errors.As(copies.Err(), &refused) {
		c.fail(CheckDurability, "redis cannot wait for append-only files, which needs Redis 7.2 or Valkey, and appendonly yes: %.120s", refused)
	}
}

// checkWritable checks that the servers accept writes, by deleting a key that
// never exists. A replica, a server whose disk is full and one that lacks
// replicas refuse even that. It needs no memory and changes nothing.
func (s *Store) checkWritable(ctx context.Context, c *Condition) error {
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
		c.fail(CheckWritable, "redis accepts no writes: check its role, its disk and its min-replicas-to-write: %.120s", refused)
		return nil
	}
	return unavailable(err)
}

// infoField returns a field of the reply to INFO, or "".
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
