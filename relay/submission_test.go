package relay_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/forms"
	"callback-relay/relay"
)

// ballot is a scripted store of one approval. It returns the views in turn, and then the
// last one again and again. It also sets the result of a submission.
type ballot struct {
	scripted
	views                                 []relay.View
	viewErr, decideErr, guessErr, confirm error

	decided, confirmed int
	declined           []relay.Decline
	declineErr         error
}

func (b *ballot) View(context.Context, relay.LinkRef) (relay.View, error) {
	v := b.views[0]
	if len(b.views) > 1 {
		b.views = b.views[1:]
	}
	return v, b.viewErr
}

func (b *ballot) Decide(ctx context.Context, _ relay.LinkRef, all []relay.Decision, _ *relay.Outcome) (relay.Recorded, error) {
	b.decided, b.hungUp = len(all), ctx.Err() != nil
	return b.recorded, b.decideErr
}

func (b *ballot) Guess(ctx context.Context, _ relay.LinkRef, _ bool) (int, error) {
	b.hungUp = b.hungUp || ctx.Err() != nil
	return 3, b.guessErr
}

func (b *ballot) ConfirmDurable(context.Context, relay.CallbackID) error {
	b.confirmed++
	return b.confirm
}

var ballotLink = relay.Link{Name: "dana", LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}, Approver: "Dana"}

// cast returns a callback that waits for Dana, with changes, and what she sends.
func cast(t *testing.T, changes ...func(*relay.View)) (relay.View, relay.LinkRef, relay.Submission) {
	t.Helper()
	ring := keys(t, "k1")
	id := ring.Identify("task")[0].ID
	ref, err := ring.Resolve(ring.LinkKey(id, ballotLink, "k1").Reveal(), relay.PageLinks)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	v := relay.View{
		Callback: relay.Callback{ID: id, State: relay.StatePending, ExpiresAt: now.Add(time.Hour), Links: []relay.Link{ballotLink}},
		Link:     ballotLink, Now: now,
		Approval: relay.Approval{Comment: relay.CommentOptional, OnReject: relay.OutcomeSuccess, Required: 1, Rejections: 1},
	}
	for _, change := range changes {
		change(&v)
	}
	return v, ref, relay.Submission{
		Nonce: ref.NewNonce(now), Decision: relay.Approved, Confirm: "000000",
	}
}

func (b *ballot) service() *relay.Service {
	return relay.NewService(relay.ServiceOptions{
		Store: b, Deliverer: b, PublicURL: &url.URL{Scheme: "https", Host: "relay.example.com"}, MaxOutput: relay.MaxOutputBytes,
	})
}

// decidedBy is the view after somebody's decision was recorded.
func decidedBy(number byte, name string, approved bool) func(*relay.View) {
	return func(v *relay.View) {
		v.State = relay.StateAnswered
		v.Decisions = []relay.Decision{{Approved: approved, Link: "a link", Number: number, Approver: name}}
		v.Outcome = &relay.OutcomeView{By: "a link", Number: number, Type: relay.OutcomeSuccess}
		v.Delivery = &relay.DeliveryView{}
	}
}

// If the callback ends after the page was looked up, the submission is an error, and its
// view shows no decision that was not stored.
func TestSubmitNotRecorded(t *testing.T) {
	for _, want := range []error{relay.ErrExpired, relay.ErrCancelled, relay.ErrLinkClosed, relay.ErrTaskClosed, relay.ErrUnavailable} {
		v, ref, sub := cast(t)
		b := &ballot{views: []relay.View{v}, decideErr: want}
		got, duplicate, err := b.service().Submit(t.Context(), ref, nil, sub)
		if !errors.Is(err, want) || duplicate {
			t.Errorf("%v: got %v, duplicate %v", want, err, duplicate)
		}
		if len(got.Steps) > 0 || got.Standing != relay.StandingWaiting || b.deliveries > 0 {
			t.Errorf("%v: the view has decisions %v and stands at %s; %d deliveries", want, got.Steps, got.Standing, b.deliveries)
		}
	}
}

// If a browser hangs up after its whole form has arrived, the decision and the wrong code
// are still recorded.
func TestSubmitFromABrowserThatHangsUp(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	v, ref, sub := cast(t)
	b := &ballot{views: []relay.View{v}}
	b.recorded = relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}
	if _, _, err := b.service().Submit(ctx, ref, nil, sub); err != nil || b.decided != 1 || b.hungUp {
		t.Errorf("%v, %d decisions, given up: %v", err, b.decided, b.hungUp)
	}
	v.Approval.Confirm = relay.ConfirmCode
	b = &ballot{views: []relay.View{v}}
	if _, _, err := b.service().Submit(ctx, ref, nil, sub); err == nil || b.hungUp {
		t.Errorf("a wrong code: %v, given up: %v", err, b.hungUp)
	}
}

