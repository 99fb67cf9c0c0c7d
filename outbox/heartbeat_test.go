package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/outbox"
	"callback-relay/relay"
)

// classOf is the class of a heartbeat's error, or 0.
func classOf(err error) relay.SendClass {
	if failure := (*relay.SendError)(nil); errors.As(err, &failure) {
		return failure.Class
	}
	return 0
}

// Row 78: however often a task's heartbeat is asked for, Step Functions is called
// once a second, and every caller gets the result of that call.
func TestHeartbeatsOfOneTask(t *testing.T) {
	for class, name := range map[relay.SendClass]string{
		0: "done", relay.SendClosed: "closed", relay.SendThrottled: "throttled", relay.SendUnclear: "unclear", relay.SendNeedsOperator: "needs operator",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sender{beat: func(call int) error {
					if class == 0 || call > 1 {
						return nil
					}
					return failed(class)
				}}
				o, _ := setUp(t, newQueue(), s)
				for range 100 {
					if got := classOf(o.Heartbeat(t.Context(), "task")); got != class {
						t.Fatalf("told %v, want %v", got, class)
					}
					pass(9 * time.Millisecond)
				}
				pass(100 * time.Millisecond)
				if err := o.Heartbeat(t.Context(), "task"); err != nil {
					t.Errorf("a second later: %v", err)
				}
				if calls := s.beaten(); len(calls) != 2 || calls[1].at.Sub(calls[0].at) < time.Second {
					t.Errorf("calls at %v", calls)
				}
			})
		})
	}
}

// Row 78: those who ask while a call is under way wait for its result. The call
// does not end when its first caller hangs up, but that caller stops waiting.
func TestHeartbeatsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{beat: func(int) error { time.Sleep(3 * time.Second); return failed(relay.SendClosed) }}
		o, _ := setUp(t, newQueue(), s)
		first, hangUp := context.WithCancel(t.Context())
		var told atomic.Int64
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				ctx := t.Context()
				if i == 0 {
					ctx = first
				} else {
					time.Sleep(time.Duration(i) * 200 * time.Millisecond)
				}
				if classOf(o.Heartbeat(ctx, "task")) == relay.SendClosed {
					told.Add(1)
				}
			})
		}
		pass(time.Second)
		hangUp()
		if err := o.Heartbeat(first, "task"); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has hung up got %v", err)
		}
		all.Wait()
		if len(s.beaten()) != 1 || told.Load() != 10 {
			t.Errorf("%d calls, of which %d were told", len(s.beaten()), told.Load())
		}
	})
}

// A call that panics leaves nobody waiting.
func TestPanicInAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{beat: func(int) error { time.Sleep(time.Second); panic("at the test") }}
		o, _ := setUp(t, newQueue(), s)
		go func() {
			defer func() { _ = recover() }()
			_ = o.Heartbeat(t.Context(), "task")
		}()
		synctest.Wait()
		if got := classOf(o.Heartbeat(t.Context(), "task")); got != relay.SendUnclear {
			t.Errorf("told %v", got)
		}
		// In a call that its caller does not wait for, too.
		hurried, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got := classOf(o.Heartbeat(hurried, "another")); got != relay.SendUnclear {
			t.Errorf("told %v", got)
		}
	})
}

// A caller that cannot wait gets its answer while the call goes on, and the next one its
// result.
func TestCallerOfAHeartbeatThatCannotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{beat: func(int) error { time.Sleep(5 * time.Second); return nil }}
		o, _ := setUp(t, newQueue(), s)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if err := o.Heartbeat(ctx, "task"); classOf(err) != relay.SendUnclear || time.Since(began) != 2*time.Second {
			t.Errorf("told %v after %v", err, time.Since(began))
		}
		if err := o.Heartbeat(t.Context(), "task"); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("the next one is told %v after %v", err, time.Since(began))
		}
	})
}

