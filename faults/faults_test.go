package faults

import (
	"fmt"
	"testing"
	"time"

	"callback-relay/store"
	"callback-relay/store/redistest"
)

// TestFaults puts fleets under load, injects every kind of fault in random order,
// and judges the result: rows 1, 12 to 14, 18,
// 29, 36, 38, 40, 43, 44, 46, 51 to 57, 60, 61, 63, 65, 67, 71 and 72.
func TestFaults(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	for name, round := range map[string]func(*testing.T, uint64) *verdict{
		"standalone": standaloneRound, "sentinel": sentinelRound, "cluster": clusterRound,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, seed := time.Now(), *seedFlag
			for {
				passed := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { round(t, seed).report(t) })
				if seed++; !passed || time.Since(began) >= *forFlag {
					return
				}
			}
		})
	}
}

// aof makes writes survive a kill -9. With a sync once a second, Redis may respond
// before it has even passed a write to the kernel.
var aof = []string{"--appendonly", "yes", "--appendfsync", "always"}

func standaloneRound(t *testing.T, seed uint64) *verdict {
	server := redistest.Start(t, aof...)
	way := newProxy(t, server.Addr)
	s := newScenario("standalone redis with AOF, three replicas", seed, newFleet(t, setup{
		redisURL: "redis://" + way.addr + "/0", replicas: 3, hooks: true,
	}))
	return s.run(*roundFlag,
		append(s.relayFaults(), s.redisFaults(server)...),
		append(s.stepsFaults(), wayFaults("redis", way)...))
}

func sentinelRound(t *testing.T, seed uint64) *verdict {
	// A primary without its replica accepts no writes, so that after a failover
	// an old primary that does not know of it yet does not continue.
	pair := redistest.StartPair(t, append([]string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"}, aof...)...)
	s := newScenario("primary and replica under a sentinel, two replicas of the relay", seed, newFleet(t, setup{
		redisURL: pair.URL, mode: store.ModeSentinel, replicas: 2, hooks: true,
		settings: []string{"RELAY_REDIS_DURABILITY=wait:1"},
	}))
	return s.run(*roundFlag, append(s.relayFaults(), s.pairFaults(pair)...), s.stepsFaults())
}

func clusterRound(t *testing.T, seed uint64) *verdict {
	cluster := redistest.StartClusterOf3(t, aof...)
	s := newScenario("cluster of three, two replicas of the relay", seed, newFleet(t, setup{
		redisURL: cluster.URL, mode: store.ModeCluster, replicas: 2, hooks: true,
	}))
	return s.run(*roundFlag, append(s.relayFaults(), s.clusterFaults(cluster)...), s.stepsFaults())
}

// partitionTag is the part of a partition's keys that decides their slot.
func partitionTag(partition int) string { return fmt.Sprintf("{%02d}", partition) }
