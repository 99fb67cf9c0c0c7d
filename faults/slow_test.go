package faults

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"callback-relay/store/redistest"
)

// slowSenders is how many post at once in TestSlowRedis.
const slowSenders = 200

// TestSlowRedis adds a second of latency to Redis, which is too slow for a command.
// Senders get 503, memory stays within its limit, and everything works as soon as
// Redis is fast again (rows 58 and 66).
func TestSlowRedis(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	way := newProxy(t, redistest.Start(t).Addr)
	f := newFleet(t, setup{redisURL: "redis://" + way.addr + "/0", replicas: 1})
	callers := make([]*caller, 0, slowSenders)
	cases := f.directed(f.replicas[0], slowSenders, func(_ int, c *caller) { callers = append(callers, c) })

	way.setDelay(time.Second)
	told := map[int]int{}
	var mu sync.Mutex
	f.atOnce(callers, func(c *caller) {
		for range 2 {
			got := f.postOnce(c, 0, 0)
			mu.Lock()
			told[got.status]++
			mu.Unlock()
		}
	})
	if told[http.StatusServiceUnavailable] == 0 {
		t.Errorf("statuses %v, want 503 among them", told)
	}
	_, peak := f.replicas[0].memory()
	t.Logf("statuses %v (0: no answer in time), memory at most %d MiB", told, peak>>20)
	if peak == 0 || peak > memoryBound {
		t.Errorf("memory: %d bytes, at most %d are allowed", peak, memoryBound)
	}

	way.clear()
	f.atOnce(callers, func(c *caller) { c.send(0, 0) })
	f.judged("slow redis", cases)
}

// atOnce calls a function for every callback at the same time.
func (f *fleet) atOnce(callers []*caller, do func(*caller)) {
	var all sync.WaitGroup
	for _, c := range callers {
		all.Go(func() { do(c) })
	}
	all.Wait()
}