// beating asks for heartbeats of many tasks repeatedly, until stop is called, and
// counts the results by class.
func beating(t *testing.T, o *outbox.Outbox, tasks int) (stop func(), told map[relay.SendClass]int) {
	told = map[relay.SendClass]int{}
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range tasks {
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(tasks))
			for ctx.Err() == nil {
				class := classOf(o.Heartbeat(ctx, relay.TaskToken(fmt.Sprint(i))))
				mu.Lock()
				told[class]++
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	return func() { cancel(); all.Wait() }, told
}

// Row 78: heartbeats of many tasks stay within half of the rate, and a backlog
// gets the rest. Neither blocks the other.
func TestHeartbeatsAndDeliveriesBothGetOn(t *testing.T) {
	for name, c := range map[string]struct {
		tasks, backlog       int
		beatsFrom, beatsTo   int // in ten seconds, at 100 calls a second
		sendsFrom, callsUpTo int
	}{
		"heartbeats alone":                {300, 0, 450, 530, 0, 530},
		"heartbeats and a backlog":        {300, 5000, 300, 530, 450, 1040},
		"a few heartbeats and a backlog":  {20, 5000, 190, 230, 750, 1040},
		"a backlog that is soon done":     {300, 100, 450, 530, 100, 630},
		"heartbeats as often as they may": {50, 0, 440, 550, 0, 550},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, s := newQueue(), &sender{}
				o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Rate = 100 })
				for i := range c.backlog {
					q.put(relay.CallbackID(fmt.Sprint("old", i)))
				}
				stopRun := start(o)
				stop, told := beating(t, o, c.tasks)
				pass(10 * time.Second)
				beats, sends := len(s.beaten()), s.made()
				stop()
				stopRun()
				if beats < c.beatsFrom || beats > c.beatsTo {
					t.Errorf("%d heartbeats, want %d to %d", beats, c.beatsFrom, c.beatsTo)
				}
				if sends < c.sendsFrom || beats+sends > c.callsUpTo {
					t.Errorf("%d deliveries and %d heartbeats, want at least %d and at most %d in all", sends, beats, c.sendsFrom, c.callsUpTo)
				}
				if told[0] == 0 || c.tasks == 300 && told[relay.SendThrottled] == 0 || told[relay.SendUnclear] > c.tasks {
					t.Errorf("told %v", told)
				}
			})
		})
	}
}

// Row 78: a fresh answer is delivered while heartbeats use all of their share.
func TestFreshAnswerAmongHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(), &sender{}
		o, _ := setUp(t, q, s, func(o *outbox.Options) { o.Rate = 20 })
		stop, _ := beating(t, o, 500)
		defer stop()
		pass(5 * time.Second)
		for i := range 20 {
			if end := o.Deliver(t.Context(), q.lease(relay.CallbackID(fmt.Sprint(i)))); end.State != relay.StateDelivered {
				t.Errorf("answer %d is %s: %s", i, end.State, end.Reason)
			}
			pass(200 * time.Millisecond)
		}
	})
}

// Row 78: heartbeats that are throttled make the limiter slow down, as
// deliveries do.
func TestThrottledHeartbeatsTeachTheLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{beat: func(int) error { return failed(relay.SendThrottled) }}
		o, _ := setUp(t, newQueue(), s, func(o *outbox.Options) { o.Rate = 400 })
		stop, _ := beating(t, o, 100)
		defer stop()
		pass(10 * time.Second)
		before := len(s.beaten())
		pass(10 * time.Second)
		if calls := len(s.beaten()) - before; calls > 10*20 {
			t.Errorf("%d calls in ten seconds, while all of them are throttled", calls)
		}
	})
}

// Row 78: the results of heartbeats are bounded in number, and forgotten in time.
func TestHeartbeatsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		o, _ := setUp(t, newQueue(), s)
		const most = 16_384
		for round := range 2 {
			for i := range most {
				if err := o.Heartbeat(t.Context(), relay.TaskToken(fmt.Sprint(round, i))); err != nil {
					t.Fatalf("heartbeat %d: %v", i, err)
				}
			}
			if got := classOf(o.Heartbeat(t.Context(), "one more")); got != relay.SendThrottled {
				t.Errorf("one more is told %v", got)
			}
			pass(time.Second)
		}
	})
}

// A lack of permits is not a result of Step Functions, so it is not remembered.
func TestRefusedHeartbeatIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		o, _ := setUp(t, newQueue(), s, func(o *outbox.Options) { o.Rate = 2 })
		if err := o.Heartbeat(t.Context(), "first"); err != nil { // it takes what there is
			t.Fatal(err)
		}
		if got := classOf(o.Heartbeat(t.Context(), "second")); got != relay.SendThrottled {
			t.Errorf("told %v, while there is no permit for a second", got)
		}
		pass(600 * time.Millisecond) // now there will be one in time
		if err := o.Heartbeat(t.Context(), "second"); err != nil || len(s.beaten()) != 2 {
			t.Errorf("%d calls, and told %v", len(s.beaten()), err)
		}
	})
}
