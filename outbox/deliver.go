package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"callback-relay/relay"
)

// beginWithin is how long a leased delivery waits, for memory and for a permit of
// the rate limit together, before it goes back into the queue. A lease has room for
// it beside the call and the settling.
const beginWithin = time.Second

// A result is recorded in Redis with retries. If all fail, the attempt stays
// unclear, and the next attempt finds out.
const (
	settleWithin = 3 * time.Second
	settlePause  = 250 * time.Millisecond // between two tries
)

// The reasons of the relay itself; all others are error codes of AWS.
const (
	reasonSealed = "sealed" // no master key opens what was stored
	reasonBusy   = "busy"   // no permit of the rate limit, or no room in this process
)

// deliver makes one leased attempt and settles it. No other function sends an
// outcome. It does not end with the request that started it: once the attempt is
// recorded, its result must be too. It gets a permit of the rate limit before
// beginBy; if that is zero, it already has one. If somebody waits for the result, open is
// true, and false once it is known who gets it: deliver closes it for a caller who is told.
func (o *Outbox) deliver(d relay.Delivery, beginBy time.Time, open *atomic.Bool) (end relay.Settlement) {
	// After a panic, the attempt stays recorded as unclear until its lease ends.
	end = relay.Settlement{State: relay.StateAnswered}
	defer o.recoverPanic("deliver " + string(d.ID))

	growStack()
	taken := time.Now()
	ctx, traced := o.tracer.Delivery(string(d.ID), d.Attempt, d.Trace)
	defer func() { traced(string(end.State), end.Reason) }()
	result, err := o.attempt(ctx, d, beginBy)
	settled := o.settle(d, result)
	// The time up to the lease is by the clock of Redis, the time since then by
	// our own: the two are never compared.
	lag := d.LeasedAt.Sub(d.AnsweredAt) + time.Since(taken)
	if settled {
		end = result
		if end.State.Final() {
			o.metrics.Settled(string(end.State), end.Reason, lag)
		}
	}
	told := open != nil && open.CompareAndSwap(true, false)
	o.logAttempt(ctx, d, attempted{result, err, settled, told, lag})
	return end
}

// attempted is what came of an attempt.
type attempted struct {
	relay.Settlement

	err     error         // of the call
	settled bool          // it was recorded
	told    bool          // the caller of Deliver gets it
	lag     time.Duration // since the answer
}

// logAttempt logs what came of an attempt. It prepares nothing that the log's level
// would drop, since most deliveries end here.
func (o *Outbox) logAttempt(ctx context.Context, d relay.Delivery, end attempted) {
	level := slog.LevelWarn
	var text string
	var further slog.Attr // the log leaves out an empty one
	switch {
	case !end.settled:
		text = "delivery not settled: lease lost or redis unavailable"
	case end.State == relay.StateDelivered && end.told && d.Attempt == 1:
		level, text = slog.LevelDebug, "delivered"
	case end.State == relay.StateDelivered:
		level, text, further = slog.LevelInfo, "delivered", slog.Bool("confirmed", end.Confirmed)
	case end.State == relay.StateRefused:
		text = "delivery refused"
	case end.Reason == reasonBusy:
		level, text = slog.LevelDebug, "delivery put back"
	default:
		text, further = "delivery will be tried again", slog.String("in", end.RetryIn.Round(time.Millisecond).String())
	}
	if !o.logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("callback", string(d.ID)), slog.Int("attempt", d.Attempt),
		slog.String("state", string(end.State)), slog.String("reason", end.Reason),
	}
	if end.err != nil {
		attributes = append(attributes, slog.Any("error", end.err))
	}
	if end.settled && end.State.Final() {
		attributes = append(attributes, slog.Int64("lag_ms", end.lag.Milliseconds()))
	}
	o.logger.LogAttrs(ctx, level, text, append(attributes, further)...)
}

// attempt sends the outcome and judges the result. The error tells an operator
// more than the settlement's reason does.
func (o *Outbox) attempt(ctx context.Context, d relay.Delivery, beginBy time.Time) (relay.Settlement, error) {
	if d.Unreadable != nil {
		o.metrics.Attempted(relay.SendNeedsOperator.String())
		end := retry(relay.SendNeedsOperator, d, reasonSealed)
		end.NotMade = true
		return end, fmt.Errorf("the stored answer cannot be decrypted, put its master key back into RELAY_KEYS: %w", d.Unreadable)
	}
	if !beginBy.IsZero() && !o.permitBy(beginBy) {
		end := retry(relay.SendThrottled, d, reasonBusy)
		end.NotMade = true
		return end, nil
	}
	err := o.sender.Send(ctx, d.TaskToken, d.Outcome)
	o.limit.learn(err)
	failure := asSendError(err)
	if failure == nil {
		o.metrics.Attempted("done")
		return judge(d, nil), nil
	}
	o.metrics.Attempted(failure.Class.String())
	return judge(d, failure), failure.Err
}

