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
	// It may return deliveries and an error.
	Claim(ctx context.Context, limit int) ([]relay.Delivery, error)
	// Settle records how an attempt ended; not held means that the lease was
	// lost and nothing was changed.
	Settle(ctx context.Context, d relay.Delivery, end relay.Settlement) (held bool, err error)
	// Expire ends up to limit callbacks whose deadline has passed.
	Expire(ctx context.Context, limit int) (int, error)
	// Trim removes what is left of callbacks that retention removed.
	Trim(ctx context.Context) (int, error)
	// Census counts the callbacks. A deadline is near when less than that is
	// left until it.
	Census(ctx context.Context, near time.Duration) (relay.Census, error)
	// Announce says that this replica is alive, which counts for ttl, and returns
	// how many replicas are alive.
	Announce(ctx context.Context, replica string, ttl time.Duration) (int, error)
	// Leave says that this replica is no longer there.
	Leave(ctx context.Context, replica string) error
}

// Sender makes the calls to Step Functions. Its errors are [*relay.SendError].
// It bounds each call by a deadline of its own.
type Sender interface {
	Send(ctx context.Context, t relay.TaskToken, o relay.Outcome) error
	Heartbeat(ctx context.Context, t relay.TaskToken) error
}

// Metrics is told what happens. Classes are those of [relay.SendClass], and
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

// Tracer follows deliveries.
type Tracer interface {
	// Delivery begins an attempt, which follows from what has the trace context.
	// end is called with the state that the callback is in then, and the reason.
	Delivery(callback string, attempt int, trace string) (_ context.Context, end func(state, reason string))
}

// Options are the parts and limits of an [Outbox]. All are required, except
// where a default is named.
type Options struct {
	Queue   Queue
	Sender  Sender
	Metrics Metrics
	Tracer  Tracer
	Logger  *slog.Logger

	Replica    string        // a name that no other process has
	AnswerWait time.Duration // how long Deliver waits for a result
	Rate       float64       // calls a second for the whole fleet; 0 is no limit

	Workers int           // deliveries under way that Run started; default 64
	Fresh   int           // deliveries under way that Deliver started; default 64
	Poll    time.Duration // how often the fleet looks for work; default 500 ms
}

// The rhythm of the slower loops.
const (
	announceEvery = 5 * time.Second
	aliveFor      = 3 * announceEvery // after the last announcement
	trimEvery     = 10 * time.Minute
	censusEvery   = 5 * time.Second
)

// mostPolls bounds how rarely a replica of a large fleet looks for work: after
// so many times [Options.Poll].
const mostPolls = 4

// Outbox delivers. The zero value is not usable; see [New]. Its parts are its own.
type Outbox struct {
	queue   Queue
	sender  Sender
	metrics Metrics
	tracer  Tracer
	logger  *slog.Logger

	replica    string
	answerWait time.Duration
	poll       time.Duration

	limit  *limiter
	fleet  atomic.Int64   // how many replicas are alive, this one included
	slots  chan struct{}  // one for each delivery that Run started
	fresh  chan struct{}  // one for each delivery that Deliver started
	going  sync.WaitGroup // every delivery under way
	beats  heartbeats
	behind bool // the last claim found something; of the claim loop alone

	mu      sync.Mutex
	ending  bool                 // Run waits for the last deliveries: none may begin
	trouble map[string]time.Time // what fails, and when that was last logged
}

// New returns an outbox. [Outbox.Deliver] works at once; what others left
// behind is taken up by [Outbox.Run].
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
		queue: o.Queue, sender: o.Sender, metrics: o.Metrics, tracer: o.Tracer, logger: o.Logger,
		replica: o.Replica, answerWait: o.AnswerWait, poll: o.Poll,
		limit:   newLimiter(o.Rate),
		slots:   make(chan struct{}, o.Workers),
		fresh:   make(chan struct{}, o.Fresh),
		beats:   heartbeats{calls: map[[sha256.Size]byte]*heartbeat{}},
		trouble: map[string]time.Time{},
	}
}

// Deliver implements [relay.Deliverer]: it delivers what the caller has leased
// and waits for the result for at most AnswerWait, or until ctx ends. The
// delivery itself goes on in either case. While too many go on already, because
// Step Functions is slow, it goes back into the queue: each holds its payload,
// and the process' memory is bounded. So it does when Run is about to end, or
// nobody would wait for it.
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

// begin starts a delivery that Run waits for, or reports that Run no longer
// does. Without the lock one could be counted while Run waits for the count to
// become 0, which is a misuse of a WaitGroup.
func (o *Outbox) begin(deliver func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return false
	}
	o.going.Go(deliver)
	return true
}

// Run takes up due deliveries, watches deadlines and keeps house until ctx
// ends. It then waits for the deliveries under way, those of Deliver included,
// and withdraws this replica.
func (o *Outbox) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { o.every(ctx, always(announceEvery), o.announce) })
	loops.Go(func() { o.every(ctx, o.pollEvery, o.claim) })
	loops.Go(func() { o.every(ctx, o.pollEvery, o.expire) })
	loops.Go(func() { o.every(ctx, always(censusEvery), o.count) })
	loops.Go(func() { o.every(ctx, always(trimEvery), o.trim) })
	loops.Wait()
	o.mu.Lock()
	o.ending = true
	o.mu.Unlock()
	o.going.Wait()

	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := o.queue.Leave(leaving, o.replica); err != nil {
		o.logger.Warn("replica not withdrawn; it will be forgotten by itself", "error", err)
	}
}
