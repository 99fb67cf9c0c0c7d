package outbox

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"callback-relay/relay"
)

// How the limiter searches for a quota that is not configured. These figures did
// best in simulations with one to five replicas; see docs/decisions/0016-rate-limit.md.
const (
	// sampleTime is how long results are gathered before the rate is judged.
	// Calls leave in batches, eight a second, and a sample must hold more than one
	// batch.
	sampleTime = 250 * time.Millisecond
	// afterFall is how long results are ignored after the rate fell, because they
	// belong to calls made before.
	afterFall = 200 * time.Millisecond
	// maxFall is the part of the rate that one fall leaves at least. One sample can
	// be bad luck: replicas that share a quota take it from each other in batches.
	maxFall = 0.5
	// growth is how fast the rate climbs. Each second since the last fall adds
	// this much to its growth a second: 8% after one second, 80% after ten.
	growth = 0.08
	// minRate is the rate in calls a second at which the limiter waits for a used
	// up quota, unless the share is lower. It is a hundredth of the usual quota,
	// and high enough to climb back quickly.
	minRate = 5.0
)

// limiter keeps one replica within its share of the fleet's rate, and within
// what Step Functions lets through. That may be less than the share: the
// account's quota has other users, and may be lower than the configured rate.
//
// While calls are throttled, the rate falls to the part of it that got through.
// Then it climbs, slowly at first and ever faster, until calls are throttled
// again or the share is reached. So the rate stays near a steady quota. When a
// used up quota is free again, the rate climbs from a few calls a second to
// hundreds within ten seconds.
type limiter struct {
	fleet   float64 // calls a second of all replicas; 0 is no limit
	permits *rate.Limiter
	beats   *rate.Limiter // the part of the permits that heartbeats may take

	mu      sync.Mutex
	ceiling float64   // this replica's share
	allowed float64   // the rate now in force
	bottom  float64   // the rate after the last fall
	fell    time.Time // when that was
	sample  sample

	returned int // permits that were given back and not yet taken again
}

// sample counts the results of recent calls.
type sample struct {
	from              time.Time
	passed, throttled float64
}

func newLimiter(fleet float64) *limiter {
	l := &limiter{fleet: fleet, permits: rate.NewLimiter(rate.Inf, 1), beats: rate.NewLimiter(rate.Inf, 1), allowed: math.Inf(1)}
	l.share(1)
	l.bottom = l.ceiling
	return l
}

// share sets this replica's share from the number of replicas. The rate never
// exceeds the share, and climbs to it as results come in.
func (l *limiter) share(replicas int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ceiling = math.Inf(1)
	if l.fleet > 0 {
		l.ceiling = l.fleet / float64(max(replicas, 1))
	}
	l.allow(l.allowed)
}

// wait takes n permits, and returns false if they do not become free before ctx
// ends.
func (l *limiter) wait(ctx context.Context, n int) bool {
	l.mu.Lock()
	returned := min(l.returned, n)
	l.returned -= returned
	l.mu.Unlock()
	if l.permits.WaitN(ctx, n-returned) == nil {
		return true
	}
	l.giveBack(returned)
	return false
}

// try takes a permit if one is free and nobody waits for it.
func (l *limiter) try() bool { return l.permits.Allow() }

// waitHeartbeat takes a permit for a heartbeat, and returns false if none
// becomes free before ctx ends. Heartbeats get at most half of the permits:
// anyone with a link can ask for one, and they must not keep deliveries waiting.
// A heartbeat waits for its place in that half first, and then, in the time that
// is left, in the same queue as deliveries.
func (l *limiter) waitHeartbeat(ctx context.Context) bool {
	among, cancel := context.WithTimeout(ctx, heartbeatWithin/2)
	defer cancel()
	return l.beats.Wait(among) == nil && l.wait(ctx, 1)
}

// giveBack returns n unused permits.
func (l *limiter) giveBack(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned += n
}

// batch returns how many permits are worth taking at once: half a burst, which
// leaves the other half to fresh answers.
func (l *limiter) batch() int {
	if l.permits.Limit() == rate.Inf {
		return math.MaxInt
	}
	return max(l.permits.Burst()/2, 1)
}

// learn adapts the rate to a call's result.
func (l *limiter) learn(err error) {
	if l.fleet == 0 {
		return // there is no limit
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	s := &l.sample
	if now.Before(s.from) {
		return
	}
	switch classOf(err) {
	case relay.SendThrottled:
		s.throttled++
	case relay.SendNotExecuted, relay.SendUnclear:
		return // this says nothing about the quota
	default:
		s.passed++
	}
	if s.throttled == 0 {
		calm := now.Sub(l.fell).Seconds()
		l.allow(l.bottom * math.Exp(growth*calm*calm/2))
	}
	if now.Sub(s.from) < sampleTime {
		return
	}
	next := now
	if s.throttled > 0 {
		through := s.passed / (s.passed + s.throttled)
		l.bottom = max(l.allowed*max(through, maxFall), minRate)
		l.fell, next = now, now.Add(afterFall)
		l.allow(l.bottom)
	}
	*s = sample{from: next}
}

// classOf returns the class of a call's error, or 0 if there is none.
func classOf(err error) relay.SendClass {
	if failure := asSendError(err); failure != nil {
		return failure.Class
	}
	return 0
}

// allow sets the rate, bounded by the share. The burst is the permits of a
// quarter of a second, so that answers that arrive together are not delayed.
func (l *limiter) allow(perSecond float64) {
	l.allowed = min(perSecond, l.ceiling)
	if math.IsInf(l.allowed, 1) {
		l.permits.SetLimit(rate.Inf)
		l.beats.SetLimit(rate.Inf)
		return
	}
	set := func(permits *rate.Limiter, perSecond float64) {
		permits.SetLimit(rate.Limit(perSecond))
		permits.SetBurst(int(max(perSecond/4, 1)))
	}
	set(l.permits, l.allowed)
	set(l.beats, l.allowed/2)
}
