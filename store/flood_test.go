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

// Row 108: events that nobody wants take no more memory in Redis than docs/promises.md
// says, whether they are many or large, and whether nobody waits for their keys, which never
// repeat, or those who wait pass them over. All of it is given back when their time is over.
func TestFloodStaysWithinItsMemory(t *testing.T) {
	t.Parallel()
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
		awaited       int // how many keys somebody waits for; 0 for keys that never repeat
		most          float64
	}{
		{"many", 0, *floodEvents, 0, places * (eventOverhead + 1.25*small*4/3)},
		{"large", 1000, 1000, 0, bytes},
		{"large, then many", 500, 500 + places/2, 0, 2*bytes + places*eventOverhead},
		{"many for one who waits", 0, 2000, 1, relay.MaxFreeEvents*(eventOverhead+1.25*small*4/3) + relay.MaxSeen*eventOverhead},
		{"large for one who waits", 300, 300, 1, 5 * relay.MaxFreeBytes}, // with what its connections buffer
		{"large for many who wait", 1000, 1000, 300, bytes},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := prepared(t, store.ModeStandalone, redistest.Start(t).URL)
			before := r.usedMemory()
			keep := 5 * time.Minute
			body := make([]byte, relay.MaxEventBytes)
			_, _ = rand.Read(body)
			kept := make([]int, 4)
			topics := make([]topic, c.awaited)
			for i := range topics {
				topics[i] = r.topic("stripe", fmt.Sprint("k", i))
				_, err := r.Join(t.Context(), topics[i].AwaitRef, fewWaiters[0], time.Now().Add(keep))
				r.must(err)
			}
			var done sync.WaitGroup
			for part := range kept {
				done.Go(func() {
					for i := part; i < c.events; i += len(kept) {
						e := relay.HookEvent{Sender: "stripe", ID: fmt.Sprint("evt_", i), Body: body}
						if i >= c.large {
							e.Body = body[:small]
						}
						p := r.topic("stripe", fmt.Sprint("k", i))
						if c.awaited > 0 {
							p = topics[i%c.awaited]
						}
						dropped, err := p.unwanted(e, keep)
						if err != nil {
							t.Errorf("event %d: %v", i, err)
							return
						}
						kept[part] += 1 - dropped
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
			r.everyKeyEnds(keep + time.Hour*time.Duration(min(c.awaited, 1))) // ids of what somebody got are remembered
		})
	}
}

// unwanted adds an event that nobody waits for, or that those who wait pass over. It
// returns how many free events had to make room.
func (p topic) unwanted(e relay.HookEvent, keep time.Duration) (dropped int, err error) {
	added, err := p.AddEvent(p.t.Context(), p.AwaitKey, e, relay.AddOptions{Keep: keep, IfNobody: relay.KeepEvent})
	m := added.Matching
	for dropped = m.Dropped; err == nil && len(m.Assigned) > 0; dropped += m.Dropped {
		m, err = p.Serve(p.t.Context(), p.AwaitRef, m.Assigned[0].Event, m.Assigned[0].Waiters[0], relay.Fate{Use: relay.UsePassed})
	}
	return dropped, err
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
