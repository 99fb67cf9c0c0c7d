package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// measurement is what one side of a scenario does in one round.
type measurement func(context.Context, *bed) (result, error)

// result is what a measurement found.
type result struct {
	requests  int
	took      time.Duration
	latencies []time.Duration // sorted
	cpu       clocks
	statuses  map[string]int // responses

	peakMemory    int64   // of the server under test, bytes
	pendingBytes  float64 // of Redis, for each pending callback
	finishedBytes float64 // of Redis, for each delivered callback that is remembered
	commands      float64 // that Redis got: for each request, or in a second if idle
}

// clocks are processor times.
type clocks struct {
	subject, redis, standIn, generator time.Duration
}

func (c clocks) all() time.Duration { return c.subject + c.redis + c.standIn + c.generator }

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

// each returns microseconds per request.
func (r result) each(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(r.requests)
}

// share returns which part of the responses had the status.
func (r result) share(status string) float64 {
	return float64(r.statuses[status]) / float64(r.requests)
}

// meter reads the clocks of the processes.
type meter struct {
	subject, standIn *process
	redis            []*process // with its replica
}

func (m meter) read() (c clocks, err error) {
	var errs [4]error
	c.subject, errs[0] = m.subject.cpu()
	c.standIn, errs[1] = m.standIn.cpu()
	c.generator, errs[2] = cpuOf("self")
	for _, p := range m.redis {
		used, err := p.cpu()
		c.redis, errs[3] = c.redis+used, errors.Join(errs[3], err)
	}
	return c, errors.Join(errs[:]...)
}

// during returns the processor time that is used during a function.
func (m meter) during(do func() error) (used clocks, err error) {
	before, err := m.read()
	if err != nil {
		return used, err
	}
	if err := do(); err != nil {
		return used, err
	}
	after, err := m.read()
	return clocks{
		after.subject - before.subject, after.redis - before.redis,
		after.standIn - before.standIn, after.generator - before.generator,
	}, err
}

// load is a way of sending a request for each of some tasks.
type load func(context.Context, []*task) ([]time.Duration, error)

// measure sends a request for each task, the first few unmeasured. Every measured
// request must get one of these statuses.
//
// The time ends with the last response, but the processor time only when Step
// Functions has every outcome: work that is put off counts too.
func (b *bed) measure(ctx context.Context, send load, tasks []*task, statuses ...string) (r result, err error) {
	warm, tasks := tasks[:b.warmUp], tasks[b.warmUp:]
	if _, err := send(ctx, warm); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	if err := awaitCalls(ctx, b.standIn, len(b.told)); err != nil {
		return r, err
	}
	b.load.takeStatuses()
	r.requests = len(tasks)
	r.cpu, err = b.meter.during(func() error {
		began := time.Now()
		if r.latencies, err = send(ctx, tasks); err != nil {
			return err
		}
		r.took = time.Since(began)
		return awaitCalls(ctx, b.standIn, len(b.told))
	})
	if err != nil {
		return r, err
	}
	r.statuses = b.load.takeStatuses()
	if err := r.check(statuses); err != nil {
		return r, err
	}
	r.peakMemory, err = b.subject.process.peakMemory()
	return r, err
}

// check checks that every request got a response, and one of these statuses.
func (r result) check(statuses []string) error {
	sum := 0
	for status, n := range r.statuses {
		if !slices.Contains(statuses, status) {
			return fmt.Errorf("%d responses were %q, want %q", n, status, statuses)
		}
		sum += n
	}
	if sum != r.requests || len(r.latencies) != r.requests {
		return fmt.Errorf("%d requests, %d responses and %d latencies", r.requests, sum, len(r.latencies))
	}
	return nil
}

// answers registers callbacks and measures their answers.
func answers(ctx context.Context, b *bed) (result, error) {
	tasks := makeTasks("answers", b.warmUp+b.requests, b.payload)
	if _, err := b.load.registerAll(ctx, tasks); err != nil {
		return result{}, fmt.Errorf("register: %w", err)
	}
	r, err := b.measure(ctx, b.sendAnswers, tasks, "delivered", "accepted")
	if err != nil {
		return r, err
	}
	_, err = b.ledger(ctx)
	return r, errors.Join(err, checkCalls(ctx, b.standIn, len(b.told)))
}

// sendAnswers answers tasks.
func (b *bed) sendAnswers(ctx context.Context, tasks []*task) ([]time.Duration, error) {
	b.told = append(b.told, tasks...)
	return b.load.answerAll(ctx, tasks)
}

// ledger returns the effects of all outcomes since the bed was opened, checked.
func (b *bed) ledger(ctx context.Context) ([]effect, error) {
	return readLedger(ctx, b.standIn, b.told)
}

// registrations measures registrations, and then proves that they can be answered.
func registrations(ctx context.Context, b *bed) (r result, err error) {
	tasks := makeTasks("registrations", b.warmUp+b.requests, b.payload)
	before, err := b.redis.memory(ctx)
	if err != nil {
		return r, err
	}
	if r, err = b.measure(ctx, b.load.registerAll, tasks, "created"); err != nil {
		return r, err
	}
	after, err := b.redis.memory(ctx)
	if err != nil {
		return r, err
	}
	r.pendingBytes = float64(after-before) / float64(len(tasks))
	if _, err := b.sendAnswers(ctx, tasks); err != nil {
		return r, fmt.Errorf("answer: %w", err)
	}
	if err := awaitCalls(ctx, b.standIn, len(b.told)); err != nil {
		return r, err
	}
	if after, err = b.redis.memory(ctx); err != nil {
		return r, err
	}
	r.finishedBytes = float64(after-before) / float64(len(tasks))
	_, err = b.ledger(ctx)
	return r, err
}

// forgeries measures posts to links that nobody made: genuine ones whose last letters
// are others. The bare handler gets as many posts to a path that it does not have.
func forgeries(ctx context.Context, b *bed) (r result, err error) {
	tasks := makeTasks("forgeries", b.warmUp+b.requests, b.payload)
	if _, err := b.load.registerAll(ctx, tasks[:1]); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	genuine := tasks[0].url
	for _, t := range tasks {
		if t.url = b.subject.missing; t.url == "" {
			letters := strings.ToLower(rand.Text())
			t.url = genuine[:len(genuine)-len(letters)] + letters
		}
	}
	watch, err := b.redis.watch(ctx)
	if err != nil {
		return r, err
	}
	defer watch.stop()
	idle, err := watch.perSecond(ctx, b.pause)
	if err != nil {
		return r, err
	}
	before, began := watch.count(), time.Now()
	if r, err = b.measure(ctx, b.load.postNowhere, tasks, "404", "429"); err != nil {
		return r, err
	}
	r.commands = perRequest(watch.count()-before, idle, time.Since(began), len(tasks))
	return r, nil
}

// perRequest returns how many commands each of n requests caused, besides those that an
// idle relay sends in this time.
func perRequest(commands int64, idlePerSecond float64, took time.Duration, n int) float64 {
	return max(0, float64(commands)-idlePerSecond*took.Seconds()) / float64(n)
}
