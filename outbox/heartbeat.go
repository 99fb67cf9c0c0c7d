package outbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"callback-relay/relay"
)

// heartbeatEvery is the least time between two heartbeats of one task, and so
// the greatest age of a result that a caller gets. Step Functions counts
// heartbeat timeouts in whole seconds.
const heartbeatEvery = time.Second

// heartbeatWithin is how long a heartbeat waits for a permit of the rate limit.
const heartbeatWithin = time.Second

// maxHeartbeats bounds the number of tasks whose last result is remembered.
const maxHeartbeats = 16_384

var (
	errNoCall        = &relay.SendError{Class: relay.SendThrottled, Code: reasonBusy, Err: relay.ErrOverloaded}
	errNeverReturned = &relay.SendError{Class: relay.SendUnclear, Code: "unknown", Err: errors.New("the call did not return")}
)

// Heartbeat implements [relay.Heartbeater]. It makes at most one call a second
// for each task, within the rate limit. Other callers in that second get the
// result of the same call, whether it failed or succeeded. A caller whose context has a
// deadline waits no longer than that. The error is a [*relay.SendError].
func (o *Outbox) Heartbeat(ctx context.Context, t relay.TaskToken) error {
	b, mine := o.beats.join(sha256.Sum256([]byte(t.Reveal())))
	switch {
	case b == nil:
		return errNoCall
	case mine:
		// Others wait for the result too, so the call does not end with this caller.
		call := func() error { return o.makeHeartbeat(context.WithoutCancel(ctx), t) }
		if _, limited := ctx.Deadline(); !limited {
			return o.beats.end(b, call)
		}
		go func() {
			defer o.recoverPanic("a heartbeat")
			_ = o.beats.end(b, call)
		}()
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return &relay.SendError{Class: relay.SendUnclear, Code: "canceled", Err: ctx.Err()}
	}
}

// makeHeartbeat makes one call, if it gets a permit in time.
func (o *Outbox) makeHeartbeat(ctx context.Context, t relay.TaskToken) error {
	within, cancel := context.WithTimeout(ctx, heartbeatWithin)
	defer cancel()
	began := time.Now()
	got := o.limit.waitHeartbeat(within)
	o.metrics.WaitedForPermit(time.Since(began))
	if !got {
		return errNoCall
	}
	err := o.sender.Heartbeat(ctx, t)
	o.limit.learn(err)
	return err
}

// heartbeats are the calls under way and those of the last second, keyed by a
// digest of the task token.
type heartbeats struct {
	mu      sync.Mutex
	calls   map[[sha256.Size]byte]*heartbeat
	sweepAt int // old calls are dropped when there are this many
}

// heartbeat is one call.
type heartbeat struct {
	task  [sha256.Size]byte
	began time.Time
	done  chan struct{}
	err   error // valid once done is closed
}

// join returns the call for a task. If it is new, the caller must make it. The
// call is nil if there are too many.
func (h *heartbeats) join(task [sha256.Size]byte) (b *heartbeat, isNew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.calls[task]; b != nil && !b.old() {
		return b, false
	}
	if len(h.calls) >= h.sweepAt {
		for other, b := range h.calls {
			if b.old() {
				delete(h.calls, other)
			}
		}
		h.sweepAt = min(max(2*len(h.calls), 64), maxHeartbeats)
	}
	if len(h.calls) >= maxHeartbeats {
		return nil, false
	}
	b = &heartbeat{task: task, began: time.Now(), done: make(chan struct{}), err: errNeverReturned}
	h.calls[task] = b
	return b, true
}

// old returns whether a call is over and its result too old to be returned.
func (b *heartbeat) old() bool {
	select {
	case <-b.done:
		return time.Since(b.began) >= heartbeatEvery
	default:
		return false
	}
}

// end makes the call and wakes those who wait for it. A call that was not made
// is forgotten, since it has no result.
func (h *heartbeats) end(b *heartbeat, call func() error) error {
	defer func() {
		if errors.Is(b.err, errNoCall) {
			h.mu.Lock()
			delete(h.calls, b.task)
			h.mu.Unlock()
		}
		close(b.done)
	}()
	b.err = call()
	return b.err
}
