package store_test

import (
	"errors"
	"fmt"

	"callback-relay/relay"
)

// model is the state that one callback must have. It has the rules of the design
// in plain Go, without scripts and without concurrency. Each method is one step at
// one instant (milliseconds since 1970). It returns the callback after the step,
// and the reply to the caller as text.
//
// Two tests use it. TestModel takes random steps one after another and compares
// all data in Redis. TestLinearizable lets replicas race, and checks that their
// replies are possible in some sequential order.
type model struct {
	lease    int64 // how long an attempt may take
	kept     bool  // in Redis, if only as a tombstone
	asked    settings
	created  int64
	deadline int64
	state    relay.State

	closed  [3]bool // by the link's number
	wrong   [3]int  // wrong codes, by the link's number
	decided int     // how many people have decided
	remarks bool    // their remarks are stored
	said    bool    // their comments are stored

	outcome  outcome
	event    string // id of the event that answered; "" for none
	by       string // a link's number, or relay.ByExpiry
	answered int64

	attempts, unclear int
	held              string // name of the lease, while one is held
	released          string // name of the lease that was settled last
	due               int64  // while answered: when the next attempt may start
	leases            int    // how many there were, which the previous release needs

	lastError string
	reason    string
	confirmed bool
	ended     int64 // when it became final
}

// settings are the parts of a registration that a repetition must not change.
type settings struct {
	expires  string // how it was asked for
	onExpiry relay.OnExpiry
	approval string // "" for none, or whether it stays after the end: stay or forget
}

// outcome is a [relay.Outcome] that can be compared.
type outcome struct {
	kind           relay.OutcomeType
	error, payload string
}

var expiryOutcome = outcome{kind: relay.OutcomeFailure, error: relay.ErrorExpired}

func (o outcome) relay() relay.Outcome {
	return relay.NewOutcome(o.kind, o.error, relay.Payload(o.payload))
}

// plain is the reverse, except for the cause of an expiry, which names the deadline.
func plain(o relay.Outcome) outcome {
	if o.Error == relay.ErrorExpired {
		return expiryOutcome
	}
	return outcome{o.Type, o.Error, string(o.Payload())}
}

func (m model) create(now int64, asked settings, deadline int64) (model, string) {
	switch {
	case m.state == relay.StateCancelled:
		return m, told(relay.ErrRegistrationCancelled)
	case m.kept && m.asked == asked:
		return m, "exists"
	case m.kept:
		return m, told(relay.ErrSettingsDiffer)
	case deadline <= now, deadline-now > maxExpiry.Milliseconds():
		return m, told(&relay.InvalidFieldError{Field: "expiresAt"})
	}
	return model{
		lease: m.lease, kept: true, asked: asked, created: now, deadline: deadline, state: relay.StatePending,
	}, "created"
}

// answerGuarded is an answer through a link with a guard. passed says that the guard
// was passed, and event is the id of the event.
func (m model) answerGuarded(now int64, by string, o outcome, passed bool, event, lease string) (model, string) {
	if m.kept && !passed {
		return m, toldGuarded
	}
	return m.answer(now, by, o, event, lease)
}

func (m model) answer(now int64, by string, o outcome, event, lease string) (model, string) {
	same := m.outcome == o
	if m.event != "" && event != "" {
		same = m.event == event
	}
	// A closed link may still repeat its own answer (row 83).
	if m.isClosed(by) && (m.by != by || !same) {
		return m, told(relay.ErrLinkClosed)
	}
	repeated := same && m.by != relay.ByExpiry
	if repeated && (m.state == relay.StateAnswered || m.state == relay.StateDelivered) {
		return m, "duplicate: " + string(m.state)
	}
	if err := m.refusal(now); err != nil {
		return m, told(err)
	}
	m = m.record(now, by, o, lease)
	m.event = event
	return m, "recorded: " + m.leaseText()
}

