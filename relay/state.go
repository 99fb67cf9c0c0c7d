package relay

import "slices"

// State is the state of a callback. The package documentation has a diagram of how
// one state leads to another.
type State string

// The states. The last four are final: nothing leads out of them.
const (
	StatePending   State = "pending"   // waits for an answer
	StateAnswered  State = "answered"  // the outcome is recorded and being delivered
	StateDelivered State = "delivered" // Step Functions took the outcome
	StateRefused   State = "refused"   // Step Functions will never take the outcome
	StateExpired   State = "expired"   // the deadline passed, and onExpiry was ignore
	StateCancelled State = "cancelled" // withdrawn through the private API
)

// States lists every state.
var States = []State{
	StatePending, StateAnswered, StateDelivered, StateRefused, StateExpired, StateCancelled,
}

// Final tells whether nothing leads out of the state. The task token and the
// payload of a callback in a final state have been deleted. A text that is no state
// is not final.
func (s State) Final() bool {
	return slices.Contains(States, s) &&
		!slices.ContainsFunc(transitions, func(t Transition) bool { return t.From == s })
}

// Event is what can happen to a callback.
type Event string

// The events.
const (
	EventAnswer  Event = "answer"  // the first answer, in time
	EventExpire  Event = "expire"  // the deadline passed, onExpiry=fail
	EventLapse   Event = "lapse"   // the deadline passed, onExpiry=ignore
	EventCancel  Event = "cancel"  // withdrawn through the private API
	EventConfirm Event = "confirm" // Step Functions took the outcome
	EventRefuse  Event = "refuse"  // Step Functions never will
)

// Events lists every event.
var Events = []Event{
	EventAnswer, EventExpire, EventLapse, EventCancel, EventConfirm, EventRefuse,
}

// Transition is one row of the state table.
type Transition struct {
	Event Event
	From  State
	To    State
}

// transitions is the state table: a transition that is not in it cannot happen. The
// store's scripts get the states of their row as arguments.
var transitions = []Transition{
	{EventAnswer, StatePending, StateAnswered},
	{EventExpire, StatePending, StateAnswered},
	{EventLapse, StatePending, StateExpired},
	{EventCancel, StatePending, StateCancelled},
	{EventConfirm, StateAnswered, StateDelivered},
	{EventRefuse, StateAnswered, StateRefused},
}

// TransitionOf returns the row of an event: each event has exactly one.
func TransitionOf(e Event) Transition {
	for _, t := range transitions {
		if t.Event == e {
			return t
		}
	}
	panic("relay: no transition for event " + string(e))
}

// Next returns the state that an event leads to, and false when the event
// cannot happen in the state.
func Next(s State, e Event) (State, bool) {
	if t := TransitionOf(e); t.From == s {
		return t.To, true
	}
	return s, false
}
