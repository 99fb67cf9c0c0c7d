package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Rows 62 and 68: nothing is written to, and nothing is believed of, a Redis that
// has lost everything or that a newer release has changed.
func testWatch(t *testing.T, r *redisUnderTest) {
	cb := r.register("task")
	link := r.link(cb, "default")
	ctx, cancel := context.WithCancel(t.Context())
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		r.Watch(ctx, 10*time.Millisecond, func(store.Condition) {})
	}()
	defer func() {
		cancel()
		<-watching
	}()
	ask := map[string]func() error{
		"create": func() error { _, _, err := r.Create(ctx, registration("another"), maxExpiry); return err },
		"answer": func() error { _, err := r.Answer(ctx, link, success(`1`), nil); return err },
		"cancel": func() error { _, err := r.Cancel(ctx, cb.ID); return err },
		"get":    func() error { _, err := r.Get(ctx, cb.ID); return err },
		"claim":  func() error { _, err := r.Claim(ctx, 5); return err },
		"expire": func() error { _, err := r.Expire(ctx, 5); return err },
	}
	for _, version := range []string{"3", "", "2>3"} {
		if version == "" {
			r.must(r.client.Del(ctx, "relay:schema").Err())
		} else {
			r.must(r.client.Set(ctx, "relay:schema", version, 0).Err())
		}
		r.until("the watch sees version "+version, func() bool { return errors.Is(ask["get"](), relay.ErrUnavailable) })
		for name, do := range ask {
			if err := do(); !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("schema %q: %s: %v, want ErrUnavailable", version, name, err)
			}
		}
		// A process that has just started has not checked Redis yet.
		fresh := store.New(r.client, store.Options{Keys: r.keys, Lease: lease, Retention: retention})
		if _, _, err := fresh.Create(ctx, relay.Prepare(r.keys, registration("fresh"), maxExpiry)); !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("schema %q: create, before the first look: %v, want ErrUnavailable", version, err)
		}
		if state := r.hash(cb)["state"]; state != "pending" {
			t.Errorf("schema %q: the callback is %s", version, state)
		}
		r.must(r.client.Set(ctx, "relay:schema", "2", 0).Err())
		r.until("the watch sees version 2", func() bool { return ask["get"]() == nil })
	}
	r.answer(cb, `1`)
}

// until waits until a condition holds.
func (r *redisUnderTest) until(what string, holds func() bool) {
	r.t.Helper()
	until(r.t, what, holds)
}

// until polls a condition until it holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Row 64: a store on a server that would evict callbacks is not ready.
func TestEvictionPolicy(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for mode, server := range map[string]*redistest.Server{
		store.ModeStandalone: redistest.Start(t),
		store.ModeCluster:    redistest.StartCluster(t),
	} {
		r := onURL(t, mode, server.URL)
		r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
		wantFailedChecks(t, r)
		r.must(r.client.ConfigSet(t.Context(), "maxmemory-policy", "volatile-lru").Err())
		wantFailedChecks(t, r, store.CheckEviction)
	}
}