// Row 79: a name that was typed through one link cannot be typed through another one in
// any spelling. Neither can the name of a person who has a link.
func TestTypedNameVotesOnce(t *testing.T) {
	open := relay.Link{Name: "open", LinkKind: ballotLink.LinkKind, Number: 1}
	for name, want := range map[string]forms.ProblemKind{
		"Kim Lee": relay.ProblemNameUsed, " kim  LEE ": relay.ProblemNameUsed, "K\u0456m Lee": relay.ProblemNameMixed,
		"dana": relay.ProblemNameTaken, "Lee Kim": "",
	} {
		v, _, sub := cast(t, func(v *relay.View) {
			v.Approval.Required = 2
			v.Links = append(v.Links, open)
			v.Link = open
			v.Decisions = []relay.Decision{{Approved: true, Link: "other", Number: 2, Approver: "Kim Lee", Typed: true}}
		})
		ring := keys(t, "k1")
		ref, err := ring.Resolve(ring.LinkKey(v.ID, open, "k1").Reveal(), relay.PageLinks)
		if err != nil {
			t.Fatal(err)
		}
		sub.Nonce, sub.Approver = ref.NewNonce(v.Now), name
		b := &ballot{views: []relay.View{v}}
		b.recorded = relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}
		_, _, err = b.service().Submit(t.Context(), ref, nil, sub)
		var got forms.ProblemKind
		if form := (*relay.FormError)(nil); errors.As(err, &form) {
			got = form.Problems[0].Kind
		}
		if got != want || (b.decided == 2) != (want == "") {
			t.Errorf("%q: %q (%v), %d decisions recorded, want %q", name, got, err, b.decided, want)
		}
	}
}

func TestSubmitRecorded(t *testing.T) {
	answered := func() relay.Recorded {
		return relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}
	}
	for name, c := range map[string]struct {
		required   int
		recorded   relay.Recorded
		settled    relay.State
		want       relay.Standing
		deliveries int
	}{
		"the only one": {1, answered(), relay.StateDelivered, relay.StandingDecided, 1},
		"on its way":   {1, answered(), relay.StateAnswered, relay.StandingOnItsWay, 1},
		"one of two":   {2, relay.Recorded{State: relay.StatePending}, "", relay.StandingCounted, 0},
	} {
		v, ref, sub := cast(t, func(v *relay.View) { v.Approval.Required = c.required })
		b := &ballot{views: []relay.View{v}}
		b.recorded, b.settled = c.recorded, relay.Settlement{State: c.settled}
		got, duplicate, err := b.service().Submit(t.Context(), ref, nil, sub)
		if err != nil || duplicate || got.Standing != c.want || b.deliveries != c.deliveries || len(got.Steps) != 1 {
			t.Errorf("%s: %s with %d decisions, duplicate %v, %d deliveries, %v", name, got.Standing, len(got.Steps), duplicate, b.deliveries, err)
		}
	}
}

// If somebody else decides after the page was looked up, it is looked up again, and the
// answer says what is true now.
func TestSubmitMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		then      func(*relay.View)
		want      error
		duplicate bool
	}{
		"the same person, the same": {decidedBy(0, "Dana", true), nil, true},
		"the same person, another":  {decidedBy(0, "Dana", false), relay.ErrAlreadyAnswered, false},
		"another person":            {decidedBy(1, "Lee", true), relay.ErrAlreadyAnswered, false},
		"nobody: it was cancelled":  {func(v *relay.View) { v.State = relay.StateCancelled }, relay.ErrCancelled, false},
		"nobody: it is too late":    {func(v *relay.View) { v.Now = v.ExpiresAt }, relay.ErrExpired, false},
	} {
		for _, first := range []error{relay.ErrMeanwhile, relay.ErrAlreadyAnswered} {
			before, ref, sub := cast(t)
			after := before
			c.then(&after)
			b := &ballot{views: []relay.View{before, after}, decideErr: first}
			_, duplicate, err := b.service().Submit(t.Context(), ref, nil, sub)
			if !errors.Is(err, c.want) || duplicate != c.duplicate {
				t.Errorf("%s: %v, duplicate %v", name, err, duplicate)
			}
			if b.confirmed > 0 != c.duplicate {
				t.Errorf("%s: confirmed %d times", name, b.confirmed)
			}
		}
	}
}

// A repeated answer is acknowledged only once it is as durable as the first (row 59).
func TestRepetitionIsConfirmedDurable(t *testing.T) {
	v, ref, sub := cast(t, decidedBy(0, "Dana", true))
	b := &ballot{views: []relay.View{v}, confirm: relay.ErrUnavailable}
	if _, _, err := b.service().Submit(t.Context(), ref, nil, sub); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("submit: %v", err)
	}
	b.views[0].Decisions = nil // as for a link with a fixed outcome
	ref.LinkKind = relay.LinkKind{Type: relay.LinkSuccess}
	if _, err := b.service().Receive(t.Context(), ref, relay.Post{Room: unbounded{}}); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("press: %v", err)
	}
	b.confirm = nil
	if got, err := b.service().Receive(t.Context(), ref, relay.Post{Room: unbounded{}}); err != nil || !got.Duplicate || got.Verdict != relay.PostAccepted {
		t.Errorf("press: %+v, %v", got, err)
	}
	if b.answers > 0 {
		t.Error("a repetition is recorded")
	}
}