func (m model) record(now int64, by string, o outcome, lease string) model {
	m.state, m.outcome, m.by, m.answered = relay.StateAnswered, o, by, now
	m.leases, m.attempts, m.unclear = 1, 1, 1
	m.held, m.due, m.remarks = lease, now+m.lease, false
	return m
}

// isClosed returns whether the link of this number is closed.
func (m model) isClosed(link string) bool { return m.kept && link != "" && m.closed[link[0]-'0'] }

// decide adds a decision by a person who has seen the given number of earlier
// ones. A decision with an outcome ends the callback.
func (m model) decide(now int64, by string, before int, o *outcome, lease string) (model, string) {
	if m.isClosed(by) && m.decided == before {
		return m, told(relay.ErrLinkClosed)
	}
	if m.isClosed(by) { // it may be this very decision that was recorded
		return m, told(relay.ErrMeanwhile)
	}
	if err := m.refusal(now); err != nil {
		return m, told(err)
	}
	if m.decided != before {
		return m, told(relay.ErrMeanwhile)
	}
	m.decided, m.remarks, m.said = before+1, true, m.asked.approval == "stay"
	if o == nil {
		return m, "decided"
	}
	m = m.record(now, by, *o, lease)
	return m, "recorded: " + m.leaseText()
}

func (m model) guess(link int, right bool) (model, string) {
	switch {
	case !m.kept:
		return m, told(relay.ErrNotFound)
	case m.closed[link]:
		return m, told(relay.ErrLinkClosed)
	case !right:
		m.wrong[link]++
	}
	if m.wrong[link] == relay.MaxGuesses {
		m.closed[link] = true
		return m, told(relay.ErrLinkClosed)
	}
	return m, fmt.Sprint(relay.MaxGuesses-m.wrong[link], " left")
}

func (m model) revoke(link int) (model, string) {
	if !m.kept {
		return m, told(relay.ErrNotFound)
	}
	m.closed[link] = true
	return m, "closed"
}

func (m model) reschedule(now, deadline int64) (model, string) {
	if err := m.refusal(now); err != nil {
		return m, told(err)
	}
	if deadline <= now || deadline-now > maxExpiry.Milliseconds() {
		return m, told(&relay.InvalidFieldError{Field: "expiresAt"})
	}
	m.deadline = deadline
	return m, "rescheduled"
}

func (m model) waiting(now int64, link string) (model, string) {
	if m.isClosed(link) {
		return m, told(relay.ErrLinkClosed)
	}
	if err := m.refusal(now); err != nil {
		return m, told(err)
	}
	return m, "waiting"
}

func (m model) cancel(now int64) (model, string) {
	if m.state == relay.StateCancelled {
		return m, "cancelled"
	}
	if err := m.refusal(now); err != nil {
		return m, told(err)
	}
	m.state, m.ended, m.remarks = relay.StateCancelled, now, false
	return m, "cancelled"
}

// refusal returns why the callback takes no answer, or nil.
func (m model) refusal(now int64) error {
	switch m.state {
	case "":
		return relay.ErrNotFound
	case relay.StatePending:
		if now < m.deadline {
			return nil
		}
		return relay.ErrExpired
	case relay.StateExpired:
		return relay.ErrExpired
	case relay.StateCancelled:
		return relay.ErrCancelled
	}
	if m.by == relay.ByExpiry {
		return relay.ErrExpired
	}
	if m.state == relay.StateRefused {
		return relay.RefusalError(m.reason)
	}
	return relay.ErrAlreadyAnswered
}

// overdue returns whether the deadline watch would end the callback.
func (m model) overdue(now int64) bool { return m.state == relay.StatePending && m.deadline <= now }

func (m model) expire(now int64) (model, string) {
	if !m.overdue(now) {
		return m, "left alone"
	}
	m.remarks = false
	if m.asked.onExpiry == relay.OnExpiryIgnore {
		m.state, m.ended = relay.StateExpired, now
		return m, "ended"
	}
	m.state, m.outcome, m.by, m.answered, m.due = relay.StateAnswered, expiryOutcome, relay.ByExpiry, now, now
	return m, "ended"
}

