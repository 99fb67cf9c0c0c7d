package outbox_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/outbox"
	"callback-relay/relay"
)

// newLargeQueue returns a queue whose deliveries have the largest output.
func newLargeQueue() *queue {
	q := newQueue()
	q.output = relay.Payload(`"` + strings.Repeat("x", relay.MaxOutputBytes-2) + `"`)
	return q
}

// room gives room for this many of the largest deliveries to Deliver, and for as
// many to Run.
func room(deliveries int64) func(*outbox.Options) {
	return func(o *outbox.Options) { o.Memory = 2 * deliveries * outbox.LargestDelivery }
}

// taking accepts each call after a time.
func taking(d time.Duration) *sender {
	return &sender{do: func(int) error { <-time.After(d); return nil }}
}

// Row 114: at 50 ms a call, 256 senders that never pause get more than 2,000 answers a second
// delivered, and none put back.
func TestManySendersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, each = 256, 20 // for a second
		q := newQueue()
		o, _ := setUp(t, q, taking(50*time.Millisecond))
		began := time.Now()
		var delivered atomic.Int64
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				for j := range each {
					if o.Deliver(t.Context(), q.lease(relay.CallbackID(fmt.Sprint(i, j)))).State == relay.StateDelivered {
						delivered.Add(1)
					}
				}
			})
		}
		all.Wait()
		perSecond := float64(delivered.Load()) / time.Since(began).Seconds()
		if n := delivered.Load(); n != clients*each || q.putBack != 0 || perSecond < 2000 {
			t.Errorf("%d of %d delivered, %d put back, %.0f a second", n, clients*each, q.putBack, perSecond)
		}
	})
}

// Row 114: a fresh answer waits for room, as part of AnswerWait. What Deliver keeps in memory is
// bounded all the same, however slow Step Functions is.
func TestDeliverWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLargeQueue()
		s := taking(300 * time.Millisecond)
		o, _ := setUp(t, q, s, room(1))
		began := time.Now()
		type told struct {
			state relay.State
			after time.Duration
		}
		got := map[told]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				end := o.Deliver(t.Context(), q.lease(relay.CallbackID(fmt.Sprint(i))))
				mu.Lock()
				defer mu.Unlock()
				got[told{end.State, time.Since(began)}]++
			})
		}
		all.Wait()
		// The fourth began before AnswerWait had passed; the fifth found no room in time.
		want := map[told]int{
			{relay.StateDelivered, 300 * time.Millisecond}: 1,
			{relay.StateDelivered, 600 * time.Millisecond}: 1,
			{relay.StateDelivered, 900 * time.Millisecond}: 1,
			{relay.StateAnswered, time.Second}:             2,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || q.putBack != 1 || s.made() != 4 {
			t.Errorf("told %v, want %v; %d put back, %d calls", got, want, q.putBack, s.made())
		}
		pass(time.Second)
		if n := len(q.due); n != 1 {
			t.Errorf("%d not delivered, want that which was put back", n)
		}
	})
}

// Row 114: however long a sender would wait, a delivery begins or is put back long before its
// lease ends: the waits for room and for the rate limit share one second.
func TestDeliverBeginsWellWithinItsLease(t *testing.T) {
	patient := func(o *outbox.Options) { o.AnswerWait = 30 * time.Second }
	for name, test := range map[string]struct {
		call, want time.Duration
		rate       float64
	}{
		"no room":                  {5 * time.Second, time.Second, 0},
		"room, and no permit":      {500 * time.Millisecond, 500 * time.Millisecond, 0.8},
		"neither for a whole hour": {time.Hour, time.Second, 0.001},
		"no permit":                {time.Millisecond, time.Millisecond, 0.8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newLargeQueue()
				s := taking(test.call)
				o, _ := setUp(t, q, s, room(1), patient, func(o *outbox.Options) { o.Rate = test.rate })
				go o.Deliver(t.Context(), q.lease("first"))
				synctest.Wait()
				began := time.Now()
				got := o.Deliver(t.Context(), q.lease("second"))
				if took := time.Since(began); got.State != relay.StateAnswered || took != test.want || q.putBack != 1 || s.made() != 1 {
					t.Errorf("told %+v after %v, %d put back, %d calls; want it put back after %v", got, took, q.putBack, s.made(), test.want)
				}
				pass(time.Hour)
			})
		})
	}
}

