package faults

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"callback-relay/api"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

const expiredError = relay.ErrorExpired

// violation is one broken promise.
type violation struct {
	kind string // lost, duplicate or wrong
	what string
	of   *history
}

// The kinds of violation.
const (
	lost      = "lost"      // acknowledged, and no effect
	duplicate = "duplicate" // acknowledged or sent twice
	wrong     = "wrong"     // anything else
)

// slack is by how much two readings of the same clock may differ and still count
// as equal: Redis counts in milliseconds.
const slack = 5 * time.Millisecond

// judge compares the senders' responses, and the callback's final state, with the
// ledger.
func judge(h *history) []violation {
	j := &judgement{history: h}
	for _, rule := range []func(*judgement){
		onlyKnownAnswers, acknowledgedOnce, unacknowledgedAtMostOnce, expired, cancelled, registeredOnce, everySenderServed, sameBytes, finalState, nobodyGaveUp,
		awaited,
	} {
		rule(j)
	}
	return j.found
}

type judgement struct {
	*history
	found []violation
}

func (j *judgement) object(kind, what string, args ...any) {
	j.found = append(j.found, violation{kind, fmt.Sprintf(what, args...), j.history})
}

// success reports whether the body took effect.
func (j *judgement) success(body int) bool {
	for _, e := range j.effects {
		if e.Action == standin.SendTaskSuccess && string(e.Output) == string(j.bodies[body]) {
			return true
		}
	}
	return false
}

// onlyKnownAnswers: a genuine link never gets a 404, and senders never see an
// internal error. Failures are 503.
func onlyKnownAnswers(j *judgement) {
	for _, e := range j.events {
		if e.err != nil || e.what == didGiveUp {
			continue
		}
		switch e.told.status {
		case http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusGone, http.StatusServiceUnavailable:
		default:
			j.object(wrong, "%s was answered %d %s", e.what, e.told.status, e.told.word)
		}
	}
}

// acknowledgedOnce: a 2xx for some bytes means one effect, with these bytes.
// Two different bodies never both get a 2xx, and no body after the deadline does.
func acknowledgedOnce(j *judgement) {
	first := -1
	for _, e := range j.told(didPost, http.StatusOK) {
		if j.awaits() && e.body == unwantedEvent {
			continue
		}
		switch {
		case first < 0:
			first = e.body
			if !j.success(e.body) {
				j.object(lost, "body %d was acknowledged and has no effect", e.body)
			}
		case e.body != first:
			j.object(duplicate, "bodies %d and %d were both acknowledged", first, e.body)
		}
		if !e.told.duplicate && e.began.After(j.deadline.Add(slack)) {
			j.object(wrong, "body %d was posted %s after the deadline and acknowledged", e.body, e.began.Sub(j.deadline))
		}
	}
	for _, e := range j.told(didPost, http.StatusConflict) {
		if j.success(e.body) {
			j.object(wrong, "body %d took effect, and its sender got 409", e.body)
		}
	}
	if len(j.effects) > 1 {
		j.object(duplicate, "%d effects", len(j.effects))
	}
}

// unacknowledgedAtMostOnce: every effect was posted, or is the expiry that the
// registration requested.
func unacknowledgedAtMostOnce(j *judgement) {
	for _, e := range j.effects {
		switch {
		case e.Action == standin.SendTaskSuccess && j.which(string(e.Output)) != expiredError:
			posted := false
			for i := range j.bodies {
				posted = posted || j.success(i)
			}
			if !posted {
				j.object(wrong, "bytes took effect that nobody posted")
			}
		case e.Action == standin.SendTaskFailure && e.Error == expiredError:
			if j.callback.OnExpiry != api.OnExpiryFail {
				j.object(wrong, "the task got an expiry, and the registration asked for none")
			}
			if e.At.Before(j.deadline.Add(-slack)) {
				j.object(wrong, "expired %s before the deadline", j.deadline.Sub(e.At))
			}
		default:
			j.object(wrong, "unexpected effect: %s %s", e.Action, e.Error)
		}
	}
}