// A wrong code is counted before anything is recorded, and only if the rest of the form
// is correct.
func TestSubmitCode(t *testing.T) {
	code := func(v *relay.View) { v.Approval.Confirm = relay.ConfirmCode }
	wrong := []forms.Problem{{Field: relay.InputConfirm, Kind: relay.ProblemWrongCode, Limit: "3"}}
	v, ref, sub := cast(t, code)
	b := &ballot{views: []relay.View{v}}
	_, _, err := b.service().Submit(t.Context(), ref, nil, sub)
	form := (*relay.FormError)(nil)
	if !errors.As(err, &form) || !slices.Equal(form.Problems, wrong) || b.decided > 0 {
		t.Errorf("wrong code: %v, %d decisions recorded", err, b.decided)
	}
	b = &ballot{views: []relay.View{v}, guessErr: relay.ErrLinkClosed}
	if got, _, err := b.service().Submit(t.Context(), ref, nil, sub); !errors.Is(err, relay.ErrLinkClosed) || len(got.Steps) > 0 {
		t.Errorf("too many codes: %v, decisions %v", err, got.Steps)
	}
	sub.Decision = ""
	b = &ballot{views: []relay.View{v}, guessErr: errors.New("counted")}
	if _, _, err := b.service().Submit(t.Context(), ref, nil, sub); !errors.As(err, &form) || form.Problems[0].Field != relay.InputDecision {
		t.Errorf("a form with another mistake: %v", err)
	}
}

// One mistake is not "1 mistakes".
func TestFormErrorCounts(t *testing.T) {
	for n, want := range map[int]string{1: "the form has 1 mistake", 2: "the form has 2 mistakes"} {
		if got := (&relay.FormError{Problems: make([]forms.Problem, n)}).Error(); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// Several choices of one field all arrive; of any other input, a second value is a mistake.
func TestSeveralChoices(t *testing.T) {
	several := func(v *relay.View) {
		v.Approval.Fields = []byte(`{"type":"object","properties":{"areas":{"type":"array","items":{"enum":["db","ui","api"]},"maxItems":2},"n":{"type":"integer"}}}`)
	}
	v, ref, sub := cast(t, several)
	typed := func(more url.Values) relay.Submission {
		form := url.Values{"nonce": {sub.Nonce}, "decision": {relay.Approved}}
		maps.Copy(form, more)
		return relay.NewSubmission(form)
	}
	for name, c := range map[string]struct {
		form url.Values
		want []forms.Problem
	}{
		"two":      {url.Values{"field.areas": {`"ui"`, `"db"`}, "field.n": {"1"}}, nil},
		"three":    {url.Values{"field.areas": {`"ui"`, `"db"`, `"api"`}}, []forms.Problem{{Field: "field.areas", Kind: forms.ProblemTooMany, Limit: "2"}}},
		"no such":  {url.Values{"field.areas": {`"ui"`, `"x"`}}, []forms.Problem{{Field: "field.areas", Kind: forms.ProblemNotAChoice}}},
		"a number": {url.Values{"field.n": {"1", "2"}}, []forms.Problem{{Field: "field.n", Kind: relay.ProblemTwice}}},
	} {
		b := &ballot{views: []relay.View{v}}
		b.recorded, b.settled = relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}, relay.Settlement{State: relay.StateDelivered}
		page, _, err := b.service().Submit(t.Context(), ref, nil, typed(c.form))
		form := &relay.FormError{}
		if err != nil && !errors.As(err, &form) || !slices.Equal(form.Problems, c.want) {
			t.Errorf("%s: %v (%v), want %v", name, form.Problems, err, c.want)
		}
		if c.want != nil {
			if in := page.Form.Inputs["field.areas"]; in.Values != 3 || page.Form.Inputs["field.n"].Values != 1 {
				t.Errorf("%s: inputs %v", name, page.Form.Inputs)
			}
		} else if output := string(b.delivered.Outcome.Output); !strings.Contains(output, `"fields":{"areas":["db","ui"],"n":1}`) {
			t.Errorf("%s: output %s", name, output)
		}
	}
}

// A rejection is not refused for a field that it does not need.
func TestRejectionWithInvalidFields(t *testing.T) {
	v, ref, sub := cast(t, func(v *relay.View) {
		v.Approval.Fields = []byte(`{"type":"object","properties":{"n":{"type":"integer"},"why":{"type":"string"}},"required":["n"]}`)
	})
	sub.Fields = map[string][]string{"n": {"three"}, "why": {"Too early"}}
	for decision, fields := range map[string]string{relay.Rejected: `"fields":{"why":"Too early"}`, relay.Approved: ""} {
		b := &ballot{views: []relay.View{v}}
		b.recorded, b.settled = relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}, relay.Settlement{State: relay.StateDelivered}
		sub.Decision = decision
		_, _, err := b.service().Submit(t.Context(), ref, nil, sub)
		if (err == nil) != (fields != "") || !strings.Contains(string(b.delivered.Outcome.Output), fields) {
			t.Errorf("%s: %v, output %s", decision, err, b.delivered.Outcome.Output)
		}
	}
}
