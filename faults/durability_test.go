package faults

import (
	"net/http"
	"testing"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// TestFewerCopies removes the replica that writes wait for: senders get 503. When
// the replica is back, the same bytes are accepted, once (row 59).
func TestFewerCopies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		durability string
		available  func(testing.TB) bool
		start      func(testing.TB, ...string) *redistest.Server
		args       []string
	}{
		{"wait:1", redistest.Available, redistest.Start, nil},
		{"waitaof:1,1", redistest.AvailableValkey, redistest.StartValkey, []string{"--appendonly", "yes"}},
	} {
		t.Run(test.durability, func(t *testing.T) {
			t.Parallel()
			if !test.available(t) {
				return
			}
			primary := test.start(t, test.args...)
			copied := redistest.StartReplica(t, primary, test.args...)
			f := newFleet(t, setup{
				redisURL: primary.URL, replicas: 2,
				settings: []string{"RELAY_REDIS_DURABILITY=" + test.durability},
			})
			callers := make([]*caller, 0, 4)
			cases := f.directed(f.replicas[0], 4, func(_ int, c *caller) { callers = append(callers, c) })
			copied.Pause()
			f.atOnce(callers, func(c *caller) {
				// The second time the answer is a duplicate.
				for i := range 2 {
					if told := f.postOnce(c, 0, i); told.status != http.StatusServiceUnavailable {
						t.Errorf("a sender got %d %s without the copy\n%s", told.status, told.word, c.history)
					}
				}
			})
			copied.Resume()
			for i, c := range callers {
				f.postUntil(c, 0, (i+1)%2, http.StatusOK)
			}
			f.judged("fewer copies than "+test.durability, cases)
		})
	}
}

// TestFailoverToStaleReplica kills a primary whose replica was cut off from it for
// a while. With wait:1 every acknowledged answer survives. Without it, acknowledged
// answers are lost; the test prints how many (row 61).
func TestFailoverToStaleReplica(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	for _, durability := range []string{"none", "wait:1"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			pair := redistest.StartPair(t)
			f := newFleet(t, setup{
				redisURL: pair.URL, mode: store.ModeSentinel, replicas: 2,
				settings: []string{"RELAY_REDIS_DURABILITY=" + durability, "RELAY_ANSWER_WAIT=0s"},
			})
			callers := make([]*caller, 0, 20)
			cases := f.directed(f.replicas[0], 20, func(_ int, c *caller) { callers = append(callers, c) })
			eventually(t, "the replica has the registrations", func() bool {
				return pair.First.Client().DBSize(t.Context()).Val() == pair.Second.Client().DBSize(t.Context()).Val()
			})
			f.steps.SetFault(standin.Fault{Kind: standin.Throttle}) // nothing is delivered meanwhile

			// The replica is paused while it loses its connection, so that it does
			// not reconnect.
			pair.Second.Pause()
			must(t, pair.First.Client().ClientKillByFilter(t.Context(), "TYPE", "replica").Err())
			f.atOnce(callers[:10], func(c *caller) { f.postOnce(c, 0, c.anyReplica()) })
			pair.First.Kill()
			pair.Second.Resume()
			pair.AwaitFailover(pair.First)
			f.steps.SetFault()
			pair.First.Restart()
			eventually(t, "the pair is complete", pair.Ready)

			for i, h := range cases {
				if h.acknowledged() {
					continue // its sender has no reason to try again
				}
				f.postUntil(callers[i], 0, i%2, http.StatusOK)
			}
			if durability != "none" {
				f.judged("failover to a stale replica, "+durability, cases)
				return
			}
			acknowledged, gone := 0, 0
			for _, h := range cases[:10] {
				if h.acknowledged() {
					acknowledged++
					if cb, err := f.client(f.replicas[0]).Get(t.Context(), h.callback.ID); err == nil && cb.State == api.StatePending {
						gone++
					}
				}
			}
			t.Logf("durability none: %d of %d answers that were acknowledged before the failover are lost", gone, acknowledged)
		})
	}
}