// A sender that has hung up gets no room that others wait for, and its answer goes back
// into the queue at once.
func TestDeliverOfASenderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLargeQueue()
		o, _ := setUp(t, q, taking(500*time.Millisecond), room(1))
		go o.Deliver(t.Context(), q.lease("a"))
		synctest.Wait()
		ctx, hangUp := context.WithCancel(t.Context())
		go func() { <-time.After(100 * time.Millisecond); hangUp() }()
		began := time.Now()
		got := o.Deliver(ctx, q.lease("b"))
		if took := time.Since(began); got.State != relay.StateAnswered || took != 100*time.Millisecond || !q.end("b").NotMade {
			t.Errorf("told %+v after %v; put back as %+v", got, took, q.end("b"))
		}
		pass(time.Second)
		if got := o.Deliver(t.Context(), q.lease("c")); got.State != relay.StateDelivered {
			t.Errorf("with room again: %+v", got)
		}
	})
}

// Row 114: neither fresh answers nor the backlog nor heartbeats wait for memory that others take.
func TestNobodyIsStarved(t *testing.T) {
	stuck := func(t *testing.T, q *queue) (*outbox.Outbox, *sender) {
		s := &sender{do: func(n int) error {
			if n == 1 {
				<-time.After(time.Minute)
			}
			return nil
		}}
		o, _ := setUp(t, q, s, room(1))
		return o, s
	}
	t.Run("by fresh answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := newLargeQueue()
			o, _ := stuck(t, q)
			go o.Deliver(t.Context(), q.lease("stuck"))
			synctest.Wait()
			defer start(o)()
			q.put("backlog")
			pass(time.Second)
			if got := q.end("backlog").State; got != relay.StateDelivered {
				t.Errorf("the backlog is %q", got)
			}
			if err := o.Heartbeat(t.Context(), "alive"); err != nil {
				t.Errorf("a heartbeat: %v", err)
			}
		})
	})
	t.Run("by the backlog", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := newLargeQueue()
			o, s := stuck(t, q)
			defer start(o)()
			q.put("stuck")
			pass(time.Second)
			if s.made() != 1 {
				t.Fatalf("%d calls", s.made())
			}
			if got := o.Deliver(t.Context(), q.lease("fresh")); got.State != relay.StateDelivered {
				t.Errorf("a fresh answer: %+v", got)
			}
			if err := o.Heartbeat(t.Context(), "alive"); err != nil {
				t.Errorf("a heartbeat: %v", err)
			}
		})
	})
}

// Run waits for answers that wait for room, so that none stays leased to a process that
// has ended.
func TestRunWaitsForThoseThatWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLargeQueue()
		o, _ := setUp(t, q, taking(700*time.Millisecond), room(1))
		stop := start(o)
		for _, id := range []relay.CallbackID{"first", "second", "third"} {
			go o.Deliver(t.Context(), q.lease(id))
			synctest.Wait()
		}
		stop()
		if first, second, third := q.end("first"), q.end("second"), q.end("third"); first.State != relay.StateDelivered ||
			second.State != relay.StateDelivered || !third.NotMade {
			t.Errorf("when Run returned: %+v, %+v, %+v", first, second, third)
		}
	})
}

// panicking is a queue whose first claims panic.
type panicking struct {
	*queue
	left atomic.Int64
}

func (q *panicking) Claim(ctx context.Context, limit int) ([]relay.Delivery, error) {
	if q.left.Add(-1) >= 0 {
		panic("in a claim")
	}
	return q.queue.Claim(ctx, limit)
}

// A claim that panics keeps no memory, or claiming would end for good.
func TestPanicInAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &panicking{queue: newLargeQueue()}
		q.left.Store(5)
		o, _ := setUp(t, q.queue, &sender{}, room(2), func(o *outbox.Options) { o.Queue = q })
		stop := start(o)
		q.put("one")
		pass(time.Minute)
		stop()
		if q.settled["one"].State != relay.StateDelivered {
			t.Errorf("after five panics, the delivery is %q", q.settled["one"].State)
		}
	})
}

// The cause of a failure counts as an output does.
func TestCausesTakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, taking(300*time.Millisecond), room(1))
		var all sync.WaitGroup
		began := time.Now()
		for i := range 2 {
			all.Go(func() {
				d := q.lease(relay.CallbackID(fmt.Sprint(i)))
				d.Outcome = relay.Outcome{Type: relay.OutcomeFailure, Cause: strings.Repeat("\u20ac", 32_768*4/3)}
				o.Deliver(t.Context(), d)
			})
		}
		all.Wait()
		if took := time.Since(began); took != 600*time.Millisecond {
			t.Errorf("two failures with a long cause took %s, where there is room for one", took)
		}
	})
}
