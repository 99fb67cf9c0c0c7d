package store_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

var floodEvents = flag.Int("flood.events", 20_000, "how many small events TestFloodStaysWithinItsMemory adds")

// usedMemory returns how many bytes Redis uses.
func (r *redisUnderTest) usedMemory() float64 {
	for line := range strings.Lines(r.client.Info(r.t.Context(), "memory").Val()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			used, _ := strconv.ParseFloat(value, 64)
			return used
		}
	}
	return 0
}

// What an event takes beside what is sealed of it: its keys, its entry in the index and in
// the set of free events.
const eventOverhead = 1 << 10

// Row 108: events with keys that never repeat, and that nobody waits for, take no more
// memory in Redis than docs/promises.md says, whether they are many or large. All of it is
// given back when their time is over.
func TestFloodStaysWithinItsMemory(t *testing.T) {
	if !redistest.Available(t) {
		return
	}
	const (
		places = relay.Partitions * relay.MaxFreePerHook
		// Redis rounds what it allocates up, by a quarter at most.
		bytes = relay.Partitions * relay.MaxFreeBytes * 1.25
		small = relay.MaxFreeBytes / relay.MaxFreePerHook / 2 // so nothing adds it up
	)
	for _, c := range []struct {
		name          string
		large, events int // how many are large, and how many there are
		most          float64
	}{
		{"many", 0, *floodEvents, places * (eventOverhead + 1.25*small*4/3)},
		{"large", 1000, 1000, bytes},
		{"large, then many", 500, 500 + places/2, 2*bytes + places*eventOverhead},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := prepared(t, store.ModeStandalone, redistest.Start(t).URL)
			before := r.usedMemory()
			keep := 5 * time.Minute
			body := make([]byte, relay.MaxEventBytes)
			_, _ = rand.Read(body)
			kept := make([]int, 4)
			var done sync.WaitGroup
			for part := range kept {
				done.Go(func() {
					for i := part; i < c.events; i += len(kept) {
						e := relay.HookEvent{Sender: "stripe", ID: fmt.Sprint("evt_", i), Body: body}
						if i >= c.large {
							e.Body = body[:small]
						}
						added, err := r.AddEvent(t.Context(), r.keys.AwaitKeys("stripe", fmt.Sprint("k", i))[0], e, relay.AddOptions{Keep: keep, IfNobody: relay.KeepEvent})
						if err != nil || added.Verdict != relay.EventKept {
							t.Errorf("event %d: %+v, %v", i, added, err)
							return
						}
						kept[part] += 1 - added.Dropped
					}
				})
			}
			done.Wait()
			used := r.usedMemory() - before
			t.Logf("%d events take %.1f MiB, the bound is %.1f MiB", c.events, used/(1<<20), c.most/(1<<20))
			_, total, err := r.FreeEvents(t.Context(), "stripe", 0)
			r.must(err)
			if sum := kept[0] + kept[1] + kept[2] + kept[3]; total != sum || total > relay.Partitions*relay.MaxFreePerHook || total == c.events {
				t.Errorf("%d events are free, and %d were told to be", total, sum)
			}
			if used > c.most {
				t.Errorf("%d events take %.0f bytes, want at most %.0f", c.events, used, c.most)
			}
			r.everyKeyEnds(keep)
		})
	}
}

// everyKeyEnds checks that each key ends by itself.
func (r *redisUnderTest) everyKeyEnds(within time.Duration) {
	r.t.Helper()
	keys, err := r.client.Keys(r.t.Context(), "relay:v1:*").Result()
	r.must(err)
	for _, key := range keys {
		if ttl := r.client.PTTL(r.t.Context(), key).Val(); ttl <= 0 || ttl > within {
			r.t.Errorf("%s ends in %s, want at most %s", key, ttl, within)
			return
		}
	}
}