// claimable returns whether an attempt may start.
func (m model) claimable(now int64) bool { return m.state == relay.StateAnswered && m.due <= now }

func (m model) claim(now int64, lease string) (model, string) {
	if !m.claimable(now) {
		return m, "left alone"
	}
	m.leases, m.attempts, m.unclear = m.leases+1, m.attempts+1, m.unclear+1
	m.held, m.due = lease, now+m.lease
	return m, m.leaseText()
}

func (m model) leaseText() string {
	return fmt.Sprintf("leased: attempt %d after %d unclear, %v", m.attempts, m.unclear-1, m.outcome)
}

// deliveryText is [model.leaseText] for a delivery of the store.
func deliveryText(d relay.Delivery) string {
	return fmt.Sprintf("leased: attempt %d after %d unclear, %v", d.Attempt, d.EarlierUnclear, plain(d.Outcome))
}

func (m model) settle(now int64, lease string, end relay.Settlement) (model, string) {
	switch {
	case m.held == "" && m.released == lease:
		return m, "held" // settled already: the client may repeat a call
	case m.held != lease:
		return m, "lost"
	}
	m.held, m.released = "", lease
	if end.State != relay.StateAnswered {
		m.state, m.reason, m.confirmed, m.ended = end.State, end.Reason, end.Confirmed, now
		return m, "held"
	}
	m.lastError, m.due = end.Reason, now+end.RetryIn.Milliseconds()
	if end.NoEffect || end.NotMade {
		m.unclear--
	}
	if end.NotMade {
		m.attempts--
	}
	return m, "held"
}

// forget drops a tombstone whose retention has ended.
func (m model) forget(now int64) model {
	if m.state.Final() && m.kept && now >= m.ended+retention.Milliseconds() {
		return model{lease: m.lease}
	}
	return m
}

// get returns what the owner sees, except the times.
func (m model) get() (model, string) {
	if !m.kept {
		return m, told(relay.ErrNotFound)
	}
	last := m.lastError
	if m.reason != "" {
		last = m.reason
	}
	return m, fmt.Sprintf("%s, %s %q by %q, attempts %d, confirmed %t, last error %q",
		m.state, m.outcome.kind, m.outcome.error, m.by, m.attempts, m.confirmed, last)
}

// callbackText is [model.get] for a callback of the store.
func callbackText(cb relay.Callback) string {
	var o relay.OutcomeView
	var d relay.DeliveryView
	if cb.Outcome != nil {
		o, d = *cb.Outcome, *cb.Delivery
	}
	for _, l := range cb.Links {
		if l.Name == o.By {
			o.By = fmt.Sprint(l.Number)
		}
	}
	return fmt.Sprintf("%s, %s %q by %q, attempts %d, confirmed %t, last error %q",
		cb.State, o.Type, o.Error, o.By, d.Attempts, d.Confirmed, d.LastError)
}

// toldGuarded is what a caller sees who has not checked the guard of a link.
const toldGuarded = "guarded"

// told returns the text of an error as the caller sees it.
func told(err error) string {
	if guarded := (*relay.GuardedError)(nil); errors.As(err, &guarded) {
		return toldGuarded
	}
	for _, known := range []error{
		relay.ErrNotFound, relay.ErrAlreadyAnswered, relay.ErrExpired, relay.ErrCancelled,
		relay.ErrTaskClosed, relay.ErrRefused, relay.ErrSettingsDiffer, relay.ErrRegistrationCancelled, relay.ErrLinkClosed, relay.ErrMeanwhile,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	var field *relay.InvalidFieldError
	if errors.As(err, &field) {
		return "bad " + field.Field
	}
	return fmt.Sprint("unexpected: ", err)
}
