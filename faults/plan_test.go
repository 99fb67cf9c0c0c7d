package faults

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/stepfunctions/standin"
	"callback-relay/store/redistest"
)

// relayFaults are faults of relay processes. They hit one process at a time, so
// that the others serve.
func (s *scenario) relayFaults() []fault {
	one := func(rnd *rand.Rand) *replica { return s.replicas[rnd.IntN(len(s.replicas))] }
	return []fault{
		{"relay: kill -9, restart", 4, func(ctx context.Context, rnd *rand.Rand) {
			r := one(rnd)
			r.kill()
			hold(ctx, between(rnd, 0, time.Second))
			r.start()
		}},
		{"relay: SIGTERM, restart", 3, func(_ context.Context, rnd *rand.Rand) {
			r := one(rnd)
			if err := r.terminate(); err != nil {
				s.Errorf("SIGTERM: %v", err)
			}
			r.start()
		}},
		{"relay: paused past its lease", 1, func(ctx context.Context, rnd *rand.Rand) {
			r := one(rnd)
			during(ctx, lease+time.Second, r.pause, r.resume)
		}},
		{"relay: paused", 2, func(ctx context.Context, rnd *rand.Rand) {
			r := one(rnd)
			during(ctx, between(rnd, 200*time.Millisecond, 2*time.Second), r.pause, r.resume)
		}},
	}
}

// redisFaults are faults of a single redis-server with an append-only file.
func (s *scenario) redisFaults(server *redistest.Server) []fault {
	return []fault{
		{"redis: kill -9, restart", 3, func(ctx context.Context, rnd *rand.Rand) {
			server.Kill()
			hold(ctx, between(rnd, 0, time.Second))
			server.Restart()
		}},
		{"redis: paused", 2, func(ctx context.Context, rnd *rand.Rand) {
			during(ctx, between(rnd, time.Second, 3*time.Second), server.Pause, server.Resume)
		}},
		{"redis: SCRIPT FLUSH", 2, func(ctx context.Context, _ *rand.Rand) { s.forgetScripts(ctx, server) }},
		{"redis: memory full", 2, func(ctx context.Context, rnd *rand.Rand) {
			c := server.Client()
			used, err := c.InfoMap(ctx, "memory").Result()
			if err != nil {
				return // the round is over
			}
			during(ctx, between(rnd, 500*time.Millisecond, 2*time.Second),
				func() { s.tell(ctx, c.ConfigSet(ctx, "maxmemory", used["Memory"]["used_memory"]).Err()) },
				func() { must(s, c.ConfigSet(context.Background(), "maxmemory", "0").Err()) })
		}},
	}
}

func (s *scenario) forgetScripts(ctx context.Context, server *redistest.Server) {
	s.tell(ctx, server.Client().ScriptFlush(ctx).Err())
}

// tell reports an error, unless it comes from the end of the round.
func (s *scenario) tell(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.Errorf("inject a fault: %v", err)
	}
}

// pairFaults are faults of a primary and its replica with Sentinel.
func (s *scenario) pairFaults(p *redistest.Pair) []fault {
	ready := func() { eventually(s, "the pair is complete", p.Ready) }
	return []fault{
		{"redis: primary killed, failover", 3, func(_ context.Context, _ *rand.Rand) {
			defer s.failingOver()()
			primary, _ := p.Current()
			primary.Kill()
			p.AwaitFailover(primary)
			primary.Restart()
			ready()
		}},
		{"redis: SENTINEL FAILOVER", 2, func(_ context.Context, _ *rand.Rand) {
			defer s.failingOver()()
			p.Failover()
			ready()
		}},
		{"redis: replica paused", 2, func(ctx context.Context, rnd *rand.Rand) {
			_, replica := p.Current()
			during(ctx, between(rnd, 300*time.Millisecond, 2*time.Second), replica.Pause, replica.Resume)
			ready()
		}},
		{"redis: replica killed, restart", 1, func(ctx context.Context, rnd *rand.Rand) {
			_, replica := p.Current()
			replica.Kill()
			hold(ctx, between(rnd, 0, time.Second))
			replica.Restart()
			ready()
		}},
		{"redis: SCRIPT FLUSH", 1, func(ctx context.Context, _ *rand.Rand) {
			primary, _ := p.Current()
			s.forgetScripts(ctx, primary)
		}},
	}
}

