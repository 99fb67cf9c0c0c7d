package outbox

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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

	Workers int           // deliveries under way that Run started; default 64
	Fresh   int           // deliveries under way that Deliver started; default 64
	Poll    time.Duration // how often the fleet looks for work; default 500 ms
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

	limit *limiter
	fleet atomic.Int64  // how many replicas are alive, this one included
	slots chan struct{} // one for each delivery that Run started
	fresh chan struct{} // one for each delivery that Deliver started
	beats heartbeats

	deliveries sync.WaitGroup // all that are under way
	backlog    bool           // the last claim found something; only the claim loop uses it

	mu       sync.Mutex
	ending   bool // Run waits for the last deliveries: none may begin
	failures failures
}

// New returns an outbox. [Outbox.Deliver] works at once; [Outbox.Run] takes up
// what other processes left.
func New(o Options) *Outbox {
	if o.Workers == 0 {
		o.Workers = 64
	}
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	if o.Fresh == 0 {
		o.Fresh = 64
	}
	return &Outbox{
		queue: o.Queue, sender: o.Sender, metrics: o.Metrics, tracer: o.Tracer, logger: o.Logger, give: o.Give, hooks: o.CountHooks,
		replica: o.Replica, answerWait: o.AnswerWait, poll: o.Poll,
		limit:    newLimiter(o.Rate),
		slots:    make(chan struct{}, o.Workers),
		fresh:    make(chan struct{}, o.Fresh),
		beats:    heartbeats{calls: map[[sha256.Size]byte]*heartbeat{}},
		failures: failures{causes: map[string]string{}, logged: map[string]logged{}},
	}
}

// Deliver implements [relay.Deliverer]: it delivers what the caller has leased
// and waits for the result for at most AnswerWait, or until ctx ends. In either
// case the delivery itself continues.
//
// The delivery goes back into the queue when too many are under way already,
// because each keeps its payload in memory, and when Run is about to end,
// because Run would not wait for it.
func (o *Outbox) Deliver(ctx context.Context, d relay.Delivery) relay.Settlement {
	select {
	case o.fresh <- struct{}{}:
	default:
		return o.putBack(ctx, d)
	}
	result := make(chan relay.Settlement, 1)
	begun := o.begin(func() {
		defer func() { <-o.fresh }()
		result <- o.deliver(d, false)
	})
	if !begun {
		<-o.fresh
		return o.putBack(ctx, d)
	}
	timer := time.NewTimer(o.answerWait)
	defer timer.Stop()
	select {
	case end := <-result:
		return end
	case <-timer.C:
	case <-ctx.Done():
	}
	return relay.Settlement{State: relay.StateAnswered}
}

// begin starts a delivery that Run waits for, or returns false when Run no
// longer waits. Without the lock, Add could race with Wait, which is a misuse of
// a WaitGroup.
func (o *Outbox) begin(deliver func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return false
	}
	o.deliveries.Go(deliver)
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
