package relay_test

import (
	"slices"
	"testing"
	"time"

	"callback-relay/relay"
)

// complete gives a view everything that a page can show.
func complete(v *relay.View) {
	v.CreatedAt = v.Now.Add(-time.Hour)
	v.Approval.Title, v.Approval.Message, v.Approval.RequestedBy = "Deploy?", "Now", "Kim, kim@example.com"
	v.Approval.Details = []relay.Detail{{Name: "Service", Value: "billing"}}
	v.Approval.Required, v.Approval.Rejections = 2, 2
	v.Decisions = []relay.Decision{{Approved: true, Link: "lee", Number: 1, Approver: "Lee", Comment: relay.Payload("Fine."), At: v.Now}}
}

// A page says what it is about, who asks and what others said, while it waits and
// after every end.
func TestPageStandsAlone(t *testing.T) {
	ended := func(state relay.State, by, reason string) func(*relay.View) {
		return func(v *relay.View) {
			v.State, v.Outcome, v.Delivery = state, &relay.OutcomeView{By: by, Number: 1}, &relay.DeliveryView{LastError: reason}
		}
	}
	for want, change := range map[relay.Standing]func(*relay.View){
		relay.StandingWaiting: func(*relay.View) {},
		relay.StandingCounted: func(v *relay.View) {
			v.Decisions = append(v.Decisions, relay.Decision{Link: "dana", Approver: "Dana", Comment: relay.Payload("Later.")})
		},
		relay.StandingOnItsWay:   ended(relay.StateAnswered, "lee", ""),
		relay.StandingDecided:    ended(relay.StateDelivered, "lee", ""),
		relay.StandingTooLate:    func(v *relay.View) { v.ExpiresAt = v.Now },
		relay.StandingCancelled:  func(v *relay.View) { v.State = relay.StateCancelled },
		relay.StandingTaskClosed: ended(relay.StateRefused, "lee", "TaskTimedOut"),
		relay.StandingNotTaken:   ended(relay.StateRefused, "lee", "InvalidOutput"),
	} {
		v, ref, _ := cast(t, complete, change)
		b := &ballot{views: []relay.View{v}}
		p, err := b.service().Page(t.Context(), ref, nil)
		if err != nil || p.Standing != want {
			t.Fatalf("%s: stands at %s, %v", want, p.Standing, err)
		}
		if p.Title != "Deploy?" || p.Message != "Now" || !slices.Equal(p.Details, v.Approval.Details) ||
			p.Requester != "Kim, kim@example.com" || !p.Requested.Equal(v.CreatedAt) || !p.Now.Equal(v.Now) {
			t.Errorf("%s: shows %+v", want, p)
		}
		if len(p.Steps) != len(v.Decisions) || p.Steps[0].Comment != "Fine." || len(p.Steps) == 2 && p.Steps[1].Comment != "Later." {
			t.Errorf("%s: shows the steps %+v", want, p.Steps)
		}
	}
}

// A closed link shows the title, and what was done through it: not what others said,
// what it was about, and who asked.
func TestClosedLinkShowsItsOwn(t *testing.T) {
	v, ref, sub := cast(t, complete, func(v *relay.View) {
		v.Link.Closed = true
		v.Request.Message = "Only for Dana"
		v.Decisions = append(v.Decisions, relay.Decision{Link: "dana", Approver: "Dana", Comment: relay.Payload("Later.")})
	})
	sub.Decision = relay.Rejected // once more: it may be that the first answer was lost
	p, _, err := (&ballot{views: []relay.View{v}}).service().Submit(t.Context(), ref, nil, sub)
	if err != nil || p.Title != "Deploy?" || p.Message != "" || p.Details != nil || p.Requester != "" || !p.Requested.IsZero() {
		t.Errorf("shows %+v, %v", p, err)
	}
	if len(p.Steps) != 1 || p.Steps[0].Comment != "Later." {
		t.Errorf("shows the steps %+v", p.Steps)
	}
}
