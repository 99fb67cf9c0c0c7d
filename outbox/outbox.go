package outbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"callback-relay/relay"
)

// Queue holds the deliveries of the whole fleet. Package store has it in Redis.
type Queue interface {
	// Claim leases up to limit due deliveries and records an attempt for each.
	// It may return both deliveries and an error.
	Claim(ctx context.Context, limit int) ([]relay.Delivery, error)
	// Settle records how an attempt ended. If the lease was lost, held is false
	// and nothing was changed.
	Settle(ctx context.Context, d relay.Delivery, end relay.Settlement) (held bool, err error)
	// Expire ends up to limit callbacks whose deadline has passed.
	Expire(ctx context.Context, limit int) (int, error)
	// Trim removes what is left of callbacks that retention removed.
	Trim(ctx context.Context) (int, error)
	// Census counts the callbacks. A deadline counts as near if it is less than
	// near away. If it can count only some, it returns both these counts and an
	// error; if it can count none, Callbacks is nil.
	Census(ctx context.Context, near time.Duration) (relay.Census, error)
	// Announce counts this replica as alive for ttl, and returns how many
	// replicas are alive.
	Announce(ctx context.Context, replica string, ttl time.Duration) (int, error)
	// Leave no longer counts this replica as alive.
	Leave(ctx context.Context, replica string) error
}

// Sender makes the calls to Step Functions. Its errors are [*relay.SendError].
// It sets its own deadline for each call.
type Sender interface {
	Send(ctx context.Context, t relay.TaskToken, o relay.Outcome) error
	Heartbeat(ctx context.Context, t relay.TaskToken) error
}

// Metrics counts what happens. A class is the name of a [relay.SendClass], or
// "done".
type Metrics interface {
	Attempted(class string)
	Settled(state, reason string, lag time.Duration)
	Expired(n int)
	WaitedForPermit(took time.Duration)

	Callbacks(state string, n int64)
	OldestAge(state string, age time.Duration)
	NearDeadline(n int64)
	SetAside(n int64)
}

// Tracer traces deliveries.
type Tracer interface {
	// Delivery begins the span of an attempt, linked to the trace context. The
	// caller ends it with the callback's state after the attempt, and the reason.
	Delivery(callback string, attempt int, trace string) (_ context.Context, end func(state, reason string))
}

// Options are the parts and limits of an [Outbox]. All without a default are
// required.
type Options struct {
	Queue   Queue
	Sender  Sender
	Metrics Metrics
	Tracer  Tracer
	Logger  *slog.Logger

	Replica    string        // a name that no other process has
	AnswerWait time.Duration // how long Deliver waits for a result
	Rate       float64       // calls a second for the whole fleet; 0 is no limit

	// Give gives the events of hooks that other processes have left, and returns whether
	// there may be more; nil for a relay without hooks.
	Give func(ctx context.Context) (more bool, err error)

	// CountHooks reports which events of hooks wait; nil for a relay without hooks.
	CountHooks func(ctx context.Context) error

	// Memory is how many bytes the deliveries under way may take together; default 96 MiB.
	// Half is for those of Deliver and half for those that Run claims, so that neither
	// keeps the other waiting. Each half always has room for one delivery.
	Memory int64
	Poll   time.Duration // how often the fleet looks for work; default 500 ms
}

// The rhythm of the slower loops.
const (
	announceEvery = 5 * time.Second
	aliveFor      = 3 * announceEvery // after the last announcement
	trimEvery     = 10 * time.Minute
	giveEvery     = 2 * time.Second
	censusEvery   = 5 * time.Second
	hooksEvery    = 15 * time.Second
)

// maxPollFactor bounds how rarely a replica of a large fleet looks for work: at
// least once in this many times [Options.Poll].
const maxPollFactor = 4

// Outbox delivers answers to Step Functions. The zero value is not usable; see
// [New].
type Outbox struct {
	queue   Queue
	sender  Sender
	metrics Metrics
	tracer  Tracer
	logger  *slog.Logger
	give    func(ctx context.Context) (more bool, err error)
	hooks   func(ctx context.Context) error

	replica    string
	answerWait time.Duration
	poll       time.Duration
	phase      time.Time // when an interval of each loop began

	limit   *limiter
	fleet   atomic.Int64        // how many replicas are alive, this one included
	fresh   *semaphore.Weighted // memory for the deliveries that Deliver starts
	claimed *semaphore.Weighted // memory for the deliveries that Run starts
	beats   heartbeats

	deliveries sync.WaitGroup // all that are under way
	backlog    bool           // the last claim found something; only the claim loop uses it

	mu       sync.Mutex
	ending   bool // Run waits for the last deliveries: none may begin
	failures failures
}

