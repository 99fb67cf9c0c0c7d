package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/outbox"
	"callback-relay/relay"
)

// Row 56: deliveries under way are finished before Run returns.
func TestRunWaitsForDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		o, _ := setUp(t, q, &sender{do: func(int) error { <-time.After(3 * time.Second); return nil }})
		stop := start(o)
		q.put("claimed")
		pass(time.Second)
		o.Deliver(t.Context(), q.lease("fresh")) // stops waiting after a second
		stop()
		if q.waiting() != 0 || !q.left { // all loops have ended
			t.Errorf("%d wait, left: %v", q.waiting(), q.left)
		}
	})
}

// A Redis that hangs must not hold up a process that is stopping.
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

// An outage of Redis fails all loops, and is logged once, again each minute
// while it lasts, and once when it is over.
func TestAnOutageIsLoggedOnceForAllLoops(t *testing.T) {
	for name, c := range map[string]struct {
		lasts time.Duration
		lines int
	}{"short": {10 * time.Second, 1}, "long": {150 * time.Second, 3}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue()
				var log bytes.Buffer
				o, _ := setUp(t, q, &sender{}, func(o *outbox.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				q.look(func() { q.broken = fmt.Errorf("%w: connection refused", relay.ErrUnavailable) })
				stop := start(o)
				pass(c.lasts)
				q.look(func() { q.broken = nil })
				pass(time.Hour)
				stop()
				if n := strings.Count(log.String(), `msg="outbox loop failed, retrying" loop=`); n != c.lines {
					t.Errorf("logged %d times in %v, want %d:\n%s", n, c.lasts, c.lines, log.String())
				}
				if n := strings.Count(log.String(), `msg="outbox recovered" loop=`); n != 1 {
					t.Errorf("recovery logged %d times, want once:\n%s", n, log.String())
				}
			})
		})
	}
}

// A failure that is not an outage is logged for the loop that it belongs to,
// during an outage too.
func TestOtherFailuresAreLoggedByLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		var log bytes.Buffer
		o, _ := setUp(t, q, &sender{}, func(o *outbox.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		q.look(func() { q.broken, q.claimErr = relay.ErrUnavailable, errors.New("an entry was set aside") })
		stop := start(o)
		pass(10 * time.Second)
		q.look(func() { q.broken = nil })
		pass(10 * time.Second)
		if n := strings.Count(log.String(), `msg="outbox recovered"`); n != 1 {
			t.Errorf("%d recoveries when the outage is over, want one:\n%s", n, log.String())
		}
		q.look(func() { q.claimErr = nil })
		pass(10 * time.Second)
		stop()
		for line, want := range map[string]int{
			`msg="outbox loop failed`: 2, `retrying" loop=claim error="an entry was set aside"`: 1,
			`msg="outbox recovered"`: 2, `msg="outbox recovered" loop=claim`: 1,
		} {
			if n := strings.Count(log.String(), line); n != want {
				t.Errorf("%s: logged %d times, want %d:\n%s", line, n, want, log.String())
			}
		}
	})
}

// A batch in which everything fails for the same reason says so once.
func TestEqualFailuresAreCounted(t *testing.T) {
	gone := fmt.Errorf("%w: the configuration file has no hook", relay.ErrUnavailable)
	for want, err := range map[string]error{
		`error=once`:                           errors.New("once"),
		`error="twice; once; again (3 times)"`: errors.Join(errors.New("twice"), errors.Join(errors.New("once"), errors.New("again"), errors.New("again")), errors.New("again")),
		`error="temporarily unavailable: the configuration file has no hook (15 times)"`: errors.Join(slices.Repeat([]error{gone}, 15)...),
	} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue()
			var log bytes.Buffer
			o, _ := setUp(t, q, &sender{}, func(o *outbox.Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
				o.Give = func(context.Context) (bool, error) { return false, err }
			})
			stop := start(o)
			pass(time.Second)
			stop()
			if !strings.Contains(log.String(), want) {
				t.Errorf("want %s in %s", want, log.String())
			}
		})
	}
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
			// One at the start; the next one comes when the replica's phase says so.
			if q.trims < 1 || q.trims > 2 || q.counts < 10 {
				t.Errorf("in a minute: %d trims, %d counts", q.trims, q.counts)
			}
			// An outage of Redis stops no loop.
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

// mostLooks is how often one of so many replicas looks for each kind of work in a
// minute: twice a second, shared by up to four.
func mostLooks(replicas int) int { return 120/min(replicas, 4) + 2 }

// mostOthers is how often it does all else, in a minute.
const mostOthers = 35

// An idle fleet looks for work as often as a single replica would, up to the
// bound of [outbox.Options.Poll], and asks Redis for little else.
func TestIdleFleet(t *testing.T) {
	for _, replicas := range []int{1, 3, 4, 40} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue()
			q.replicas = replicas
			o, _ := setUp(t, q, &sender{})
			stop := start(o)
			defer stop()
			pass(time.Minute)
			q.look(func() {
				least, most := 110/min(replicas, 4), mostLooks(replicas)
				for what, n := range map[string]int{"claims": q.claims, "looks at deadlines": q.expires} {
					if n < least || n > most {
						t.Errorf("one of %d replicas: %d %s in a minute, want %d to %d", replicas, n, what, least, most)
					}
				}
				if rest := q.counts + q.announced + q.trims; rest > mostOthers {
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
		// A delivery that will be tried again has not ended, so it has no lag.
		s.mu.Lock()
		s.do = func(int) error { return failed(relay.SendUnclear) }
		s.mu.Unlock()
		if o.Deliver(t.Context(), q.lease("b")); len(c.lags) != 1 {
			t.Errorf("lags %v after an attempt that failed", c.lags)
		}
	})
}

// Events that other processes have left are looked for again and again: at once while
// there may be more, otherwise every few seconds. An outage does not end that.
func TestEventsAreTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		o, _ := setUp(t, newQueue(), &sender{}, func(o *outbox.Options) {
			o.Give = func(context.Context) (more bool, err error) {
				began = append(began, time.Now())
				if len(began) == 3 {
					err = relay.ErrUnavailable
				}
				return len(began) == 1, err
			}
		})
		stop := start(o)
		pass(20 * time.Second)
		stop()
		if len(began) < 9 || len(began) > 16 || began[1] != began[0] {
			t.Errorf("looked %d times: %v", len(began), began)
		}
	})
}