// Rows 63, 72 and 108: when memory runs low, fewer events are kept that nobody waits for,
// then none, and then registrations stop. Existing callbacks are still found, answered,
// delivered and cancelled.
func TestLowMemory(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	for mode, server := range map[string]*redistest.Server{
		store.ModeStandalone: redistest.Start(t),
		store.ModeCluster:    redistest.StartCluster(t),
	} {
		r := prepared(t, mode, server.URL)
		cb, other := r.register("task"), r.register("other")
		shares := r.watch()
		// Fill the memory, since the server's own needs vary by more than one per cent
		// of a small one.
		r.must(r.client.SetRange(t.Context(), "filling", 50<<20, "x").Err())
		limitTo := func(share float64) {
			var used float64
			for line := range strings.Lines(r.client.Info(t.Context(), "memory").Val()) {
				if value, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
					used, _ = strconv.ParseFloat(value, 64)
				}
			}
			r.must(r.client.ConfigSet(t.Context(), "maxmemory", fmt.Sprintf("%.0f", used/share)).Err())
			r.until("the watch sees it", func() bool { return math.Abs(shares()-share) < 0.02 })
		}
		limitTo(0.5)
		r.register("while there is enough")
		r.topic("stripe", "early").event("evt_0")
		// A flood of events that nobody waits for must leave memory for registrations. The
		// digests of one partition share their room.
		limitTo(0.75)
		for i, sent := 0, 0; sent < 40; i++ {
			one := r.topic("github", fmt.Sprint(i))
			if one.Digest.Partition() != 7 {
				continue
			}
			if sent++; one.event("evt").Verdict != relay.EventKept {
				t.Errorf("%s: event %d is not kept while memory is short", mode, sent)
			}
		}
		if _, total, err := r.FreeEvents(t.Context(), "github", 1); err != nil || total != 16 {
			t.Errorf("%s: %d events are kept while memory is short, %v", mode, total, err)
		}
		limitTo(0.82)
		nobody, somebody := r.topic("stripe", "nobody"), r.topic("stripe", "somebody")
		keep := relay.AddOptions{Keep: time.Minute, IfNobody: relay.KeepEvent}
		refuses := func() {
			t.Helper()
			if _, err := r.AddEvent(t.Context(), nobody.AwaitKey, hookEvent("stripe", "evt_1"), keep); !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "memory") {
				t.Errorf("%s: event that nobody waits for: %v, want that memory is low", mode, err)
			}
		}
		refuses()
		r.register("while events have none")
		limitTo(0.9)
		wantFailedChecks(t, r)
		if _, _, err := r.Create(t.Context(), registration("new"), maxExpiry); !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("%s: create: %v, want that memory is low", mode, err)
		}
		if again := r.register("task"); again.ID != cb.ID {
			t.Errorf("%s: another callback for the same task token", mode)
		}
		// An event that nobody waits for is refused too; one that somebody waits for is not.
		somebody.join(relay.Waiter{ID: cb.ID, Generation: "01234567", Key: "k1"})
		refuses()
		if added := somebody.event("evt_1"); added.Verdict != relay.EventMatched {
			t.Errorf("%s: event: %+v", mode, added)
		}
		r.settle(r.answer(cb, `1`), relay.Settlement{State: relay.StateDelivered})
		if _, err := r.Cancel(t.Context(), other.ID); err != nil {
			t.Errorf("%s: cancel: %v", mode, err)
		}
		limitTo(0.97)
		wantFailedChecks(t, r, store.CheckMemory)
		limitTo(0.5)
		r.register("new")
		wantFailedChecks(t, r)
	}
}

// watch runs the store's watch until the test ends. It returns a function that
// returns the share of memory that was last seen.
func (r *redisUnderTest) watch() (share func() float64) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var seen atomic.Value
	seen.Store(0.)
	go func() {
		defer close(ended)
		r.Watch(ctx, 10*time.Millisecond, func(c store.Condition) { seen.Store(c.Memory) })
	}()
	r.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return func() float64 { return seen.Load().(float64) }
}

// A server that accepts no writes is noticed, whatever the reason.
func TestNotWritable(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	primary := redistest.Start(t)
	prepared(t, store.ModeStandalone, primary.URL)
	replica := redistest.StartReplica(t, primary)
	asks := onURL(t, store.ModeStandalone, replica.URL)
	asks.until("the replica has the keyspace", func() bool { return asks.client.Exists(t.Context(), "relay:schema").Val() == 1 })
	wantFailedChecks(t, asks, store.CheckWritable)

	r := onURL(t, store.ModeStandalone, primary.URL)
	wantFailedChecks(t, r)
	r.must(r.client.ConfigSet(t.Context(), "min-replicas-to-write", "2").Err())
	wantFailedChecks(t, r, store.CheckWritable)
}

// A durability that the server cannot give is reported before anybody waits for it.
func TestDurabilityThatCannotBe(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	server := redistest.Start(t) // no replicas, and no append-only file
	wantFailedChecks(t, prepared(t, store.ModeStandalone, server.URL, store.Durability{Replicas: 1}), store.CheckDurability)
	wantFailedChecks(t, prepared(t, store.ModeStandalone, server.URL, store.Durability{AOF: true, Local: 1}), store.CheckDurability)
}

