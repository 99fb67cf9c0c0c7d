package outbox

import (
	"context"
	"math/rand/v2"
	"time"

	"callback-relay/relay"
)

// every calls once again and again until ctx ends: at once while it reports
// that there may be more to do, otherwise after the interval, shortened by up to
// a quarter so that replicas do not march in step.
func (o *Outbox) every(ctx context.Context, interval func() time.Duration, once func(context.Context) (more bool)) {
	guarded := func() (more bool) {
		defer o.survive("loop")
		return once(ctx)
	}
	for ctx.Err() == nil {
		if guarded() {
			continue
		}
		wait := interval()
		wait -= time.Duration(rand.Int64N(int64(wait)/4 + 1)) //nolint:gosec // spreads load, guards nothing
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func always(interval time.Duration) func() time.Duration {
	return func() time.Duration { return interval }
}

// pollEvery is how often this replica looks for work. It grows with the number
// of replicas, so that all of them together look as often as a single one, up
// to a bound: the work of a replica that died waits for as long at most, after
// its lease.
func (o *Outbox) pollEvery() time.Duration {
	return o.poll * time.Duration(min(max(o.fleet.Load(), 1), mostPolls))
}

// claim takes up due deliveries, as many as there are workers and permits for.
//
// While there is a backlog it takes permits for a whole batch beforehand: they
// come in the order in which they are asked for, so the backlog and fresh
// answers both get on. When the last look found nothing it takes none, as the
// look would waste them.
func (o *Outbox) claim(ctx context.Context) (more bool) {
	// A claimed delivery holds a lease, so none is claimed to stand in a queue.
	select {
	case o.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	<-o.slots
	batch := min(cap(o.slots)-len(o.slots), o.limit.batch())
	permitted := o.behind
	if permitted && !o.permit(ctx, batch) {
		return false
	}
	claimed, err := o.queue.Claim(ctx, batch)
	o.report(ctx, "claim", err)
	if permitted { // other replicas may have been faster
		o.limit.giveBack(batch - len(claimed))
	}
	for _, d := range claimed {
		o.slots <- struct{}{}
		o.going.Go(func() {
			defer func() { <-o.slots }()
			o.deliver(d, permitted)
		})
	}
	o.behind = len(claimed) > 0
	return o.behind
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

// announce says that this replica is alive, and takes its share of the rate and
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

// nearDeadline is how long before its deadline a callback is counted as near
// it: long enough for a person to ask whoever should have answered.
const nearDeadline = time.Hour

// count reports how many callbacks there are and how long they wait. Every
// replica counts all of them, so that each can be asked.
func (o *Outbox) count(ctx context.Context) (more bool) {
	c, err := o.queue.Census(ctx, nearDeadline)
	o.report(ctx, "census", err)
	if err != nil {
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

// trim removes what is left of callbacks that retention removed.
func (o *Outbox) trim(ctx context.Context) (more bool) {
	n, err := o.queue.Trim(ctx)
	o.report(ctx, "trim", err)
	if n > 0 {
		o.logger.Info("forgot callbacks past their retention", "callbacks", n)
	}
	return false
}

// reportEvery is how often trouble that lasts is logged.
const reportEvery = time.Minute

// report logs trouble with the queue when it begins, once a minute while it
// lasts, and its end. The loops simply go on: Redis comes back or is brought
// back, and readiness and metrics say so meanwhile.
func (o *Outbox) report(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	last, failing := o.trouble[doing]
	switch {
	case err == nil && failing:
		delete(o.trouble, doing)
		o.logger.Info("outbox recovered", "doing", doing)
	case err != nil && (!failing || time.Since(last) >= reportEvery):
		o.trouble[doing] = time.Now()
		o.logger.Warn("outbox in trouble", "doing", doing, "error", err)
	}
}
