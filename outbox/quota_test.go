package outbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/outbox"
	"callback-relay/relay"
)

// quota is a Step Functions that throttles as AWS does: a call takes one token
// from a bucket that refills at a steady rate, and a throttled call takes none.
type quota struct {
	mu        sync.Mutex
	rate      float64 // a second
	burst     float64
	level     float64
	at        time.Time
	trip      time.Duration // average duration of a call
	answer    error         // to calls that are let through
	taken     int           // calls let through
	throttled int
}

func newQuota(rate, burst float64) *quota {
	return &quota{rate: rate, burst: burst, level: burst, at: time.Now(), trip: 20 * time.Millisecond}
}

// Send implements [outbox.Sender].
func (q *quota) Send(context.Context, relay.TaskToken, relay.Outcome) error {
	there := q.trip/4 + rand.N(q.trip/2)
	<-time.After(there)
	passed := q.take()
	<-time.After(there)
	if !passed {
		return failed(relay.SendThrottled)
	}
	return q.answer
}

// Heartbeat implements [outbox.Sender]. It shares the bucket with Send.
func (q *quota) Heartbeat(ctx context.Context, t relay.TaskToken) error {
	return q.Send(ctx, t, relay.Outcome{})
}

func (q *quota) take() (passed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refill()
	if passed = q.level >= 1; passed {
		q.level--
		q.taken++
	} else {
		q.throttled++
	}
	return passed
}

func (q *quota) refill() {
	now := time.Now()
	q.level = min(q.burst, q.level+now.Sub(q.at).Seconds()*q.rate)
	q.at = now
}

// become changes the rate, and empties the bucket.
func (q *quota) become(rate float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refill()
	q.level, q.rate = 0, rate
}

func (q *quota) counts() (taken, throttled int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken, q.throttled
}

// watch lets time pass. It returns the part of the quota that was used
// meanwhile, and the part of the calls that was throttled.
func (q *quota) watch(d time.Duration) (used, wasted float64) {
	takenBefore, throttledBefore := q.counts()
	pass(d)
	taken, throttled := q.counts()
	taken, throttled = taken-takenBefore, throttled-throttledBefore
	return float64(taken) / (q.rate * d.Seconds()), float64(throttled) / float64(max(taken+throttled, 1))
}

// mustBeUsed watches for a while, and fails the test if the quota is not used or
// too many calls are throttled.
func (q *quota) mustBeUsed(t *testing.T, d time.Duration) {
	t.Helper()
	used, wasted := q.watch(d)
	t.Logf("%.1f%% of the quota used, %.1f%% of the calls throttled", 100*used, 100*wasted)
	if used < 0.95 {
		t.Errorf("only %.1f%% of the quota was used", 100*used)
	}
	if wasted > 0.10 {
		t.Errorf("%.1f%% of the calls were throttled", 100*wasted)
	}
}

// fleet starts replicas with a common queue in which due deliveries wait.
func fleet(t *testing.T, replicas, due int, s outbox.Sender, rate float64) {
	t.Helper()
	q := newQueue()
	q.replicas = replicas
	for i := range due {
		q.put(relay.CallbackID(fmt.Sprint(i)))
	}
	for range replicas {
		o, _ := setUp(t, q, nil, func(o *outbox.Options) { o.Sender, o.Rate = s, rate })
		t.Cleanup(start(o))
	}
}

// Row 48: whatever rate is configured, a backlog is drained at the quota, and few
// calls are wasted.
func TestFindsTheQuota(t *testing.T) {
	for _, rate := range []float64{500, 2000, 10_000} {
		for _, replicas := range []int{1, 5} {
			t.Run(fmt.Sprintf("rate %v, %d replicas", rate, replicas), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					q := newQuota(500, 500)
					fleet(t, replicas, 12_000, q, rate)
					pass(10 * time.Second)
					_, searching := q.counts()
					t.Logf("%d calls were throttled before the quota was found", searching)
					if searching > 8_000 {
						t.Errorf("%d calls were wasted before the quota was found", searching)
					}
					q.mustBeUsed(t, 10*time.Second)
				})
			})
		}
	}
}

// Calls that were on their way when the rate fell do not make it fall again.
func TestFindsTheQuotaOfASlowStepFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(500, 500)
		q.trip = 150 * time.Millisecond
		fleet(t, 5, 25_000, q, 2000)
		pass(10 * time.Second)
		q.mustBeUsed(t, 30*time.Second)
	})
}

// A call for a closed task costs as much quota as any other. After a long
// outage, most tasks may be closed.
func TestFindsTheQuotaForClosedTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(500, 500)
		q.answer = failed(relay.SendClosed)
		fleet(t, 2, 12_000, q, 3000)
		pass(10 * time.Second)
		q.mustBeUsed(t, 10*time.Second)
	})
}

// Row 48: other users of the same quota get their part of it, and the relay uses
// the rest.
func TestSharesTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(500, 500)
		fleet(t, 2, 25_000, q, 2000)
		pass(10 * time.Second)
		asked, passed := 0, 0
		other := time.NewTicker(time.Second / 250)
		began := time.Now()
		before, _ := q.counts()
		for time.Since(began) < 20*time.Second {
			<-other.C
			if asked++; q.take() {
				passed++
			}
		}
		other.Stop()
		taken, _ := q.counts()
		t.Logf("of another's %d calls %d passed, and %d of ours", asked, passed, taken-before-passed)
		if passed < asked*85/100 {
			t.Errorf("of another's %d calls only %d passed", asked, passed)
		}
		if part := float64(taken-before) / (500 * 20); part < 0.95 {
			t.Errorf("together only %.1f%% of the quota was used", 100*part)
		}
		pass(10 * time.Second)
		q.mustBeUsed(t, 10*time.Second)
	})
}

// Rows 47 and 48: few calls are made while a quota is used up, and it is used
// again soon after it is free.
func TestQuotaThatCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(500, 500)
		fleet(t, 2, 25_000, q, 2000)
		pass(10 * time.Second)
		q.become(0)
		_, before := q.counts()
		pass(10 * time.Second)
		if _, falling := q.counts(); falling-before > 1500 {
			t.Fatalf("%d calls in the ten seconds after the quota was used up", falling-before)
		}
		pass(time.Hour)
		_, after := q.counts()
		t.Logf("%d calls in an hour", after-before)
		if n := after - before; n > 2*3600*5*12/10 {
			t.Errorf("%d calls in an hour in which none passed, want about five a second for each of two replicas", n)
		}
		q.become(500)
		pass(20 * time.Second)
		q.mustBeUsed(t, 10*time.Second)
	})
}

// Failures other than throttling say nothing about the quota, and do not slow
// down calls.
func TestOnlyThrottlingSlowsDown(t *testing.T) {
	for _, class := range []relay.SendClass{relay.SendClosed, relay.SendNever, relay.SendNotExecuted, relay.SendUnclear} {
		synctest.Test(t, func(t *testing.T) {
			s := &sender{do: func(int) error { return failed(class) }}
			if _, rest := backlog(t, newQueue(), s, 400); rest < 9*400*95/100 {
				t.Errorf("%v: %d calls in nine seconds", class, rest)
			}
		})
	}
}
