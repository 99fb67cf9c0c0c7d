package outbox_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/outbox"
	"callback-relay/relay"
)

func TestDeliverSettles(t *testing.T) {
	retried := func(o relay.Settlement) bool { return o.State == relay.StateAnswered && o.Reason == "Code" }
	for name, c := range map[string]struct {
		err     error
		unclear int
		want    func(relay.Settlement) bool
	}{
		"taken":                {nil, 0, func(o relay.Settlement) bool { return o.State == relay.StateDelivered && o.Confirmed }},
		"closed at first":      {failed(relay.SendClosed), 0, func(o relay.Settlement) bool { return o.State == relay.StateRefused && o.Reason == "Code" }},
		"closed after unclear": {failed(relay.SendClosed), 1, func(o relay.Settlement) bool { return o.State == relay.StateDelivered && !o.Confirmed }},
		"never":                {failed(relay.SendNever), 0, func(o relay.Settlement) bool { return o.State == relay.StateRefused && o.Reason == "Code" }},
		"unclear":              {failed(relay.SendUnclear), 0, func(o relay.Settlement) bool { return retried(o) && !o.NoEffect }},
		"throttled":            {failed(relay.SendThrottled), 0, func(o relay.Settlement) bool { return retried(o) && o.NoEffect }},
		"not executed":         {failed(relay.SendNotExecuted), 0, func(o relay.Settlement) bool { return retried(o) && o.NoEffect }},
		"needs operator":       {failed(relay.SendNeedsOperator), 0, func(o relay.Settlement) bool { return retried(o) && o.NoEffect && o.RetryIn >= 30*time.Second }},
		"anything else":        {errors.New("?"), 0, func(o relay.Settlement) bool { return o.State == relay.StateAnswered && !o.NoEffect }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue()
				o, _ := setUp(t, q, &sender{do: func(int) error { return c.err }})
				d := q.lease("a")
				d.EarlierUnclear = c.unclear
				got := o.Deliver(t.Context(), d)
				if !c.want(got) || q.end("a") != got {
					t.Errorf("settled as %+v, told %+v", q.end("a"), got)
				}
				if got.RetryIn > time.Minute {
					t.Errorf("tries again in %v", got.RetryIn)
				}
			})
		})
	}
}

// A webhook's sender waits at most one second; the delivery continues.
func TestDeliverDoesNotHoldTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{do: func(int) error { <-time.After(3 * time.Second); return nil }})
		began := time.Now()
		if got := o.Deliver(t.Context(), q.lease("a")); got.State != relay.StateAnswered {
			t.Errorf("told %+v", got)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("held for %v", took)
		}
		pass(5 * time.Second)
		if got := q.end("a"); got.State != relay.StateDelivered {
			t.Errorf("settled as %+v", got)
		}
	})
}

func TestRunTakesUpWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		o, c := setUp(t, q, s)
		q.lease("dead") // by a process that died
		stop := start(o)
		for i := range 300 {
			q.put(relay.CallbackID(fmt.Sprint(i)))
		}
		pass(2 * time.Second)
		if q.waiting() != 1 || s.made() != 300 {
			t.Errorf("%d wait after %d calls", q.waiting(), s.made())
		}
		pass(lease)
		if q.end("dead").State != relay.StateDelivered {
			t.Error("what a dead process had leased was not taken up")
		}
		stop()
		if c.attempts["done"] != 301 {
			t.Errorf("counted %v", c.attempts)
		}
	})
}

func TestRunRetriesOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		s := &sender{do: func(n int) error {
			if n < 8 {
				return failed(relay.SendUnclear)
			}
			return nil
		}}
		o, _ := setUp(t, q, s)
		stop := start(o)
		defer stop()
		q.put("a")
		pass(5 * time.Minute)
		if q.end("a").State != relay.StateDelivered || s.made() != 8 {
			t.Errorf("settled as %+v after %d calls", q.end("a"), s.made())
		}
	})
}

func TestRunBoundsItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLargeQueue()
		s := &sender{do: func(int) error { <-time.After(time.Second); return nil }}
		o, _ := setUp(t, q, s, room(3))
		stop := start(o)
		defer stop()
		for i := range 9 {
			q.put(relay.CallbackID(fmt.Sprint(i)))
		}
		pass(time.Second)
		q.look(func() {
			if s.made() > 6 || q.biggest > 3 {
				t.Errorf("%d calls in a second, claims of %d, with room for 3 calls of a second each", s.made(), q.biggest)
			}
		})
		pass(10 * time.Second)
		if q.waiting() != 0 {
			t.Errorf("%d wait", q.waiting())
		}
	})
}