// permitBy takes a permit of the rate limit. It returns false if none becomes
// free in time.
func (o *Outbox) permitBy(deadline time.Time) bool {
	if o.limit.try() {
		o.metrics.WaitedForPermit(0)
		return true
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return o.permit(ctx, 1)
}

// permit takes n permits of the rate limit, and measures the wait. It returns
// false if they do not become free before ctx ends.
func (o *Outbox) permit(ctx context.Context, n int) bool {
	began := time.Now()
	got := o.limit.wait(ctx, n)
	o.metrics.WaitedForPermit(time.Since(began))
	return got
}

// recoverPanic logs a panic and stops it here, so that everything else keeps
// running. It does not log the panic's value, which could quote a payload.
func (o *Outbox) recoverPanic(doing string) {
	if p := recover(); p != nil {
		o.logger.Error("panic", "doing", doing, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	}
}

// judge returns what the result of a call means for the delivery.
func judge(d relay.Delivery, err error) relay.Settlement {
	if err == nil {
		return relay.Settlement{State: relay.StateDelivered, Confirmed: true}
	}
	failure := asSendError(err)
	switch failure.Class {
	case relay.SendClosed:
		return closed(d, failure.Code)
	case relay.SendNever:
		return relay.Settlement{State: relay.StateRefused, Reason: failure.Code}
	}
	end := retry(failure.Class, d, failure.Code)
	end.NoEffect = failure.Class.NotExecuted()
	return end
}

// closed settles a delivery whose task no longer waits. If an earlier attempt
// was unclear, that attempt most likely completed the task.
func closed(d relay.Delivery, reason string) relay.Settlement {
	if d.EarlierUnclear > 0 {
		return relay.Settlement{State: relay.StateDelivered, Reason: reason}
	}
	return relay.Settlement{State: relay.StateRefused, Reason: reason}
}

// retry schedules the next attempt, unless no task can still be waiting for it.
func retry(class relay.SendClass, d relay.Delivery, reason string) relay.Settlement {
	if d.LeasedAt.Sub(d.CreatedAt) > relay.GiveUpAfter {
		return closed(d, relay.ReasonGivenUp)
	}
	return relay.Settlement{
		State: relay.StateAnswered, Reason: reason,
		RetryIn: relay.RetryIn(class, d.Attempt, rand.Float64()), //nolint:gosec // spreads load, guards nothing
	}
}

// asSendError returns err as a [*relay.SendError]; any other error is unclear.
func asSendError(err error) *relay.SendError {
	if err == nil {
		return nil
	}
	if failure := (*relay.SendError)(nil); errors.As(err, &failure) {
		return failure
	}
	return &relay.SendError{Class: relay.SendUnclear, Code: "unknown", Err: err}
}

// settle records the end of an attempt, and returns whether it was recorded.
func (o *Outbox) settle(d relay.Delivery, end relay.Settlement) bool {
	ctx, cancel := context.WithTimeout(context.Background(), settleWithin)
	defer cancel()
	for {
		held, err := o.queue.Settle(ctx, d, end)
		if err == nil {
			return held
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(settlePause):
		}
	}
}

// putBack returns a leased delivery to the queue without an attempt. It does so
// even if the sender of the answer has hung up; otherwise an attempt that was
// never made would stay recorded.
func (o *Outbox) putBack(ctx context.Context, d relay.Delivery) relay.Settlement {
	end := retry(relay.SendThrottled, d, reasonBusy)
	end.NotMade = true
	if _, err := o.queue.Settle(context.WithoutCancel(ctx), d, end); err != nil {
		o.logger.Debug("delivery not put back; its lease will end", "callback", string(d.ID), "error", err)
	}
	return relay.Settlement{State: relay.StateAnswered}
}

// growStack grows the stack of a new goroutine in one step to the depth of the
// AWS SDK's calls. Otherwise the stack grows several times and moves all frames
// each time, which was measured to cost 35 to 50 of about 310 µs of processor
// time per delivery.
//
//go:noinline
func growStack() {
	var room [16 << 10]byte
	runtime.KeepAlive(&room)
}
