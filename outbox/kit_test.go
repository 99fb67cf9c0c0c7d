package outbox_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/outbox"
	"callback-relay/relay"
	"callback-relay/telemetry"
)

// queue is a queue in memory that uses the fake clock of synctest, which Redis
// cannot. Package main tests the outbox with the real queue.
type queue struct {
	mu        sync.Mutex
	due       map[relay.CallbackID]*entry
	output    relay.Payload // of what is put into it
	settled   map[relay.CallbackID]relay.Settlement
	putBack   int // how often a delivery was settled without an attempt
	claims    int // calls of Claim
	biggest   int // limit of a call of Claim
	overdue   int // what Expire finds
	expires   int // calls of Expire that found nothing
	trims     int
	counts    int
	announced int
	replicas  int
	left      bool
	settleErr error // of the next calls of Settle
	failing   int   // how many of them fail
	claimErr  error // of Claim, instead of broken
	broken    error // of everything else
}

type entry struct {
	at time.Time
	d  relay.Delivery
}

const lease = 10 * time.Second

func newQueue() *queue {
	return &queue{due: map[relay.CallbackID]*entry{}, settled: map[relay.CallbackID]relay.Settlement{}, replicas: 1}
}

// put makes deliveries due now, as if their lease had ended.
func (q *queue) put(ids ...relay.CallbackID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(ids...)
}

func (q *queue) add(ids ...relay.CallbackID) {
	now := time.Now()
	for _, id := range ids {
		q.due[id] = &entry{now, relay.Delivery{
			ID: id, TaskToken: relay.TaskToken(id), Outcome: relay.Outcome{Type: relay.OutcomeSuccess, Output: q.output}, CreatedAt: now, AnsweredAt: now,
		}}
	}
}

// lease returns a delivery that was answered and leased in one step, so that
// nobody else can claim it.
func (q *queue) lease(id relay.CallbackID) relay.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(id)
	return q.take(q.due[id])
}

func (q *queue) take(e *entry) relay.Delivery {
	now := time.Now()
	e.at = now.Add(lease)
	e.d.Lease += "again"
	e.d.Attempt++
	e.d.LeasedAt = now
	return e.d
}

func (q *queue) Claim(_ context.Context, limit int) ([]relay.Delivery, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.claims++
	q.biggest = max(q.biggest, limit)
	var claimed []relay.Delivery
	for _, e := range q.due {
		if len(claimed) == limit {
			break
		}
		if !e.at.After(time.Now()) {
			claimed = append(claimed, q.take(e))
		}
	}
	return claimed, cmp.Or(q.claimErr, q.broken)
}

func (q *queue) Settle(ctx context.Context, d relay.Delivery, end relay.Settlement) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failing > 0 {
		q.failing--
		return false, q.settleErr
	}
	e := q.due[d.ID]
	if e == nil || e.d.Lease != d.Lease {
		return false, nil
	}
	q.settled[d.ID] = end
	if end.NotMade {
		q.putBack++
	}
	if end.State != relay.StateAnswered {
		delete(q.due, d.ID)
		return true, nil
	}
	e.at = time.Now().Add(end.RetryIn)
	return true, nil
}

func (q *queue) Expire(context.Context, int) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.overdue
	q.overdue = 0
	if n == 0 {
		q.expires++
	}
	return n, q.broken
}

func (q *queue) Trim(context.Context) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.trims++
	return 0, q.broken
}

func (q *queue) Census(_ context.Context, near time.Duration) (relay.Census, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts++
	return relay.Census{
		Callbacks: map[relay.State]int64{
			relay.StatePending: 5, relay.StateAnswered: int64(len(q.due)), relay.StateDelivered: int64(len(q.settled)), relay.StateRefused: 0,
		},
		NearDeadline: 3, SetAside: 2,
		OldestPending: 2 * near, OldestAnswered: near / 2,
	}, q.broken
}

func (q *queue) Announce(context.Context, string, time.Duration) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.announced++
	return q.replicas, q.broken
}

func (q *queue) Leave(context.Context, string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left = true
	return q.broken
}

// end returns how a delivery was last settled.
func (q *queue) end(id relay.CallbackID) relay.Settlement {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.settled[id]
}

// look reads or changes the queue while the outbox runs.
func (q *queue) look(do func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	do()
}

func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.due)
}

// sender answers calls as a test says, and records when they came.
type sender struct {
	mu    sync.Mutex
	calls []time.Time
	do    func(call int) error // nil accepts everything; call counts from 1
	beats []beat
	beat  func(call int) error // the same for heartbeats
}

// beat is one heartbeat.
type beat struct {
	task relay.TaskToken
	at   time.Time
}

func (s *sender) Heartbeat(ctx context.Context, t relay.TaskToken) error {
	s.mu.Lock()
	s.beats = append(s.beats, beat{t, time.Now()})
	n, do := len(s.beats), s.beat
	s.mu.Unlock()
	if do == nil {
		return ctx.Err()
	}
	return do(n)
}

func (s *sender) beaten() []beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.beats)
}

func (s *sender) Send(context.Context, relay.TaskToken, relay.Outcome) error {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	n, do := len(s.calls), s.do
	s.mu.Unlock()
	if do == nil {
		return nil
	}
	return do(n)
}

func (s *sender) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func failed(class relay.SendClass) error {
	return &relay.SendError{Class: class, Code: "Code", Err: errors.New("said the test")}
}

// counted is what the outbox told the metrics.
type counted struct {
	mu       sync.Mutex
	attempts map[string]int
	lags     []time.Duration
	waits    []time.Duration
	expired  int
	told     map[string]any // the gauges
}

func (c *counted) Attempted(class string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts[class]++
}

func (c *counted) Settled(_, _ string, lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lags = append(c.lags, lag)
}

func (c *counted) Expired(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expired += n
}

func (c *counted) WaitedForPermit(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, took)
}

func (c *counted) Callbacks(state string, n int64)           { c.tell(state, n) }
func (c *counted) OldestAge(state string, age time.Duration) { c.tell("oldest "+state, age) }
func (c *counted) NearDeadline(n int64)                      { c.tell("near", n) }
func (c *counted) SetAside(n int64)                          { c.tell("aside", n) }

func (c *counted) tell(what string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[what] = value
}

// setUp returns an outbox on a queue and a sender.
func setUp(t *testing.T, q *queue, s *sender, change ...func(*outbox.Options)) (*outbox.Outbox, *counted) {
	t.Helper()
	c := &counted{attempts: map[string]int{}, told: map[string]any{}}
	o := outbox.Options{
		Queue: q, Sender: s, Metrics: c, Tracer: (*telemetry.Tracer)(nil), Logger: slog.New(slog.DiscardHandler),
		Replica: "test", AnswerWait: time.Second,
	}
	for _, f := range change {
		f(&o)
	}
	return outbox.New(o), c
}

// start runs an outbox and returns how to stop it.
func start(o *outbox.Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// pass advances the fake clock of the test and waits until everything that is
// due has happened.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