// failingOver notes that a failover begins, and returns what notes its end.
func (s *scenario) failingOver() (ended func()) {
	began := time.Now()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failovers = append(s.failovers, span{began, time.Now()})
	}
}

// clusterFaults are faults of three masters without replicas.
func (s *scenario) clusterFaults(c *redistest.Cluster) []fault {
	one := func(rnd *rand.Rand) *redistest.Server { return c.Nodes[rnd.IntN(len(c.Nodes))] }
	return []fault{
		{"redis: node killed, restart", 2, func(ctx context.Context, rnd *rand.Rand) {
			node := one(rnd)
			node.Kill()
			hold(ctx, between(rnd, 0, time.Second))
			node.Restart()
			c.AwaitUp()
		}},
		{"redis: node paused", 2, func(ctx context.Context, rnd *rand.Rand) {
			node := one(rnd)
			during(ctx, between(rnd, 300*time.Millisecond, 1500*time.Millisecond), node.Pause, node.Resume)
			c.AwaitUp()
		}},
		{"redis: SCRIPT FLUSH", 1, func(ctx context.Context, rnd *rand.Rand) { s.forgetScripts(ctx, one(rnd)) }},
		{"redis: slots moved", 4, func(_ context.Context, rnd *rand.Rand) {
			// Row 67. Always finish, or the slot would stay half moved.
			ctx := context.Background()
			for range 4 {
				slot := s.slotOf(c, rnd.IntN(64))
				must(s, c.MoveSlot(ctx, slot, rnd.IntN(len(c.Nodes)), func() { hold(ctx, time.Millisecond) }))
			}
		}},
	}
}

// slotOf returns the slot that holds a partition of the keyspace.
func (s *scenario) slotOf(c *redistest.Cluster, partition int) int {
	r := redis.NewClient(&redis.Options{Addr: c.Nodes[0].Addr})
	defer r.Close()
	slot, err := r.ClusterKeySlot(context.Background(), partitionTag(partition)).Result()
	must(s, err)
	return int(slot)
}

// stepsFaults are faults of Step Functions, and of the network to it.
func (s *scenario) stepsFaults() []fault {
	faults := []fault{
		{"steps: away", 2, func(ctx context.Context, rnd *rand.Rand) {
			during(ctx, between(rnd, time.Second, 3*time.Second),
				func() { s.stepsWay.setRefuse(true); s.stepsWay.cut() }, s.stepsWay.clear)
		}},
	}
	for _, kind := range []standin.FaultKind{
		standin.Throttle, standin.Hang, standin.Drop, standin.ServerError, standin.Unavailable,
		standin.CommitThenDrop, standin.CommitThenError, standin.CommitThenTruncate,
		standin.CommitThenGarble, standin.CommitThenHang,
	} {
		faults = append(faults, fault{"steps: " + string(kind), 2, func(ctx context.Context, rnd *rand.Rand) {
			during(ctx, between(rnd, 300*time.Millisecond, 2*time.Second),
				func() { s.steps.SetFault(standin.Fault{Kind: kind}) },
				func() { s.steps.SetFault() })
		}})
	}
	return append(faults, wayFaults("steps", s.stepsWay)...)
}

// wayFaults are faults of the network to Redis or to Step Functions.
func wayFaults(name string, p *proxy) []fault {
	return []fault{
		{name + ": connections cut", 2, func(context.Context, *rand.Rand) { p.cut() }},
		{name + ": slow way", 2, func(ctx context.Context, rnd *rand.Rand) {
			slow := between(rnd, 20*time.Millisecond, 700*time.Millisecond)
			during(ctx, between(rnd, 500*time.Millisecond, 2*time.Second), func() { p.setDelay(slow) }, p.clear)
		}},
		{name + ": answers dropped", 4, func(ctx context.Context, rnd *rand.Rand) {
			answers, bytes := 1+rnd.IntN(8), rnd.IntN(12)
			during(ctx, between(rnd, 100*time.Millisecond, time.Second), func() { p.dropAnswers(answers, bytes) }, p.clear)
		}},
		{name + ": connections refused", 1, func(ctx context.Context, rnd *rand.Rand) {
			during(ctx, between(rnd, 300*time.Millisecond, 1500*time.Millisecond),
				func() { p.setRefuse(true); p.cut() }, p.clear)
		}},
	}
}
