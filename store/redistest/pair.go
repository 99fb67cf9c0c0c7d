package redistest

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Pair is a primary and its replica, watched by a Sentinel under the name
// mymaster. The Sentinel takes about a second to replace a primary that is gone.
type Pair struct {
	First    *Server // the primary at first
	Second   *Server // its replica at first
	Sentinel *Server
	URL      string // the Sentinel's, for a client that follows failovers
}

// StartPair runs a pair, each server with the further arguments.
func StartPair(t testing.TB, args ...string) *Pair {
	t.Helper()
	first := Start(t, args...)
	second := StartReplica(t, first, args...)
	sentinel := watch(t, first)
	p := &Pair{First: first, Second: second, Sentinel: sentinel, URL: sentinel.URL}
	sentinel.until("the sentinel can fail over", p.Ready)
	return p
}

// Current returns the primary and the replica as the Sentinel sees them now.
func (p *Pair) Current() (primary, replica *Server) {
	p.Sentinel.t.Helper()
	c := p.sentinel()
	defer c.Close()
	addr, err := c.GetMasterAddrByName(context.Background(), "mymaster").Result()
	if err != nil || len(addr) != 2 {
		p.Sentinel.t.Fatalf("ask the sentinel for the primary: %v %v", addr, err)
	}
	if net.JoinHostPort(addr[0], addr[1]) == p.Second.Addr {
		return p.Second, p.First
	}
	return p.First, p.Second
}

// Primary returns whether the server itself says that it is a primary.
func (s *Server) Primary() bool {
	return strings.Contains(s.info("replication"), "role:master")
}

// Ready returns whether the Sentinel sees a replica that could take over.
func (p *Pair) Ready() bool {
	c := p.sentinel()
	defer c.Close()
	replicas, err := c.Replicas(context.Background(), "mymaster").Result()
	return err == nil && slices.ContainsFunc(replicas, func(r map[string]string) bool {
		return r["flags"] == "slave" && r["master-link-status"] == "ok"
	})
}

// Failover makes the replica the primary on purpose, and returns when the
// Sentinel names it.
func (p *Pair) Failover() {
	t := p.Sentinel.t
	t.Helper()
	before, _ := p.Current()
	c := p.sentinel()
	defer c.Close()
	p.Sentinel.until("the sentinel begins a failover", func() bool {
		err := c.Failover(context.Background(), "mymaster").Err()
		return err == nil || strings.HasPrefix(err.Error(), "INPROG")
	})
	p.AwaitFailover(before)
}

// AwaitFailover returns when the Sentinel names another primary which accepts
// writes.
func (p *Pair) AwaitFailover(from *Server) {
	p.Sentinel.t.Helper()
	p.Sentinel.until("the sentinel names another primary", func() bool {
		now, _ := p.Current()
		return now != from && now.Primary()
	})
}

func (p *Pair) sentinel() *redis.SentinelClient {
	return redis.NewSentinelClient(&redis.Options{Addr: p.Sentinel.Addr})
}
