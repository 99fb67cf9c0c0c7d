package store

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store/redistest"
)

// TestClientsOfGoneNodesAreForgotten: a node that left the cluster leaves no
// client behind, and those that serve keep theirs.
func TestClientsOfGoneNodesAreForgotten(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	ctx := t.Context()
	client, err := Open(ModeCluster, redistest.StartCluster(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	keys, err := relay.ParseKeyRing("k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	if err != nil {
		t.Fatal(err)
	}
	s := New(client, Options{Keys: keys, Lease: time.Minute, Retention: time.Hour, Durability: Durability{Replicas: 1}})
	known := func() (all []*redis.Client) {
		s.primaries.Range(func(server, _ any) bool { all = append(all, server.(*redis.Client)); return true })
		return all
	}
	primary, err := s.primaryOf(ctx, dueKey(1))
	if err != nil {
		t.Fatal(err)
	}
	gone := redis.NewClient(&redis.Options{Addr: "gone.invalid:6379"})
	t.Cleanup(func() { _ = gone.Close() })
	s.primaries.Store(gone, s.newPrimary(gone))
	if n := len(known()); n != 2 {
		t.Fatalf("%d clients, want one for each node", n)
	}
	s.Check(ctx)
	if left := known(); len(left) != 1 || left[0] == gone {
		t.Errorf("%d clients are left, want that of the node that serves", len(left))
	}
	if again, err := s.primaryOf(ctx, dueKey(1)); err != nil || again != primary {
		t.Errorf("the client of the node that serves was made anew: %v", err)
	}
}

// A batch is durable or not as a whole, whatever its calls write. Since Redis 7.2 and in
// Valkey, a WAIT would count nothing if none of them wrote on its connection.
func TestBatchThatWritesNothingIsConfirmed(t *testing.T) {
	if !redistest.AvailableValkey(t) {
		return
	}
	t.Parallel()
	primary := redistest.StartValkey(t)
	replica := redistest.StartReplica(t, primary)
	found, gone := dueKey(1), dueKey(2)
	write := func(member string) {
		if err := primary.Client().ZAdd(t.Context(), found, redis.Z{Member: member}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	for name, keys := range map[string][]string{
		"found": {found}, "the last is gone": {found, gone}, "the first is gone": {gone, found},
	} {
		s, on := onPrimary(t, ModeStandalone, primary.URL, found)
		read := func(durable string) {
			t.Helper()
			var batch []*queuedCall
			for _, key := range keys {
				batch = append(batch, &queuedCall{script: dueScript, text: true, call: call{[]string{key}, []any{1}}})
			}
			s.sendDurably(t.Context(), on, batch)
			for i, c := range batch {
				if err := c.err(); (err != nil) != (durable == "") || err != nil && !strings.Contains(err.Error(), "durability") {
					t.Errorf("%s: call %d: %v, want it durable: %q", name, i, err, durable)
				}
			}
		}
		read("yes")
		replica.Pause()
		write(name) // over another connection
		read("")
		replica.Resume()
		read("yes")
	}
}

// Row 67: a slot that has moved fails only the calls that concern it.
func TestBatchWithASlotThatMoved(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	cluster := redistest.StartClusterOf3(t)
	ours := dueKey(0)
	s, on := onPrimary(t, ModeCluster, cluster.URL, ours)
	theirs := ""
	for partition := range prefixes {
		if other, err := s.primaryOf(t.Context(), dueKey(partition)); err != nil {
			t.Fatal(err)
		} else if other != on {
			theirs = dueKey(partition)
		}
	}
	var batch []*queuedCall
	for _, key := range []string{theirs, ours, theirs, ours} {
		batch = append(batch, &queuedCall{script: touchScript, call: call{keys: []string{key}}, text: true})
	}
	s.sendDurably(t.Context(), on, batch)
	for i, c := range batch {
		err := c.err()
		if moved(err) != (c.keys[0] == theirs) || err == nil || !strings.Contains(err.Error(), "durability") {
			t.Errorf("call %d for %s: %v", i, c.keys[0], err)
		}
		if r, err := readReply(c.got); err == nil && r.verdict() != "missing" {
			t.Errorf("call %d: %v", i, r)
		}
	}
}

// onPrimary returns a store that waits for one replica, and the server of a key.
func onPrimary(t *testing.T, mode, url, key string) (*Store, *primary) {
	t.Helper()
	client, err := Open(mode, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s := New(client, Options{Lease: time.Minute, Retention: time.Hour, Durability: Durability{Replicas: 1}})
	on, err := s.primaryOf(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return s, on
}

// Durable calls that are sent again share a pipeline, one WAIT and one text too.
func TestDurableCallsAreSentAgainTogether(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	t.Parallel()
	server := redistest.Start(t)
	redistest.StartReplica(t, server)
	s, _ := onPrimary(t, ModeStandalone, server.URL, dueKey(0))
	s.marker.Store(&markerReading{at: time.Now()})
	calls := make([]call, 20)
	for i := range calls {
		calls[i] = call{[]string{dueKey(i)}, []any{1}}
	}
	if err := server.Client().Do(t.Context(), "SCRIPT", "FLUSH").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.execute(t.Context(), true, dueScript, calls); err != nil {
		t.Fatal(err)
	}
	stats := server.Client().Info(t.Context(), "commandstats").Val()
	// The second pipeline has the texts of due and of touch.
	for _, want := range []string{"cmdstat_wait:calls=2,", "cmdstat_eval:calls=2,", "cmdstat_evalsha:calls=40,"} {
		if !strings.Contains(stats, want) {
			t.Errorf("want %s of\n%s", want, stats)
		}
	}
}