// New returns an outbox. [Outbox.Deliver] works at once; [Outbox.Run] takes up
// what other processes left.
func New(o Options) *Outbox {
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	half := max(cmp.Or(o.Memory, 96<<20)/2, largestDelivery)
	return &Outbox{
		queue: o.Queue, sender: o.Sender, metrics: o.Metrics, tracer: o.Tracer, logger: o.Logger, give: o.Give, hooks: o.CountHooks,
		replica: o.Replica, answerWait: o.AnswerWait, poll: o.Poll,
		phase:    time.Now().Add(-rand.N(trimEvery)), //nolint:gosec // spreads load, guards nothing
		limit:    newLimiter(o.Rate),
		fresh:    semaphore.NewWeighted(half),
		claimed:  semaphore.NewWeighted(half),
		beats:    heartbeats{calls: map[[sha256.Size]byte]*heartbeat{}},
		failures: failures{causes: map[string]string{}, logged: map[string]logged{}},
	}
}

// Deliver implements [relay.Deliverer]: it delivers what the caller has leased
// and waits for the result for at most AnswerWait, or until ctx ends. In either
// case the delivery itself continues.
//
// A delivery whose first attempt succeeds in that time is not worth a line of the log: the
// caller has one for the request, or the event, that brought the answer.
//
// Each delivery under way keeps its payload in memory. If there is no room for one
// more, Deliver waits for it, as part of AnswerWait, but no longer than the lease
// allows. The delivery goes back into the queue if no room becomes free in that
// time, and if Run is about to end, because Run would not wait for it.
func (o *Outbox) Deliver(ctx context.Context, d relay.Delivery) relay.Settlement {
	leased := time.Now()
	if !o.begin() {
		return o.putBack(ctx, d)
	}
	if !o.freshRoom(ctx, d) {
		defer o.deliveries.Done()
		return o.putBack(ctx, d)
	}
	result := make(chan relay.Settlement, 1)
	var open atomic.Bool // neither the result nor its absence was told to the caller yet
	open.Store(true)
	go func() {
		defer o.deliveries.Done()
		end := o.deliver(d, leased.Add(beginWithin), &open)
		o.fresh.Release(sizeOf(d)) // before the caller, who may bring the next one, is told
		result <- end
	}()
	timer := time.NewTimer(time.Until(leased.Add(o.answerWait)))
	defer timer.Stop()
	select {
	case end := <-result:
		return end
	case <-timer.C:
	case <-ctx.Done():
	}
	if !open.CompareAndSwap(true, false) {
		return <-result // it has just come
	}
	return relay.Settlement{State: relay.StateAnswered}
}

// freshRoom takes memory for a fresh answer. It returns false if there is none in
// time, or when ctx ends.
func (o *Outbox) freshRoom(ctx context.Context, d relay.Delivery) bool {
	if o.fresh.TryAcquire(sizeOf(d)) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, min(o.answerWait, beginWithin))
	defer cancel()
	return o.fresh.Acquire(ctx, sizeOf(d)) == nil
}

// begin counts a delivery for which Run waits, until deliveries.Done, or returns
// false when Run no longer waits. Without the lock, Add could race with Wait, which
// is a misuse of a WaitGroup.
func (o *Outbox) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return false
	}
	o.deliveries.Add(1)
	return true
}

// Run takes up due deliveries, watches deadlines and cleans up until ctx ends.
// It then waits for all deliveries under way, including those of Deliver, and
// withdraws this replica.
func (o *Outbox) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { o.every(ctx, always(announceEvery), o.announce) })
	loops.Go(func() { o.every(ctx, o.pollEvery, o.claim) })
	loops.Go(func() { o.every(ctx, o.pollEvery, o.expire) })
	loops.Go(func() { o.every(ctx, always(censusEvery), o.count) })
	loops.Go(func() { o.every(ctx, always(trimEvery), o.trim) })
	if o.give != nil {
		loops.Go(func() { o.every(ctx, always(giveEvery), o.giveDue) })
	}
	if o.hooks != nil {
		loops.Go(func() { o.every(ctx, always(hooksEvery), o.countHooks) })
	}
	loops.Wait()
	o.mu.Lock()
	o.ending = true
	o.mu.Unlock()
	o.deliveries.Wait()

	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := o.queue.Leave(leaving, o.replica); err != nil {
		o.logger.Warn("replica not withdrawn; it will be forgotten soon", "error", err)
	}
}
