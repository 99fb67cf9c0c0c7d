package relay_test

import (
	"testing"

	"callback-relay/relay"
)

// The state table again, as in the diagram of the package documentation: a change must
// be made in both places on purpose.
func TestNext(t *testing.T) {
	allowed := map[relay.State]map[relay.Event]relay.State{
		relay.StatePending: {
			relay.EventAnswer: relay.StateAnswered,
			relay.EventExpire: relay.StateAnswered,
			relay.EventLapse:  relay.StateExpired,
			relay.EventCancel: relay.StateCancelled,
		},
		relay.StateAnswered: {
			relay.EventConfirm: relay.StateDelivered,
			relay.EventRefuse:  relay.StateRefused,
		},
	}
	for _, none := range []relay.State{"", "Delivered"} {
		if none.Final() {
			t.Errorf("%q is a final state", none)
		}
	}
	for _, state := range relay.States {
		for _, event := range relay.Events {
			want, wantOK := allowed[state][event]
			if !wantOK {
				want = state
			}
			if got, ok := relay.Next(state, event); got != want || ok != wantOK {
				t.Errorf("%s in %s: %s, %v; want %s, %v", event, state, got, ok, want, wantOK)
			}
		}
		if got, want := state.Final(), len(allowed[state]) == 0; got != want {
			t.Errorf("%s: final is %v", state, got)
		}
	}
}

func TestTransitionOfEveryEvent(t *testing.T) {
	for _, event := range relay.Events {
		if transition := relay.TransitionOf(event); transition.Event != event {
			t.Errorf("%s: got the row of %s", event, transition.Event)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an event that does not exist has a row")
		}
	}()
	relay.TransitionOf("explode")
}
