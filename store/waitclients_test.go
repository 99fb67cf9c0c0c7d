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
		s.waitClients.Range(func(server, _ any) bool { all = append(all, server.(*redis.Client)); return true })
		return all
	}
	primary, err := s.primaryOf(ctx, dueKey(1))
	if err != nil {
		t.Fatal(err)
	}
	gone := redis.NewClient(&redis.Options{Addr: "gone.invalid:6379"})
	t.Cleanup(func() { _ = gone.Close() })
	s.waitClients.Store(gone, gone.WithTimeout(time.Second))
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
