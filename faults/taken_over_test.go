package faults

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"callback-relay/api"
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