// Row 57: a result that comes after the lease was lost changes nothing.
func TestLostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{})
		late := q.lease("a")
		q.put("a")
		q.lease("a")
		late.Lease = "lost"
		if got := o.Deliver(t.Context(), late); got.State != relay.StateAnswered {
			t.Errorf("told %+v", got)
		}
		if q.waiting() != 1 {
			t.Error("a lost lease settled the delivery")
		}
	})
}

func TestSettlingSurvivesARedisThatBlinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{}, func(o *outbox.Options) { o.AnswerWait = time.Minute })
		q.look(func() { q.settleErr, q.failing = relay.ErrUnavailable, 3 })
		if got := o.Deliver(t.Context(), q.lease("a")); got.State != relay.StateDelivered {
			t.Errorf("after three failures: %+v", got)
		}
		q.look(func() { q.failing = 100 })
		// The store says answered, so the caller must not hear delivered.
		if got := o.Deliver(t.Context(), q.lease("b")); got.State != relay.StateAnswered {
			t.Errorf("with Redis unavailable: %+v", got)
		}
	})
}

// Row 69: without the master key nothing is sent, and nothing is given up.
func TestUnreadableDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		o, c := setUp(t, q, s)
		d := q.lease("a")
		d.Unreadable = relay.ErrSealed
		got := o.Deliver(t.Context(), d)
		if got.State != relay.StateAnswered || !got.NotMade || got.RetryIn < 30*time.Second || s.made() != 0 {
			t.Errorf("settled as %+v after %d calls", got, s.made())
		}
		if diff := cmp.Diff(map[string]int{"needs-operator": 1}, c.attempts); diff != "" {
			t.Error(diff)
		}
	})
}

// Row 73: a panic in a delivery leaves that one unclear, and harms no other.
func TestPanicInADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{do: func(n int) error {
			if n == 1 {
				panic("secret")
			}
			return nil
		}})
		if got := o.Deliver(t.Context(), q.lease("a")); got.State != relay.StateAnswered || got.NoEffect {
			t.Errorf("settled as %+v", got)
		}
		if got := o.Deliver(t.Context(), q.lease("b")); got.State != relay.StateDelivered {
			t.Errorf("the next one: %+v", got)
		}
	})
}

func TestGivesUpWhenNoTaskCanWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{do: func(int) error { return failed(relay.SendNeedsOperator) }})
		d := q.lease("a")
		d.CreatedAt = d.LeasedAt.Add(-relay.GiveUpAfter)
		if got := o.Deliver(t.Context(), d); got.State != relay.StateAnswered {
			t.Errorf("at the last moment: %+v", got)
		}
		q.put("b")
		d = q.lease("b")
		d.CreatedAt = d.LeasedAt.Add(-relay.GiveUpAfter - time.Second)
		if got := o.Deliver(t.Context(), d); got.State != relay.StateRefused || got.Reason != relay.ReasonGivenUp {
			t.Errorf("after it: %+v", got)
		}
	})
}

// An answer whose request outlives Run goes back into the queue: nobody would
// wait for its delivery.
func TestDeliverAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		o, _ := setUp(t, q, s)
		start(o)()
		if end := o.Deliver(t.Context(), q.lease("late")); end.State != relay.StateAnswered || s.made() != 0 {
			t.Errorf("%+v after %d calls", end, s.made())
		}
		if q.look(func() {}); q.end("late").State != relay.StateAnswered {
			t.Errorf("not put back: %+v", q.end("late"))
		}
	})
}

// Run waits for every delivery that begins, however close to the end. Otherwise
// the race detector would now and then report a misused WaitGroup.
func TestDeliverAtTheEnd(t *testing.T) {
	for round := range 200 {
		q := newQueue()
		var under atomic.Int64
		s := &sender{do: func(int) error {
			under.Add(1)
			defer under.Add(-1)
			runtime.Gosched()
			return nil
		}}
		o, _ := setUp(t, q, s)
		var senders sync.WaitGroup
		stop := start(o)
		for i := range 8 {
			d := q.lease(relay.CallbackID(fmt.Sprint(i)))
			senders.Go(func() { o.Deliver(t.Context(), d) })
		}
		stop()
		if n := under.Load(); n != 0 {
			t.Fatalf("round %d: %d deliveries still run after Run has returned", round, n)
		}
		senders.Wait()
	}
}
