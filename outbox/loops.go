package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"callback-relay/relay"
)

// every calls once repeatedly until ctx ends: immediately while it reports that
// there may be more to do, otherwise when the next interval begins. The intervals of
// all loops begin together, since waking up costs an idle process more than its work
// does. They begin at random, so that replicas do not run in step.
func (o *Outbox) every(ctx context.Context, interval func() time.Duration, once func(context.Context) (more bool)) {
	guarded := func() (more bool) {
		defer o.recoverPanic("loop")
		return once(ctx)
	}
	for ctx.Err() == nil {
		if guarded() {
			continue
		}
		each := interval()
		select {
		case <-ctx.Done():
		case <-time.After(each - time.Since(o.phase)%each):
		}
	}
}

func always(interval time.Duration) func() time.Duration {
	return func() time.Duration { return interval }
}

// pollEvery is how long this replica waits between two looks for work. It grows
// with the number of replicas, so that together they look as often as a single
// one would. It has a bound, because the work of a replica that died waits this
// long after its lease has ended.
func (o *Outbox) pollEvery() time.Duration {
	return o.poll * time.Duration(min(max(o.fleet.Load(), 1), maxPollFactor))
}

// mostClaimed bounds how long one claim keeps Redis busy.
const mostClaimed = 64

// claim takes up as many due deliveries as there are memory and permits for.
//
// While there is a backlog, it takes permits for a whole batch beforehand.
// Permits are given in the order of asking, so the backlog and fresh answers
// both make progress. If the last look found nothing, it takes no permits, since
// an empty look would waste them.
func (o *Outbox) claim(ctx context.Context) (more bool) {
	batch := o.claimRoom(ctx)
	if batch == 0 {
		return false
	}
	unused := int64(batch) * largestDelivery
	defer func() { o.claimed.Release(unused) }()
	permitted := o.backlog
	if permitted && !o.permit(ctx, batch) {
		return false
	}
	var beginBy time.Time
	if !permitted {
		beginBy = time.Now().Add(beginWithin) // the leases begin during the claim
	}
	claimed, err := o.queue.Claim(ctx, batch)
	o.report(ctx, "claim", err)
	if permitted { // other replicas may have claimed some of the batch first
		o.limit.giveBack(batch - len(claimed))
	}
	for _, d := range claimed {
		unused -= sizeOf(d)
		o.deliveries.Go(func() {
			defer o.claimed.Release(sizeOf(d))
			o.deliver(d, beginBy, nil)
		})
	}
	o.backlog = len(claimed) > 0
	return o.backlog
}

// claimRoom takes memory for the next claim, and returns for how many deliveries: 0
// if ctx ended. It waits before the claim, since after it the leases are running. So it
// does not know the outputs yet, and expects the largest.
func (o *Outbox) claimRoom(ctx context.Context) (batch int) {
	if o.claimed.Acquire(ctx, largestDelivery) != nil {
		return 0
	}
	most := min(mostClaimed, o.limit.batch())
	for batch = 1; batch < most && o.claimed.TryAcquire(largestDelivery); {
		batch++
	}
	return batch
}

// expireBatch is how many deadlines one step of the watch handles.
const expireBatch = 256

// expire ends callbacks whose deadline has passed.
func (o *Outbox) expire(ctx context.Context) (more bool) {
	n, err := o.queue.Expire(ctx, expireBatch)
	o.report(ctx, "expire", err)
	if n > 0 {
		o.metrics.Expired(n)
		o.logger.Info("deadlines passed", "callbacks", n)
	}
	return n > 0
}

// announce counts this replica as alive, and computes its share of the rate and
// of the looks for work.
func (o *Outbox) announce(ctx context.Context) (more bool) {
	replicas, err := o.queue.Announce(ctx, o.replica, aliveFor)
	o.report(ctx, "announce", err)
	if err == nil {
		o.limit.share(replicas)
		o.fleet.Store(int64(replicas))
	}
	return false
}

// nearDeadline is how long before its deadline a callback counts as near it:
// time enough for an operator to ask the person who should have answered.
const nearDeadline = time.Hour

