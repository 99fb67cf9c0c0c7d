package main

import (
	"context"
	"os"
	"time"
)

// conditions are what differs from the usual: redis-server without persistence and
// replicas, a Step Functions that answers at once, and a relay with its defaults.
type conditions struct {
	redis    []string      // options of redis-server
	replica  bool          // Redis has a replica
	settings []string      // of the relay
	latency  time.Duration // of Step Functions
}

// starter runs a server under test.
type starter func(ctx context.Context, around surroundings) (*subject, error)

// bed is a server under test with all that it needs, and the load for it.
type bed struct {
	redis   *redisServer
	standIn string // URL
	subject *subject
	load    *generator
	meter   meter

	requests, warmUp int // of a measurement
	payload          int // bytes
	pause            time.Duration

	told    []*task  // those that got an outcome
	closers []func() // in the order of starting
}

// openBed starts everything anew. Close ends it.
func openBed(ctx context.Context, start starter, c conditions) (_ *bed, err error) {
	b := &bed{}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	dir, err := os.MkdirTemp("", "bench-bed")
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { os.RemoveAll(dir) })
	if b.redis, err = startRedis(ctx, dir, c.redis...); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.redis.stop)
	b.meter.redis = []*process{b.redis.process}
	if c.replica {
		replica, err := b.redis.startReplica(ctx, dir)
		if err != nil {
			return nil, err
		}
		b.closers = append(b.closers, replica.stop)
		b.meter.redis = append(b.meter.redis, replica.process)
	}
	if b.meter.standIn, b.standIn, err = startRole(ctx, roleStandIn); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.meter.standIn.stop)
	if c.latency > 0 {
		if err := setLatency(ctx, b.standIn, c.latency); err != nil {
			return nil, err
		}
	}
	if b.subject, err = start(ctx, surroundings{b.redis, b.standIn, dir}); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.subject.process.stop)
	b.meter.subject = b.subject.process
	return b, nil
}

// setLoad says how much the next measurement sends, and from how many clients.
func (b *bed) setLoad(s scenario) {
	b.endLoad()
	b.load = newGenerator(s.clients, b.subject)
	b.requests, b.warmUp, b.payload, b.pause = s.requests, s.warmUp(), s.payload, s.pause
}

func (b *bed) endLoad() {
	if b.load != nil {
		b.load.close()
	}
}

func (b *bed) close() {
	b.endLoad()
	for i := range b.closers {
		b.closers[len(b.closers)-1-i]()
	}
}
