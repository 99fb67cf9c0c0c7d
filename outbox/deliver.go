package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"callback-relay/relay"
)

// permitWait is how long a leased delivery waits for a permit of the rate
// limit before it goes back into the queue.
const permitWait = time.Second

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
// recorded, its result must be too. permitted says that a permit of the rate
// limit has been taken already.
func (o *Outbox) deliver(d relay.Delivery, permitted bool) (end relay.Settlement) {
	// After a panic, the attempt stays recorded as unclear until its lease ends.
	end = relay.Settlement{State: relay.StateAnswered}
	defer o.recoverPanic("deliver " + string(d.ID))

	growStack()
	taken := time.Now()
	ctx, traced := o.tracer.Delivery(string(d.ID), d.Attempt, d.Trace)
	defer func() { traced(string(end.State), end.Reason) }()
	result, err := o.attempt(ctx, d, permitted)
	log := o.logger.With("callback", string(d.ID), "attempt", d.Attempt, "state", string(result.State), "reason", result.Reason)
	if err != nil {
		log = log.With("error", err)
	}
	if !o.settle(d, result) {
		log.WarnContext(ctx, "delivery not settled: lease lost or redis unavailable")
		return end
	}
	end = result
	// The time up to the lease is by the clock of Redis, the time since then by
	// our own: the two are never compared.
	lag := d.LeasedAt.Sub(d.AnsweredAt) + time.Since(taken)
	if end.State.Final() {
		o.metrics.Settled(string(end.State), end.Reason, lag)
		log = log.With("lag_ms", lag.Milliseconds())
	}
	switch {
	case end.State == relay.StateDelivered:
		log.InfoContext(ctx, "delivered", "confirmed", end.Confirmed)
	case end.State == relay.StateRefused:
		log.WarnContext(ctx, "delivery refused")
	case end.Reason == reasonBusy:
		log.DebugContext(ctx, "delivery put back")
	default:
		log.WarnContext(ctx, "delivery will be tried again", "in", end.RetryIn.Round(time.Millisecond).String())
	}
	return end
}

// attempt sends the outcome and judges the result. The error tells an operator
// more than the settlement's reason does.
func (o *Outbox) attempt(ctx context.Context, d relay.Delivery, permitted bool) (relay.Settlement, error) {
	if d.Unreadable != nil {
		o.metrics.Attempted(relay.SendNeedsOperator.String())
		end := retry(relay.SendNeedsOperator, d, reasonSealed)
		end.NotMade = true
		return end, fmt.Errorf("the stored answer cannot be decrypted, put its master key back into RELAY_KEYS: %w", d.Unreadable)
	}
	if !permitted && !o.permitSoon() {
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

// permitSoon takes a permit of the rate limit. It returns false if none becomes
// free in time.
func (o *Outbox) permitSoon() bool {
	ctx, cancel := context.WithTimeout(context.Background(), permitWait)
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
