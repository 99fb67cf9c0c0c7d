package store_test

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// Row 59: with fewer copies than asked for, nothing is acknowledged. What was
// written stays, and is acknowledged once there are enough copies. This is also
// true for repeated calls on connections that have not written anything yet.
func TestFewerReplicasThanAskedFor(t *testing.T) {
	onPrimaries(t, fewerReplicasThanAskedFor)
}

// onPrimaries runs a test on a Redis and on a Valkey. They differ in which writes
// a WAIT counts. Before Redis 7.2 it counts all writes before the connection's last
// command; since then only the connection's own writes.
func onPrimaries(t *testing.T, test func(*testing.T, *redistest.Server)) {
	t.Parallel()
	if redistest.Available(t) {
		t.Run("redis", func(t *testing.T) { test(t, redistest.Start(t)) })
	}
	if redistest.AvailableValkey(t) {
		t.Run("valkey", func(t *testing.T) { test(t, redistest.StartValkey(t)) })
	}
}

func fewerReplicasThanAskedFor(t *testing.T, primary *redistest.Server) {
	t.Parallel()
	replica := redistest.StartReplica(t, primary)
	r := prepared(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1})
	answered, cancelled := r.register("answered"), r.register("cancelled")

	replica.Pause()
	for _, how := range []string{"first", "again", "again, by another replica"} {
		if strings.HasSuffix(how, "replica") {
			r = onURL(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1}) // has written nothing
		}
		link := r.link(answered, "default")
		var asked sync.WaitGroup // each is kept for as long as copies may take
		for what, ask := range map[string]func() error{
			"create": func() error { _, _, err := r.Create(t.Context(), registration("new"), maxExpiry); return err },
			"answer": func() error { _, err := r.Answer(t.Context(), link, success(`1`), nil); return err },
			"cancel": func() error { _, err := r.Cancel(t.Context(), cancelled.ID); return err },
			"mark":   func() error { return r.MarkAwaited(t.Context(), "github", time.Now().Add(time.Hour)) },
		} {
			asked.Go(func() {
				if err := ask(); !errors.Is(err, relay.ErrUnavailable) || !strings.Contains(err.Error(), "durability") {
					t.Errorf("%s: %s: %v, want that copies are missing", how, what, err)
				}
			})
		}
		asked.Wait()
		if answer, cancel := r.hash(answered)["state"], r.hash(cancelled)["state"]; answer != "answered" || cancel != "cancelled" {
			t.Errorf("%s: the callbacks are %s and %s: un-stored", how, answer, cancel)
		}
	}
	replica.Resume()
	if _, created, err := r.Create(t.Context(), registration("new"), maxExpiry); err != nil || created {
		t.Errorf("create: new %v, %v", created, err)
	}
	if got, err := r.Answer(t.Context(), r.link(answered, "default"), success(`1`), nil); err != nil || !got.Duplicate {
		t.Errorf("answer: %+v, %v", got, err)
	}
	if _, err := r.Cancel(t.Context(), cancelled.ID); err != nil {
		t.Errorf("cancel: %v", err)
	}
}

// A callback that was created with an older master key is found without a write.
// It must be just as durable.
func TestFoundUnderAnOlderKeyIsAsDurable(t *testing.T) {
	onPrimaries(t, foundUnderAnOlderKeyIsAsDurable)
}

func foundUnderAnOlderKeyIsAsDurable(t *testing.T, primary *redistest.Server) {
	t.Parallel()
	replica := redistest.StartReplica(t, primary)
	r := prepared(t, store.ModeStandalone, primary.URL)
	r.register("task")

	r = onURL(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1}) // has written nothing
	r.useKeys(newKeys(t, "k2", "k1"))
	replica.Pause()
	if _, _, err := r.Create(t.Context(), registration("task"), maxExpiry); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("while the replica is away: %v", err)
	}
	replica.Resume()
	if _, created, err := r.Create(t.Context(), registration("task"), maxExpiry); err != nil || created {
		t.Errorf("new %v, %v", created, err)
	}
}

// A write that only confirms another must leave no trace.
func TestConfirmingChangesNothing(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	primary := redistest.Start(t)
	redistest.StartReplica(t, primary)
	r := prepared(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1})
	pending := r.register("pending")
	final := r.register("final")
	r.settle(r.answer(final, `1`), relay.Settlement{State: relay.StateDelivered})
	r.confirmed("pending", pending, -1)
	r.confirmed("final", final, retention)
}

