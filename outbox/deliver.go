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

// settleWithin and settlePause say how hard a result is pressed on Redis. If
// that fails the attempt stays unclear, and the next one finds out.
const (
	settleWithin = 3 * time.Second
	settlePause  = 250 * time.Millisecond
)

// The reasons that are ours and not AWS'.
const (
	reasonSealed = "sealed" // no master key opens what was stored
	reasonBusy   = "busy"   // no permit of the rate limit, or no room in this process
)

// deliver makes one leased attempt and settles it. It is the only place from
// which an outcome leaves. It does not end with any request: once the attempt
// is recorded, its result must be too. permitted says that the rate limit's
// permit has been taken.
func (o *Outbox) deliver(d relay.Delivery, permitted bool) (end relay.Settlement) {
	// After a panic the attempt is left as it was recorded, unclear, until its
	// lease ends.
	end = relay.Settlement{State: relay.StateAnswered}
	defer o.survive("deliver " + string(d.ID))

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
		log.WarnContext(ctx, "delivery not settled: lease lost or redis away")
		return end
	}
	end = result
	// Before the lease by the clock of Redis, since then by our own: the two
	// are never compared.
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

// attempt sends the outcome and judges what came of it. The error is what an
// operator is told besides the reason.
func (o *Outbox) attempt(ctx context.Context, d relay.Delivery, permitted bool) (relay.Settlement, error) {
	if d.Unreadable != nil {
		o.metrics.Attempted(relay.SendOursToMend.String())
		end := retry(relay.SendOursToMend, d, reasonSealed)
		end.NotMade = true
		return end, fmt.Errorf("it cannot be opened, put its master key back into RELAY_KEYS: %w", d.Unreadable)
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

// permitSoon takes a permit of the rate limit, if one is to be had in time.
func (o *Outbox) permitSoon() bool {
	ctx, cancel := context.WithTimeout(context.Background(), permitWait)
	defer cancel()
	return o.permit(ctx, 1)
}

// permit takes n permits of the rate limit, if they are to be had before ctx
// ends, and notes the wait.
func (o *Outbox) permit(ctx context.Context, n int) bool {
	began := time.Now()
	got := o.limit.wait(ctx, n)
	o.metrics.WaitedForPermit(time.Since(began))
	return got
}

// survive ends a panic here: others go on. Its value is not logged, as it could
// quote a payload.
func (o *Outbox) survive(doing string) {
	if p := recover(); p != nil {
		o.logger.Error("panic", "doing", doing, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	}
}

// judge says what the result of a call means for the delivery.
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

// closed says what it means that no task waits any more: after an unclear
// attempt that it was most likely this one that completed it.
func closed(d relay.Delivery, reason string) relay.Settlement {
	if d.EarlierUnclear > 0 {
		return relay.Settlement{State: relay.StateDelivered, Reason: reason}
	}
	return relay.Settlement{State: relay.StateRefused, Reason: reason}
}

// retry schedules the next attempt, unless no task can be waiting for it.
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

// settle records the end of an attempt, and tells whether it is recorded.
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

// putBack returns a leased delivery to the queue without an attempt. That its
// sender has hung up must not leave behind an attempt that was never made.
func (o *Outbox) putBack(ctx context.Context, d relay.Delivery) relay.Settlement {
	end := retry(relay.SendThrottled, d, reasonBusy)
	end.NotMade = true
	if _, err := o.queue.Settle(context.WithoutCancel(ctx), d, end); err != nil {
		o.logger.Debug("delivery not put back; its lease will end", "callback", string(d.ID), "error", err)
	}
	return relay.Settlement{State: relay.StateAnswered}
}

// growStack gives a new goroutine room for the depth of the AWS SDK's calls in
// one step. Otherwise its stack grows several times, and moves all frames each
// time: 35 to 50 µs of processor time per delivery, measured, of about 310.
//
//go:noinline
func growStack() {
	var room [16 << 10]byte
	runtime.KeepAlive(&room)
}
