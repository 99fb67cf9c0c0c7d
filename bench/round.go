package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// server is one of the two compared servers.
type server struct {
	name  string
	start func(ctx context.Context, around surroundings) (*subject, error)
}

// surroundings are the services on which a server under test depends.
type surroundings struct {
	redis   *redisServer
	standIn string // URL
	dir     string // for files
}

// subject is a running server under test.
type subject struct {
	process  *process
	register string // URL for registrations
	events   string // URL for events
	apiKey   string // "" for none
}

// result is the result of one round.
type result struct {
	registering, answering phase
	unwanted, unexpected   phase // events of these kinds

	statuses     map[string]int // of answers: "delivered" or "accepted"
	peakMemory   int64          // of the server under test, bytes
	pendingBytes float64        // of Redis, for each pending callback
}

// phase is a measured stretch of equal requests.
type phase struct {
	requests  int
	took      time.Duration
	latencies []time.Duration // sorted
	cpu       time.Duration   // of the server under test
	redisCPU  time.Duration
	totalCPU  time.Duration // of both, the stand-in and the generator
}

func (p phase) perSecond() float64 { return float64(p.requests) / p.took.Seconds() }

// each returns microseconds per request.
func (p phase) each(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(p.requests)
}

// round measures one server with fresh surroundings.
func (p plan) round(ctx context.Context, s server, say func(string, ...any)) (r result, err error) {
	dir, err := os.MkdirTemp("", "bench-round")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	redis, err := startRedis(ctx, dir)
	if err != nil {
		return r, err
	}
	defer redis.stop()
	standIn, standInURL, err := startRole(ctx, roleStandIn)
	if err != nil {
		return r, err
	}
	defer standIn.stop()
	sub, err := s.start(ctx, surroundings{redis, standInURL, dir})
	if err != nil {
		return r, err
	}
	defer sub.process.stop()

	load := newGenerator(p.clients, sub)
	defer load.close()
	m := meter{sub.process, redis.process, standIn}

	warm := makeTasks("warm-up", p.warmUp, payloadBytes)
	if _, err := load.registerAll(ctx, warm); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	if _, err := load.answerAll(ctx, warm); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}

	tasks := makeTasks("measured", p.callbacks, payloadBytes)
	before, err := redis.memory(ctx)
	if err != nil {
		return r, err
	}
	if r.registering, err = m.measure(ctx, tasks, load.registerAll); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	after, err := redis.memory(ctx)
	if err != nil {
		return r, err
	}
	r.pendingBytes = float64(after-before) / float64(len(tasks))
	say("%d registrations, %.0f/s", len(tasks), r.registering.perSecond())

	load.resetStatuses()
	if r.answering, err = m.measure(ctx, tasks, load.answerAll); err != nil {
		return r, fmt.Errorf("answer: %w", err)
	}
	r.statuses = load.statuses()
	if r.peakMemory, err = sub.process.peakMemory(); err != nil {
		return r, err
	}
	say("%d answers, %.0f/s, %v", len(tasks), r.answering.perSecond(), r.statuses)
	if r.unwanted, err = load.events(ctx, p, m, unwanted, "ignored"); err != nil {
		return r, fmt.Errorf("%s events: %w", unwanted, err)
	}
	if r.unexpected, err = load.events(ctx, p, m, unexpected, "kept"); err != nil {
		return r, fmt.Errorf("%s events: %w", unexpected, err)
	}
	say("%d events of each kind, %s %.0f/s, %s %.0f/s", p.callbacks, unwanted, r.unwanted.perSecond(), unexpected, r.unexpected.perSecond())
	return r, checkLedger(ctx, standInURL, append(warm, tasks...))
}

// meter reads clocks around a phase.
type meter struct {
	subject, redis, standIn *process
}

func (m meter) measure(ctx context.Context, tasks []*task, do func(context.Context, []*task) ([]time.Duration, error)) (phase, error) {
	before, err := m.read()
	if err != nil {
		return phase{}, err
	}
	began := time.Now()
	latencies, err := do(ctx, tasks)
	took := time.Since(began)
	if err != nil {
		return phase{}, err
	}
	after, err := m.read()
	return phase{
		requests: len(tasks), took: took, latencies: latencies,
		cpu: after.subject - before.subject, redisCPU: after.redis - before.redis, totalCPU: after.total - before.total,
	}, err
}

// clocks are processor times spent so far.
type clocks struct {
	subject, redis, total time.Duration
}

func (m meter) read() (c clocks, err error) {
	subject, err := m.subject.cpu()
	redis, redisErr := m.redis.cpu()
	standIn, standInErr := m.standIn.cpu()
	own, ownErr := cpuOf("self")
	return clocks{subject, redis, subject + redis + standIn + own}, errors.Join(err, redisErr, standInErr, ownErr)
}
