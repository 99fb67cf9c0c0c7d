package redistest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/store/redistest"
)

func TestReplica(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	primary := redistest.Start(t)
	replica := redistest.StartReplica(t, primary)
	ctx := t.Context()
	must(t, primary.Client().Set(ctx, "a", "1", 0).Err())
	eventually(t, "the replica has it", func() bool { return replica.Client().Get(ctx, "a").Val() == "1" })
}

// A paused server does not answer, but can be killed.
func TestPause(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	s := redistest.Start(t, "--appendonly", "yes")
	c := s.Client()
	must(t, c.Set(t.Context(), "a", "1", 0).Err())
	s.Pause()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	answered := make(chan error, 1)
	go func() { answered <- s.Client().Get(t.Context(), "a").Err() }()
	select {
	case err := <-answered:
		t.Fatalf("a paused server answered: %v", err)
	case <-short.Done():
	}
	s.Resume()
	must(t, <-answered)

	s.Pause()
	s.Kill()
	s.Restart()
	if got := s.Client().Get(t.Context(), "a").Val(); got != "1" {
		t.Errorf("after the restart: %q", got)
	}
}

func TestValkey(t *testing.T) {
	t.Parallel()
	if !redistest.AvailableValkey(t) {
		return
	}
	primary := redistest.StartValkey(t, "--appendonly", "yes")
	redistest.StartReplica(t, primary, "--appendonly", "yes")
	conn := primary.Client().Conn()
	defer conn.Close()
	must(t, conn.Set(t.Context(), "a", "1", 0).Err())
	got, err := conn.Do(t.Context(), "WAITAOF", 1, 1, 20_000).Int64Slice()
	if err != nil || fmt.Sprint(got) != "[1 1]" {
		t.Errorf("waitaof: %v %v", got, err)
	}
}

func TestPair(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	p := redistest.StartPair(t)
	if primary, replica := p.Current(); primary != p.First || replica != p.Second {
		t.Fatal("the first is not the primary")
	}
	ctx := t.Context()
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "mymaster", SentinelAddrs: []string{p.Sentinel.Addr}})
	defer c.Close()
	must(t, c.Set(ctx, "a", "1", 0).Err())
	p.First.Kill()
	p.AwaitFailover(p.First)
	eventually(t, "the client follows", func() bool { return c.Set(ctx, "b", "2", 0).Err() == nil })
	p.First.Restart()
	eventually(t, "the old primary is a replica", func() bool { return !p.First.Primary() && p.Ready() })
	p.Failover()
	if primary, _ := p.Current(); primary != p.First {
		t.Error("the failover on purpose came to nothing")
	}
}

// While a slot moves, its owner answers ASK for some keys and TRYAGAIN for several
// together, and no key is lost.
func TestClusterOf3(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	cluster := redistest.StartClusterOf3(t, "--appendonly", "yes")
	ctx := t.Context()
	o, err := redis.ParseClusterURL(cluster.URL)
	must(t, err)
	c := redis.NewClusterClient(o)
	defer c.Close()
	owners := map[int]bool{}
	for i := range 64 {
		key := fmt.Sprintf("{%02d}:a", i)
		must(t, c.MSet(ctx, key, "1", fmt.Sprintf("{%02d}:b", i), "2").Err())
		owners[cluster.Owner(ctx, int(c.ClusterKeySlot(ctx, key).Val()))] = true
	}
	if len(owners) != 3 {
		t.Errorf("keys are on nodes %v, want all three", owners)
	}

	slot := int(c.ClusterKeySlot(ctx, "{07}:a").Val())
	from := cluster.Owner(ctx, slot)
	refusals := map[string]bool{}
	note := func(err error) {
		var refusal redis.Error
		if errors.As(err, &refusal) {
			refusals[strings.Fields(refusal.Error())[0]] = true
		}
	}
	old := cluster.Nodes[from].Client()
	must(t, cluster.MoveSlot(ctx, slot, (from+1)%3, func() {
		note(old.Get(ctx, "{07}:a").Err())
		note(old.Get(ctx, "{07}:b").Err())
		note(old.MGet(ctx, "{07}:a", "{07}:b").Err())
		must(t, c.Get(ctx, "{07}:b").Err())
	}))
	if !refusals["ASK"] || !refusals["TRYAGAIN"] {
		t.Errorf("refusals %v, want ASK and TRYAGAIN among them", refusals)
	}
	if got := cluster.Owner(ctx, slot); got != (from+1)%3 {
		t.Errorf("the slot is on node %d", got)
	}
	if got := fmt.Sprint(c.MGet(ctx, "{07}:a", "{07}:b").Val()); got != "[1 2]" {
		t.Errorf("after the move: %s", got)
	}

	cluster.Nodes[0].Kill()
	cluster.Nodes[0].Restart()
	cluster.AwaitUp()
	for i := range 64 {
		must(t, c.Get(ctx, fmt.Sprintf("{%02d}:a", i)).Err())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
