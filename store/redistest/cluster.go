package redistest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// slots is the number of slots of a cluster.
const slots = 16384

// Cluster is three masters that share the slots evenly, without replicas.
type Cluster struct {
	Nodes []*Server
	URL   string // of all three
}

// StartClusterOf3 runs a cluster, each node with the further arguments. It
// takes about three seconds to come up.
func StartClusterOf3(t testing.TB, args ...string) *Cluster {
	t.Helper()
	const size = 3
	c := &Cluster{}
	for i := range size {
		node := Start(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
		}, args...)...)
		node.ask(func(r *redis.Client) error {
			return errors.Join(
				r.ClusterAddSlotsRange(t.Context(), slots*i/size, slots*(i+1)/size-1).Err(),
				// Distinct from the start; otherwise the nodes must agree on it first.
				r.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(),
			)
		})
		c.Nodes = append(c.Nodes, node)
	}
	for _, other := range c.Nodes[1:] {
		host, port := other.hostPort()
		c.Nodes[0].ask(func(r *redis.Client) error { return r.ClusterMeet(t.Context(), host, port).Err() })
	}
	c.URL = c.Nodes[0].URL + "?addr=" + c.Nodes[1].Addr + "&addr=" + c.Nodes[2].Addr
	c.AwaitUp()
	return c
}

// AwaitUp returns when every node accepts commands for every slot.
func (c *Cluster) AwaitUp() {
	for _, node := range c.Nodes {
		node.t.Helper()
		node.until("every node of the cluster is up", func() bool {
			return node.clusterUp() && strings.Contains(node.clusterInfo(), fmt.Sprintf("cluster_known_nodes:%d", len(c.Nodes)))
		})
	}
}

func (s *Server) clusterUp() bool { return strings.Contains(s.clusterInfo(), "cluster_state:ok") }

func (s *Server) clusterInfo() string {
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, DialerRetries: 1})
	defer c.Close()
	text, err := c.ClusterInfo(context.Background()).Result()
	if err != nil {
		return ""
	}
	return text
}

// Owner returns the index of the node that has a slot according to the nodes
// themselves, or -1.
func (c *Cluster) Owner(ctx context.Context, slot int) int {
	for i := range c.Nodes {
		r := c.client(i)
		shards, err := r.ClusterShards(ctx).Result()
		id, idErr := r.Do(ctx, "CLUSTER", "MYID").Text()
		r.Close()
		if err == nil && idErr == nil && holds(shards, id, int64(slot)) {
			return i
		}
	}
	return -1
}

// holds returns whether the node with the id has the slot.
func holds(shards []redis.ClusterShard, id string, slot int64) bool {
	for _, shard := range shards {
		for _, slots := range shard.Slots {
			if slots.Start <= slot && slot <= slots.End {
				return len(shard.Nodes) > 0 && shard.Nodes[0].ID == id
			}
		}
	}
	return false
}

// MoveSlot moves a slot to another node, key by key, as resharding does. It calls
// between after each key. At that time the old owner answers ASK for a moved key,
// and TRYAGAIN for several keys if only some of them have moved.
func (c *Cluster) MoveSlot(ctx context.Context, slot, to int, between func()) error {
	from := c.Owner(ctx, slot)
	if from < 0 || from == to {
		return nil
	}
	source, target := c.client(from), c.client(to)
	defer source.Close()
	defer target.Close()
	sourceID, err := source.Do(ctx, "CLUSTER", "MYID").Text()
	if err != nil {
		return err
	}
	targetID, err := target.Do(ctx, "CLUSTER", "MYID").Text()
	if err != nil {
		return err
	}
	if err := target.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID).Err(); err != nil {
		return err
	}
	if err := source.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", targetID).Err(); err != nil {
		return err
	}
	host, port := c.Nodes[to].hostPort()
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, 1).Result()
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		if err := source.Migrate(ctx, host, port, keys[0], 0, patience).Err(); err != nil {
			return err
		}
		between()
	}
	// The new owner first, so that the slot always has an owner.
	for _, node := range []int{to, from} {
		r := c.client(node)
		err := r.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", targetID).Err()
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) client(node int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: c.Nodes[node].Addr, MaxRetries: -1})
}
