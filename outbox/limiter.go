package outbox

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"callback-relay/relay"
)

// How the limiter looks for a quota that nobody told it. The figures are those
// that did best in simulations with one to five replicas; see the decision on
// the rate limit.
const (
	// sampleTime is how long results are gathered for a verdict. Calls leave in
	// batches, eight a second, and a sample must not catch one batch alone.
	sampleTime = 250 * time.Millisecond
	// afterFall is how long results are disregarded after the rate fell: they
	// are of calls that left before.
	afterFall = 200 * time.Millisecond
	// deepest is the least that one fall leaves of the rate. One sample can be
	// bad luck: replicas that share a quota take it from each other in batches.
	deepest = 0.5
	// climbing is by which part of itself the rate grows in a second, for each
	// second that has passed since it fell: 8% a second after one second, 80%
	// after ten.
	climbing = 0.08
	// minRate, in calls a second, is where a quota that is used up is waited
	// for, if the share is not less: a hundredth of the usual quota, and not so
	// low that climbing back takes long.
	minRate = 5.0
)

// limiter keeps one replica to its share of the fleet's rate, and below that to
// what Step Functions lets through: the account's quota has other users too, or
// may be less than the rate that was set.
//
// While calls are throttled the rate falls to the part of it that got through.
// Then it climbs, slowly at first and ever faster, until calls are throttled
// again or the share is reached. So it stays near a quota that holds, and is
// back from a few calls a second to hundreds within ten seconds when a quota
// that was used up is free again.
type limiter struct {
	fleet   float64 // calls a second; 0 is no limit
	permits *rate.Limiter
	beats   *rate.Limiter // what heartbeats may take of them

	mu      sync.Mutex
	ceiling float64 // this replica's share
	allowed float64 // what it allows itself now
	bottom  float64 // what it fell to last
	fell    time.Time
	sample  sample

	returned int // permits that were given back, and not taken again
}

// sample is what came of the calls that were answered lately.
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

// share sets the replica's share, the fleet having so many replicas. The rate
// does not exceed it, and climbs to it with the results to come.
func (l *limiter) share(replicas int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ceiling = math.Inf(1)
	if l.fleet > 0 {
		l.ceiling = l.fleet / float64(max(replicas, 1))
	}
	l.allow(l.allowed)
}

// wait takes n permits, and tells whether they were to be had before ctx ends.
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

// waitHeartbeat takes a permit for a heartbeat, and tells whether one was to be
// had before ctx ends. Heartbeats have half of the permits at most: they are
// asked for by whoever has a link, and must not keep deliveries waiting. Within
// that half they stand in the same queue as deliveries do, for which half of
// the time is left.
func (l *limiter) waitHeartbeat(ctx context.Context) bool {
	among, cancel := context.WithTimeout(ctx, permitWait/2)
	defer cancel()
	return l.beats.Wait(among) == nil && l.wait(ctx, 1)
}

// giveBack returns n permits that were taken and not used.
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

// learn takes note of a call's result.
func (l *limiter) learn(err error) {
	if l.fleet == 0 {
		return // told not to limit
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
		return // nobody knows whether the quota would have let it through
	default:
		s.passed++
	}
	if s.throttled == 0 {
		calm := now.Sub(l.fell).Seconds()
		l.allow(l.bottom * math.Exp(climbing*calm*calm/2))
	}
	if now.Sub(s.from) < sampleTime {
		return
	}
	next := now
	if s.throttled > 0 {
		through := s.passed / (s.passed + s.throttled)
		l.bottom = max(l.allowed*max(through, deepest), minRate)
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

// allow puts a rate into force, as far as the share permits. The burst is a
// quarter of a second's worth: enough not to delay answers that arrive together.
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