// count reports how many callbacks there are and how long they have waited.
// Every replica counts all callbacks, so the metrics of any one are complete.
func (o *Outbox) count(ctx context.Context) (more bool) {
	c, err := o.queue.Census(ctx, nearDeadline)
	o.report(ctx, "census", err)
	if c.Callbacks == nil {
		return false
	}
	for state, n := range c.Callbacks {
		o.metrics.Callbacks(string(state), n)
	}
	o.metrics.OldestAge(string(relay.StatePending), c.OldestPending)
	o.metrics.OldestAge(string(relay.StateAnswered), c.OldestAnswered)
	o.metrics.NearDeadline(c.NearDeadline)
	o.metrics.SetAside(c.SetAside)
	return false
}

// trimLoop is the name of the loop that runs least often.
const trimLoop = "trim"

// trim removes index entries of callbacks whose retention has ended.
func (o *Outbox) trim(ctx context.Context) (more bool) {
	n, err := o.queue.Trim(ctx)
	o.report(ctx, trimLoop, err)
	if n > 0 {
		o.logger.Info("forgot callbacks past their retention", "callbacks", n)
	}
	return false
}

// giveDue gives the events of hooks that other processes have left.
func (o *Outbox) giveDue(ctx context.Context) (more bool) {
	more, err := o.give(ctx)
	o.report(ctx, "give", err)
	return more
}

// countHooks reports which events of hooks wait.
func (o *Outbox) countHooks(ctx context.Context) (more bool) {
	o.report(ctx, "hooks", o.hooks(ctx))
	return false
}

// reportEvery is how often a failure that lasts is logged.
const reportEvery = time.Minute

// failures are those of the loops that last. Loops that find Redis unavailable
// share one cause, so that an outage is logged once and not by each loop. Any
// other failure has its own loop as its cause.
type failures struct {
	causes map[string]string // of each failing loop
	logged map[string]logged // by cause
}

// logged is the last line about a cause.
type logged struct {
	loop string
	at   time.Time
}

// report logs a failure when it begins, once a minute while it lasts, and its
// end. The loops keep retrying; meanwhile readiness and metrics show the
// failure.
func (o *Outbox) report(ctx context.Context, loop string, err error) {
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f := &o.failures
	before, cause := f.causes[loop], ""
	delete(f.causes, loop)
	if err != nil {
		cause = causeOf(loop, err)
		f.causes[loop] = cause
	}
	if before != "" && before != cause && f.over(before) {
		o.logger.Info("outbox recovered", "loop", f.logged[before].loop)
		delete(f.logged, before)
	}
	last, lasts := f.logged[cause]
	if err != nil && (!lasts || time.Since(last.at) >= reportEvery) {
		if !lasts {
			last.loop = loop
		}
		f.logged[cause] = logged{last.loop, time.Now()}
		o.logger.Warn("outbox loop failed, retrying", "loop", last.loop, "error", counted(err))
	}
}

// counted is the text of errors that were joined, each once: with how often, if it is there
// again and again, as when a whole batch fails for one reason.
func counted(err error) string {
	times := map[string]int{}
	var each []string
	for _, line := range strings.Split(err.Error(), "\n") {
		if times[line]++; times[line] == 1 {
			each = append(each, line)
		}
	}
	for i, line := range each {
		if n := times[line]; n > 1 {
			each[i] = fmt.Sprintf("%s (%d times)", line, n)
		}
	}
	return strings.Join(each, "; ")
}

func causeOf(loop string, err error) string {
	if errors.Is(err, relay.ErrUnavailable) {
		return "unavailable"
	}
	return loop
}

// over returns whether no loop fails for a cause any more. The trim loop does not
// count, since it may only notice ten minutes later.
func (f *failures) over(cause string) bool {
	for loop, c := range f.causes {
		if c == cause && loop != trimLoop {
			return false
		}
	}
	if f.causes[trimLoop] == cause {
		delete(f.causes, trimLoop)
	}
	return true
}
