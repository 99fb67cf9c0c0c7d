package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// stepTime is how long each command of a slow replica takes on its way to Redis.
const stepTime = 150 * time.Millisecond

// Row 106: a process is killed between any two of its steps from storing an event to
// recording that it was served, and its sender never posts the event again. Another
// replica takes the event over, and the task gets it once.
func TestEventsAreTakenOver(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t, aof...)
	f := newFleet(t, setup{redisURL: server.URL, replicas: 1, hooks: true})
	way := newProxy(t, server.Addr)
	dies := f.add("RELAY_REDIS_URL=redis://" + way.addr + "/0")
	f.untilReady(dies)
	events := func() []string {
		return server.Client().Keys(t.Context(), "relay:v1:*:events:*").Val()
	}
	l := newLoad(f, *seedFlag, 1)
	var cases []*history
	for after := range 10 {
		h := &history{kind: kindAwaits, key: fmt.Sprint("pi_", after)}
		c := l.client(h, rng(*seedFlag, uint64(after)))
		h.bodies = [][]byte{hookEvent(c.rnd, h.key, "paid"), hookEvent(c.rnd, h.key, "noise")}
		var err error
		h.taskToken, h.callback, err = f.tryRegister(f.replicas[0], func(r *api.CreateRequest) { r.Awaits = c.await() })
		must(t, err)
		h.deadline = h.callback.ExpiresAt
		cases = append(cases, h)

		before := events()
		way.setDelay(stepTime)
		posting, stop := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = f.post(posting, dies, f.hook, h.bodies[wantedEvent])
		}()
		eventually(t, "the event is stored", func() bool {
			return slices.ContainsFunc(events(), func(key string) bool { return !slices.Contains(before, key) })
		})
		hold(t.Context(), time.Duration(after)*stepTime/2)
		dies.kill()
		stop()
		<-gone
		way.clear()
		dies.start()
		f.untilReady(dies)
	}
	for _, h := range cases {
		f.untilState(f.replicas[0], h.callback.ID, api.StateDelivered)
	}
	f.judged("killed between two steps", cases)
}

// Row 61: a primary is killed whose replica was cut off from it for a while, after events
// and registrations that belong together, and before those that complete the pairs. With
// wait:1, no event is lost, and none is given twice.
func TestEventsSurviveAFailoverToAStaleReplica(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	pair := redistest.StartPair(t)
	f := newFleet(t, setup{
		redisURL: pair.URL, mode: store.ModeSentinel, replicas: 2, hooks: true,
		settings: []string{"RELAY_REDIS_DURABILITY=wait:1"},
	})
	l := newLoad(f, *seedFlag, 1)
	var callers []*caller
	var cases []*history
	for i := range 20 {
		h := &history{kind: kindEarly, key: fmt.Sprint("pi_", i)}
		c := l.client(h, rng(*seedFlag, uint64(i)))
		h.bodies = [][]byte{hookEvent(c.rnd, h.key, "paid"), hookEvent(c.rnd, h.key, "noise")}
		if i%2 == 0 {
			h.kind = kindAwaits
			c.register()
		} else {
			c.sendEvents()
		}
		callers, cases = append(callers, c), append(cases, h)
	}
	// The replica is paused while it loses its connection, so that it does not reconnect.
	pair.Second.Pause()
	must(t, pair.First.Client().ClientKillByFilter(t.Context(), "TYPE", "replica").Err())
	var completing sync.WaitGroup
	for i, c := range callers {
		completing.Go(func() {
			if i%2 == 0 {
				c.sendEvents()
			} else {
				c.register()
			}
		})
	}
	eventually(t, "all are told to come again", func() bool {
		return !slices.ContainsFunc(cases, func(h *history) bool {
			return len(h.told(didPost, http.StatusServiceUnavailable))+len(h.told(didRegister, http.StatusServiceUnavailable)) == 0
		})
	})
	pair.First.Kill()
	pair.Second.Resume()
	pair.AwaitFailover(pair.First)
	pair.First.Restart()
	eventually(t, "the pair is complete", pair.Ready)
	completing.Wait()
	for _, h := range cases {
		f.untilState(f.replicas[0], h.callback.ID, api.StateDelivered)
	}
	f.judged("hooks in a failover to a stale replica", cases)
}
