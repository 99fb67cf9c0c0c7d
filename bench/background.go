package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"callback-relay/stepfunctions/standin"
)

// idle measures a relay with callbacks that wait and no requests, some time after its
// start: what it does once is not idling.
func idle(ctx context.Context, b *bed) (r result, err error) {
	if _, err := b.load.registerAll(ctx, makeTasks("waiting", b.requests, b.payload)); err != nil {
		return r, err
	}
	if err := wait(ctx, b.pause/4); err != nil {
		return r, err
	}
	watch, err := b.redis.watch(ctx)
	if err != nil {
		return r, err
	}
	defer watch.stop()
	r.cpu, err = b.meter.during(func() error {
		began := time.Now()
		r.commands, err = watch.perSecond(ctx, b.pause)
		r.took = time.Since(began)
		return err
	})
	if err != nil {
		return r, err
	}
	r.peakMemory, err = b.subject.process.peakMemory()
	return r, err
}

// backlog lets answers pile up while Step Functions is unavailable, and measures how
// they are delivered once it is back.
func backlog(ctx context.Context, b *bed) (r result, err error) {
	tasks := makeTasks("backlog", b.requests, b.payload)
	if _, err := b.load.registerAll(ctx, tasks); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	if err := setFaults(ctx, b.standIn, fmt.Sprintf(`[{"kind":%q}]`, standin.Unavailable)); err != nil {
		return r, err
	}
	b.load.takeStatuses()
	if _, err := b.load.answerAll(ctx, tasks); err != nil {
		return r, fmt.Errorf("answer: %w", err)
	}
	r.statuses = b.load.takeStatuses()
	b.told = append(b.told, tasks...)
	back := time.Now()
	r.cpu, err = b.meter.during(func() error {
		if err := setFaults(ctx, b.standIn, "[]"); err != nil {
			return err
		}
		return awaitCalls(ctx, b.standIn, len(b.told))
	})
	if err != nil {
		return r, err
	}
	return b.paced(ctx, r, tasks, back)
}

// leastLead is how long before their common deadline registrations begin, at least.
const leastLead = 5 * time.Second

// deadlines measures how callbacks end whose deadlines pass at once.
func deadlines(ctx context.Context, b *bed) (r result, err error) {
	tasks := makeTasks("deadlines", b.requests, b.payload)
	deadline := time.Now().Add(max(b.pause, leastLead)).Truncate(time.Millisecond)
	for _, t := range tasks {
		t.asks.ExpiresAt, t.output = deadline, ""
	}
	if _, err := b.load.registerAll(ctx, tasks); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	b.load.takeStatuses()
	if time.Now().After(deadline) {
		return r, errors.New("the deadline passed during the registrations: use fewer")
	}
	b.told = append(b.told, tasks...)
	r.cpu, err = b.meter.during(func() error { return awaitCalls(ctx, b.standIn, len(b.told)) })
	if err != nil {
		return r, err
	}
	return b.paced(ctx, r, tasks, deadline)
}

// paced completes a result with what the ledger says about the outcomes of tasks that
// were due from a certain time on.
func (b *bed) paced(ctx context.Context, r result, tasks []*task, from time.Time) (result, error) {
	effects, err := b.ledger(ctx)
	if err != nil {
		return r, err
	}
	ours := make(map[string]bool, len(tasks))
	for _, t := range tasks {
		ours[t.token] = true
	}
	effects = slices.DeleteFunc(effects, func(e effect) bool { return !ours[e.TaskToken] })
	for _, e := range effects {
		r.latencies = append(r.latencies, e.At.Sub(from))
	}
	slices.Sort(r.latencies)
	r.requests = len(effects)
	r.took = pace(r.latencies)
	r.peakMemory, err = b.subject.process.peakMemory()
	return r, err
}

// pace returns how long all of them would have taken at the speed of the middle four
// fifths. The first and the last wait for their turn: a retry, or a look for what is due.
func pace(sorted []time.Duration) time.Duration {
	return max((percentile(sorted, 90)-percentile(sorted, 10))*10/8, time.Microsecond)
}
