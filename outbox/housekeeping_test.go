package outbox_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/outbox"
	"callback-relay/relay"
)

func TestRunWaitsForDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{do: func(int) error { <-time.After(3 * time.Second); return nil }})
		stop := start(o)
		q.put("claimed")
		pass(time.Second)
		o.Deliver(t.Context(), q.lease("fresh")) // gives up waiting after a second
		stop()
		if q.waiting() != 0 || !q.left { // all loops have ended
			t.Errorf("%d wait, left: %v", q.waiting(), q.left)
		}
	})
}

func TestSettlingGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{}, func(o *outbox.Options) { o.AnswerWait = time.Minute })
		q.look(func() { q.settleErr, q.failing = relay.ErrUnavailable, 1000 })
		began := time.Now()
		o.Deliver(t.Context(), q.lease("a"))
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("tried for %v", took)
		}
	})
}

func TestTroubleIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		var log bytes.Buffer
		o, _ := setUp(t, q, &sender{}, func(o *outbox.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		q.look(func() { q.broken = relay.ErrUnavailable })
		stop := start(o)
		pass(150 * time.Second)
		q.look(func() { q.broken = nil })
		pass(10 * time.Second)
		stop()
		if n := strings.Count(log.String(), "doing=claim error="); n != 3 {
			t.Errorf("logged %d times in 150 seconds, want 3:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), `msg="outbox recovered" doing=claim`); n != 1 {
			t.Errorf("recovery logged %d times", n)
		}
	})
}

func TestHousekeeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, c := setUp(t, q, &sender{})
		stop := start(o)
		q.put("later")
		q.lease("later")
		q.look(func() { q.overdue = 5 })
		pass(time.Minute)
		looks := 0
		q.look(func() {
			if q.overdue != 0 {
				t.Error("deadlines were not watched")
			}
			if q.expires < 60 || q.claims < 60 {
				t.Errorf("in a minute: %d looks at deadlines, %d at due deliveries", q.expires, q.claims)
			}
			if q.trims != 1 || q.counts < 10 {
				t.Errorf("in a minute: %d trims, %d counts", q.trims, q.counts)
			}
			// Trouble with Redis stops no loop.
			looks, q.broken = q.claims, relay.ErrUnavailable
		})
		pass(time.Minute)
		q.look(func() {
			if q.claims < looks+60 {
				t.Error("the claim loop stopped")
			}
		})
		stop()
		want := map[string]any{
			"pending": int64(5), "answered": int64(0), "delivered": int64(1), "refused": int64(0), // delivered after its lease ended
			"oldest pending": 2 * time.Hour, "oldest answered": 30 * time.Minute, "near": int64(3), "aside": int64(2),
		}
		if diff := cmp.Diff(want, c.told); diff != "" || c.expired != 5 {
			t.Errorf("%d expired, and of the census (-want +told):\n%s", c.expired, diff)
		}
	})
}

// An idle fleet looks for work as often as a single replica would, up to the
// bound of [outbox.Options.Poll], and asks Redis for little else.
func TestIdleFleet(t *testing.T) {
	for replicas, perReplica := range map[int]float64{1: 1, 3: 1. / 3, 4: 1. / 4, 40: 1. / 4} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue()
			q.replicas = replicas
			o, _ := setUp(t, q, &sender{})
			stop := start(o)
			defer stop()
			pass(time.Minute)
			q.look(func() {
				// Twice a second, and up to a third more: waits are shortened at random.
				least, most := int(110*perReplica), int(165*perReplica)+2
				for what, n := range map[string]int{"claims": q.claims, "looks at deadlines": q.expires} {
					if n < least || n > most {
						t.Errorf("one of %d replicas: %d %s in a minute, want %d to %d", replicas, n, what, least, most)
					}
				}
				if rest := q.counts + q.announced + q.trims; rest > 35 {
					t.Errorf("%d other calls in a minute", rest)
				}
			})
		})
	}
}

func TestLagIsFromAnswerToSettlement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		s := &sender{do: func(int) error { <-time.After(300 * time.Millisecond); return nil }}
		o, c := setUp(t, q, s)
		d := q.lease("a")
		d.AnsweredAt = d.LeasedAt.Add(-2 * time.Second)
		o.Deliver(t.Context(), d)
		if diff := cmp.Diff([]time.Duration{2300 * time.Millisecond}, c.lags); diff != "" {
			t.Error(diff)
		}
		// One that is tried again has not come to its end.
		s.mu.Lock()
		s.do = func(int) error { return failed(relay.SendUnclear) }
		s.mu.Unlock()
		if o.Deliver(t.Context(), q.lease("b")); len(c.lags) != 1 {
			t.Errorf("lags %v after an attempt that failed", c.lags)
		}
	})
}