// Row 41: a wrong clock of the relay changes no deadline, and is noticed.
func TestWrongClock(t *testing.T) {
	const far = 20 * time.Minute
	for _, wrong := range []time.Duration{far, -far} {
		r := onURL(t, store.ModeStandalone, "redis://"+miniredis.RunT(t).Addr())
		r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
		r.Store = store.New(r.client, store.Options{
			Keys: r.keys, Lease: lease, Retention: retention,
			Clock: func() time.Time { return time.Now().Add(wrong) },
		})
		wantFailedChecks(t, r, store.CheckClock)
		ctx, cancel := context.WithCancel(t.Context())
		r.Watch(ctx, time.Hour, func(c store.Condition) {
			if off := (c.Skew - wrong).Abs(); off > time.Minute {
				t.Errorf("a clock that is %s ahead is taken for %s ahead", wrong, c.Skew)
			}
			cancel()
		})
		before := time.Now()
		cb := r.register("task", func(reg *relay.Registration) { reg.Expires.In = 10 * time.Minute })
		if off := cb.ExpiresAt.Sub(before.Add(10 * time.Minute)).Abs(); off > time.Minute {
			t.Errorf("the deadline is off by %s", off)
		}
		if n, err := r.Expire(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("expired %d, %v: before its time", n, err)
		}
		r.answer(cb, `1`)
	}
}

// wantFailedChecks checks which checks of a store fail.
func wantFailedChecks(t *testing.T, r *redisUnderTest, checks ...string) {
	t.Helper()
	var found []string
	for _, o := range r.Ready(t.Context()) {
		found = append(found, o.Check)
	}
	if !slices.Equal(found, checks) {
		t.Errorf("failedChecks %v, want %v", r.Ready(t.Context()), checks)
	}
}

// Row 62: a wrong keyspace is reported even if the rest of Redis cannot be checked.
func TestWrongKeyspaceInABrokenCluster(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	cluster := redistest.StartClusterOf3(t, "--cluster-require-full-coverage", "no")
	r := prepared(t, store.ModeCluster, cluster.URL)
	r.register("task")
	slot, err := r.client.ClusterKeySlot(t.Context(), "relay:schema").Result()
	r.must(err)
	r.must(r.client.Del(t.Context(), "relay:schema").Err())
	cluster.Nodes[(cluster.Owner(t.Context(), int(slot))+1)%3].Kill()
	if found := r.Ready(t.Context()); len(found) == 0 || found[0].Check != store.CheckKeyspace {
		t.Errorf("failedChecks %v, want the keyspace among them", found)
	}
	for i := range 20 {
		_, _, err := r.Create(t.Context(), registration(relay.TaskToken(fmt.Sprint(i))), maxExpiry)
		if !errors.Is(err, relay.ErrUnavailable) {
			t.Fatalf("registered without a keyspace: %v", err)
		}
	}
}

// A server that does not tell its eviction policy is not trusted to have the
// right one.
func TestInfoForbidden(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t)
	prepared(t, store.ModeStandalone, server.URL)
	admin := server.Client()
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "mute", "on", ">pw", "~*", "+@all", "-info").Err(); err != nil {
		t.Fatal(err)
	}
	r := onURL(t, store.ModeStandalone, strings.Replace(server.URL, "redis://", "redis://mute:pw@", 1))
	wantFailedChecks(t, r, store.CheckEviction)
}

// A callback that is lost in a failover, after it was read and before its copies
// are counted, is not acknowledged.
func TestConfirmingWhatIsGone(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	primary := redistest.Start(t)
	redistest.StartReplica(t, primary)
	r := prepared(t, store.ModeStandalone, primary.URL)
	cb := r.register("task")
	r = onURL(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1})
	r.useKeys(newKeys(t, "k2", "k1")) // so that it is read first
	const fields = "stateregistrationtypeerrorbyansweredattemptsreasonlastErrorconfirmedsettledapproversrevokeddecisionsadded"
	r.client.AddHook(&onceAfter{command: "hmget" + r.key(cb) + fields, do: func() {
		r.must(primary.Client().Del(t.Context(), r.key(cb)).Err())
	}})
	if _, _, err := r.Create(t.Context(), registration("task"), maxExpiry); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}