// confirmed registers a task token again, and checks that its callback does not
// change and its time to live does not grow.
func (r *redisUnderTest) confirmed(task relay.TaskToken, cb relay.Callback, kept time.Duration) {
	r.t.Helper()
	before := r.hash(cb)
	r.register(task)
	if after := r.hash(cb); !maps.Equal(before, after) {
		r.t.Errorf("%s was %v and is %v", task, before, after)
	}
	if left := r.client.PTTL(r.t.Context(), r.key(cb)).Val(); left > kept || (left < 0) != (kept < 0) {
		r.t.Errorf("%s is kept for another %s, want %s", task, left, kept)
	}
}

// A durable store also survives a server that forgets its scripts (row 65).
func TestDurableForgottenScripts(t *testing.T) {
	if !redistest.AvailableValkey(t) {
		return
	}
	t.Parallel()
	server := redistest.StartValkey(t, "--appendonly", "yes", "--appendfsync", "always")
	r := prepared(t, store.ModeStandalone, server.URL, store.Durability{AOF: true, Local: 1})
	r.client.AddHook(repeat{})
	for _, task := range []relay.TaskToken{"1", "2"} {
		r.must(r.client.ScriptFlush(t.Context()).Err())
		r.answer(r.register(task), `1`)
	}
}

// WAITAOF is obeyed, both for a file that is synced once a second, and for the file
// of a replica that does not exist.
func TestAppendOnlyFiles(t *testing.T) {
	if !redistest.AvailableValkey(t) {
		return
	}
	t.Parallel()
	server := redistest.StartValkey(t, "--appendonly", "yes", "--appendfsync", "everysec")
	for _, test := range []struct {
		name   string
		want   store.Durability
		stores bool
	}{
		{"own file", store.Durability{AOF: true, Local: 1}, true},
		{"a replica's file", store.Durability{AOF: true, Replicas: 1}, false},
		{"both", store.Durability{AOF: true, Local: 1, Replicas: 1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := prepared(t, store.ModeStandalone, server.URL, test.want)
			_, _, err := r.Create(t.Context(), registration(relay.TaskToken(test.name)), maxExpiry)
			if (err == nil) != test.stores || err != nil && !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("create: %v", err)
			}
			wantFailedChecks(t, r, map[bool][]string{true: nil, false: {store.CheckDurability}}[test.stores]...)
		})
	}
}

// Row 67: a slot moves to another node while callbacks in it are written.
func TestDurableWritesFollowASlot(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	cluster := redistest.StartClusterOf3(t)
	for _, node := range cluster.Nodes {
		joinAsReplica(t, node)
	}
	r := prepared(t, store.ModeCluster, cluster.URL, store.Durability{Replicas: 1})
	wantFailedChecks(t, r)
	cb := r.register("task")
	slot, err := r.client.ClusterKeySlot(t.Context(), r.key(cb)).Result()
	r.must(err)
	owner := cluster.Owner(t.Context(), int(slot))
	r.must(cluster.MoveSlot(t.Context(), int(slot), (owner+1)%3, func() {}))
	d := r.answer(cb, `1`)
	r.settle(d, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
}

// joinAsReplica adds a replica of a node to a cluster.
func joinAsReplica(t *testing.T, of *redistest.Server) {
	t.Helper()
	replica := redistest.Start(t, "--cluster-enabled", "yes").Client()
	host, port, _ := strings.Cut(of.Addr, ":")
	id := of.Client().Do(t.Context(), "CLUSTER", "MYID").Val()
	until(t, "the replica knows its primary", func() bool {
		_ = replica.ClusterMeet(t.Context(), host, port).Err() // asked again until it is heard
		return replica.ClusterReplicate(t.Context(), id.(string)).Err() == nil
	})
	until(t, "the replica has the data", func() bool {
		return strings.Contains(of.Client().Info(t.Context(), "replication").Val(), "state=online")
	})
}

// prepared returns a store on a server that holds the keyspace.
func prepared(t *testing.T, mode, url string, durability ...store.Durability) *redisUnderTest {
	t.Helper()
	r := onURL(t, mode, url, durability...)
	r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
	return r
}
