package outbox

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"callback-relay/relay"
)

// How the limiter answers to throttling: it drops to a fraction at once, and
// climbs back over the seconds that follow. Throttled answers that arrive
// together are one sign, not many.
const (
	backOff     = 0.7
	backOffOnce = 250 * time.Millisecond // one drop per so long
	recovery    = 0.1                    // of the share, per second without throttling
	minRate     = 1.0                    // a second, if the share is not less
)

// limiter keeps one replica to its share of the fleet's rate, and below that
// for as long as Step Functions throttles, since the account's quota has other
// users too.
type limiter struct {
	fleet   float64 // calls a second; 0 is no limit
	permits *rate.Limiter

	mu      sync.Mutex
	ceiling float64 // this replica's share
	allowed float64 // what it allows itself now
	dropped time.Time
	climbed time.Time
}

func newLimiter(fleet float64) *limiter {
	l := &limiter{fleet: fleet, permits: rate.NewLimiter(rate.Inf, 1)}
	l.share(1)
	l.allowed = l.ceiling
	l.apply()
	return l
}

// share sets the replica's share, the fleet having so many replicas.
func (l *limiter) share(replicas int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.ceiling
	l.ceiling = math.Inf(1)
	if l.fleet > 0 {
		l.ceiling = l.fleet / float64(max(replicas, 1))
	}
	if l.allowed == old || l.allowed > l.ceiling {
		l.allowed = l.ceiling
	}
	l.apply()
}

// wait takes n permits, and tells whether they were to be had before ctx ends.
func (l *limiter) wait(ctx context.Context, n int) bool { return l.permits.WaitN(ctx, n) == nil }

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
	failure := asSendError(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	switch {
	case failure != nil && failure.Class == relay.SendThrottled:
		if now.Sub(l.dropped) >= backOffOnce {
			l.dropped, l.climbed = now, now
			l.allowed = max(l.allowed*backOff, min(minRate, l.ceiling))
			l.apply()
		}
	case failure == nil && l.allowed < l.ceiling:
		l.allowed = min(l.allowed+l.ceiling*recovery*now.Sub(l.climbed).Seconds(), l.ceiling)
		l.climbed = now
		l.apply()
	}
}

// apply puts the allowed rate into force. The burst is a quarter of a second's
// worth: enough not to delay answers that arrive together.
func (l *limiter) apply() {
	if math.IsInf(l.allowed, 1) {
		l.permits.SetLimit(rate.Inf)
		return
	}
	l.permits.SetLimit(rate.Limit(l.allowed))
	l.permits.SetBurst(int(max(l.allowed/4, 1)))
}
