package store

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzLane: whatever arrives whenever, each call is sent once, and its caller is told once.
func FuzzLane(f *testing.F) {
	f.Add([]byte{1, 0, 2, 5, 0, 0, 9}, false)
	f.Add([]byte{3, 3, 3, 200, 0, 1}, true)
	f.Fuzz(func(t *testing.T, steps []byte, slow bool) {
		synctest.Test(t, func(t *testing.T) {
			var l lane
			share(most, &l)
			seen := map[*queuedCall]int{}
			var calls atomic.Int64
			l.send = func(_ context.Context, batch []*queuedCall) {
				if slow {
					time.Sleep(patience / 2)
				}
				l.shared.mu.Lock()
				for _, c := range batch {
					seen[c]++
				}
				l.shared.mu.Unlock()
				calls.Add(int64(len(batch)))
			}
			var all []*countdown
			asked := 0
			for _, step := range steps[:min(len(steps), maxQueued/256)] {
				if step == 0 {
					time.Sleep(patience)
					continue
				}
				done := newCountdown(int(step))
				group := make([]*queuedCall, step)
				for i := range group {
					group[i] = &queuedCall{ctx: t.Context(), done: done}
				}
				l.enqueue(group)
				all, asked = append(all, done), asked+len(group)
			}
			for i, done := range all {
				select {
				case <-done.zero:
				case <-time.After(time.Hour):
					t.Fatalf("caller %d of %d waits for ever", i, len(all))
				}
			}
			if n := int(calls.Load()); n != asked || len(seen) != asked {
				t.Errorf("%d calls were sent, %d different ones, of %d", n, len(seen), asked)
			}
		})
	})
}