// expired: a sender that got "expired" can rely on it.
func expired(j *judgement) {
	toldExpired := false
	for _, e := range j.told(didPost, http.StatusGone) {
		toldExpired = toldExpired || e.told.word == api.CodeExpired.Short()
	}
	if !toldExpired && j.kind != kindSilent {
		return
	}
	for _, e := range j.effects {
		if e.Action == standin.SendTaskSuccess {
			j.object(wrong, "a sender was too late according to the relay, and the task succeeded")
		}
	}
	if j.callback.OnExpiry == api.OnExpiryFail && len(j.effects) == 0 {
		j.object(lost, "the deadline passed, and the task never got the expiry")
	}
}

// cancelled: after an acknowledged cancellation there is no effect.
func cancelled(j *judgement) {
	if len(j.told(didCancel, http.StatusOK)) == 0 {
		return
	}
	if len(j.effects) > 0 {
		j.object(wrong, "the cancel was acknowledged, and there is an effect")
	}
	if j.acknowledged() {
		j.object(wrong, "the cancel and an answer were both acknowledged")
	}
	if j.final != api.StateCancelled {
		j.object(wrong, "the cancel was acknowledged, and the state is %s", j.final)
	}
}

// registeredOnce: only one registration of a task token makes a callback; its
// response may have been lost. All registrations get the same links.
func registeredOnce(j *judgement) {
	for _, what := range j.noticed {
		j.object(wrong, "%s", what)
	}
	if made := len(j.told(didRegister, http.StatusCreated)); made > 1 {
		j.object(duplicate, "registered %d times", made)
	}
}

// everySenderServed: among senders without any fault in their way, one got a 2xx.
// And no registration of a new task token conflicts.
func everySenderServed(j *judgement) {
	if len(j.told(didRegister, http.StatusConflict)) > 0 {
		j.object(wrong, "a registration got 409, as if there were another")
	}
	if j.kind != kindOne && j.kind != kindTwice && j.kind != kindRivals {
		return
	}
	for _, e := range j.events {
		if e.what == didPost && e.err == nil && e.told.status < http.StatusInternalServerError && !j.acknowledged() {
			j.object(wrong, "no sender was served, and one got %d %s", e.told.status, e.told.word)
			return
		}
	}
}

// sameBytes: every attempt of a delivery sends the same bytes.
func sameBytes(j *judgement) {
	for _, c := range j.calls {
		if c.action != j.calls[0].action || c.outcome != j.calls[0].outcome {
			j.object(duplicate, "one attempt sent %s and another %s", j.which(j.calls[0].outcome), j.which(c.outcome))
			return
		}
	}
}

// finalState: the final state that the relay reports is what happened.
func finalState(j *judgement) {
	switch j.final {
	case api.StateDelivered:
		if len(j.effects) == 0 {
			j.object(lost, "state delivered, and there is no effect")
		}
	case api.StateAnswered:
		j.object(lost, "still answered, long after the faults ended")
	case stateMissing:
		j.object(lost, "the callback is gone")
	default:
		if len(j.effects) > 0 && !(j.final == api.StateRefused && j.attemptForgotten()) {
			j.object(wrong, "state %s, and there is an effect", j.final)
		}
		if j.final == api.StateExpired && j.callback.OnExpiry != api.OnExpiryIgnore {
			j.object(wrong, "state expired, and the task should have got the expiry")
		}
	}
}

// attemptForgotten reports whether a failover may have lost the record of the attempt that
// took effect, because claims do not wait for copies (decision 15). The next attempt then
// finds the task closed, and the delivery counts as refused. The first attempt for a post is
// recorded with the answer, which does wait, so it is never forgotten.
func (j *judgement) attemptForgotten() bool {
	if len(j.calls) < 2 || len(j.effects) == 0 {
		return false
	}
	effect := j.effects[0]
	if effect.Action == standin.SendTaskSuccess && effect.At.Before(j.calls[1].at) {
		return false
	}
	first, last := j.calls[0].at, j.calls[len(j.calls)-1].at
	return slices.ContainsFunc(j.failovers, func(f span) bool {
		return !f.ended.Before(first) && !f.began.After(last)
	})
}

// nobodyGaveUp: when the faults have ended, everybody gets a response.
func nobodyGaveUp(j *judgement) {
	for _, e := range j.events {
		if e.what == didGiveUp {
			j.object(wrong, "a client got no answer, long after the faults ended")
			return
		}
	}
}
