package outbox_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/outbox"
	"callback-relay/relay"
)

// backlog starts an outbox with many due deliveries and returns how many calls
// it makes in the first second, and in the nine after it.
func backlog(t *testing.T, q *queue, s *sender, rate float64) (first, rest int) {
	t.Helper()
	o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Rate = rate })
	for i := range 20_000 {
		q.put(relay.CallbackID(fmt.Sprint(i)))
	}
	stop := start(o)
	defer stop()
	pass(time.Second)
	first = s.made()
	pass(9 * time.Second)
	return first, s.made() - first
}

func TestRateIsTheFleets(t *testing.T) {
	for replicas, want := range map[int]int{1: 400, 2: 200, 4: 100} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue()
			q.replicas = replicas
			first, rest := backlog(t, q, &sender{}, 400)
			if first > want*3/2 { // the burst is a quarter of a second's worth
				t.Errorf("%d replicas: %d calls in the first second, want about %d", replicas, first, want)
			}
			if rest < 9*want*95/100 || rest > 9*want*105/100 {
				t.Errorf("%d replicas: %d calls in nine seconds, want %d", replicas, rest, 9*want)
			}
		})
	}
}

// contested is a queue in which other replicas claim half of the deliveries
// first.
type contested struct{ *queue }

func (q contested) Claim(ctx context.Context, limit int) ([]relay.Delivery, error) {
	return q.queue.Claim(ctx, (limit+1)/2)
}

// Permits taken for what other replicas then claimed are not lost.
func TestContestedBacklogUsesTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		for i := range 5_000 {
			q.put(relay.CallbackID(fmt.Sprint(i)))
		}
		o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Queue, o.Rate = contested{q}, 400 })
		stop := start(o)
		defer stop()
		pass(10 * time.Second)
		if n := s.made(); n < 10*400*95/100 || n > 10*400*105/100 {
			t.Errorf("%d calls in ten seconds, want 4000", n)
		}
	})
}

// A backlog that takes all permits must not block fresh answers, and fresh
// answers must not block the backlog.
func TestBacklogAndFreshAnswersBothGetOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		o, c := setUp(t, q, s, func(o *outbox.Options) { o.Rate = 100 })
		for i := range 5_000 {
			q.put(relay.CallbackID(fmt.Sprint("old", i)))
		}
		stop := start(o)
		defer stop()
		delivered := 0
		for i := range 1000 { // fresh answers alone would use up the rate
			id := relay.CallbackID(fmt.Sprint("fresh", i))
			go o.Deliver(t.Context(), q.lease(id))
			pass(10 * time.Millisecond)
		}
		pass(2 * time.Second)
		for i := range 1000 {
			if q.end(relay.CallbackID(fmt.Sprint("fresh", i))).State == relay.StateDelivered {
				delivered++
			}
		}
		waited := time.Duration(0)
		for _, wait := range c.waits {
			waited = max(waited, wait)
		}
		if len(c.waits) < delivered || waited < 100*time.Millisecond || waited > 2*time.Second {
			t.Errorf("the metrics were told of %d waits for a permit, the longest of %v", len(c.waits), waited)
		}
		old := s.made() - delivered
		if delivered < 200 || old < 200 {
			t.Errorf("of %d calls %d were for fresh answers and %d for the backlog", s.made(), delivered, old)
		}
	})
}

func TestThrottlingSlowsDownAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		var throttling atomic.Bool
		throttling.Store(true)
		s := &sender{do: func(int) error {
			if throttling.Load() {
				return failed(relay.SendThrottled)
			}
			return nil
		}}
		o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Rate = 400 })
		for i := range 20_000 {
			q.put(relay.CallbackID(fmt.Sprint(i)))
		}
		stop := start(o)
		defer stop()
		measure := func() int {
			before := s.made()
			pass(4 * time.Second)
			return (s.made() - before) / 4
		}
		pass(10 * time.Second)
		if n := measure(); n > 40 {
			t.Errorf("throttled for ten seconds: still %d calls a second", n)
		}
		throttling.Store(false)
		pass(30 * time.Second)
		if n := measure(); n < 380 {
			t.Errorf("half a minute after throttling ended: %d calls a second", n)
		}
	})
}

func TestNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if first, _ := backlog(t, newQueue(), &sender{}, 0); first != 20_000 {
			t.Errorf("%d calls in the first second, want all 20000", first)
		}
	})
}

// A delivery that gets no permit goes back into the queue, and does not count as
// an attempt.
func TestNoPermit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Rate, o.AnswerWait = 1, time.Minute })
		o.Deliver(t.Context(), q.lease("a"))
		go o.Deliver(t.Context(), q.lease("b")) // waits for the next permit
		synctest.Wait()
		got := o.Deliver(t.Context(), q.lease("c"))
		if got.State != relay.StateAnswered || !got.NotMade || s.made() != 1 {
			t.Errorf("settled as %+v after %d calls", got, s.made())
		}
		pass(time.Second)
	})
}

// A share of less than one call a second is respected too, and deliveries
// that wait for it are made.
func TestSlowRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		q.replicas = 10
		o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Rate = 5 })
		stop := start(o)
		defer stop()
		for i := range 1000 {
			q.put(relay.CallbackID(fmt.Sprint(i)))
		}
		pass(100 * time.Second)
		if n := s.made(); n < 45 || n > 55 {
			t.Errorf("%d calls in 100 seconds, want 50", n)
		}
	})
}
