package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// submitTries is how often a decision is recorded again because others decided at
// the same moment. Each link decides at most once, so more tries are never needed.
const submitTries = MaxLinks

// Submit takes what a person sent from a link's page, and returns the updated page.
// Most errors come with a page too: a [*FormError] with the form to correct;
// [ErrAlreadyAnswered], [ErrExpired], [ErrCancelled], [ErrTaskClosed] and
// [ErrRefused] with the reason why it was too late. Sending the same again is not
// an error: duplicate is then true. With [NotForMe] nothing is decided, and the page is the
// same as before. A [*BarredError] comes with the page that says why this person cannot
// decide. Errors without a page are those of [Service.Page], which explains from.
func (s *Service) Submit(ctx context.Context, link LinkRef, from http.Header, sub Submission) (p LinkPage, duplicate bool, err error) {
	v, duplicate, err := s.submit(ctx, link, from, sub)
	if v.ID == "" {
		return LinkPage{}, false, err
	}
	p = s.page(link, v, sub.Nonce)
	if err == nil && link.Type == LinkHeartbeat && sub.Decision != NotForMe { // a heartbeat leaves no step
		p.Response = v.Request.Response
	}
	return p, duplicate, err
}

// submit does the work of Submit. It returns the view from which the page is made, or
// an empty view if nothing may be shown.
func (s *Service) submit(ctx context.Context, link LinkRef, from http.Header, sub Submission) (v View, duplicate bool, err error) {
	for range submitTries {
		v, err := s.view(ctx, link, from)
		if err != nil {
			return View{}, false, err
		}
		f := v.facts(sub)
		if f.Repeated() {
			// Having read the record is not enough to acknowledge it: so far it may exist
			// on one Redis server only.
			return v, true, s.store.ConfirmDurable(ctx, v.ID)
		}
		switch err := f.Refusal(); {
		case errors.Is(err, ErrLinkClosed):
			return View{}, false, fmt.Errorf("submit %s: %w", v.ID, err)
		case err != nil:
			return v, false, err
		}
		v, err = s.submitOnce(ctx, link, v, sub)
		// Since the callback was read, somebody else has decided, or the deadline has
		// passed: read it again, and report what is true now.
		if !errors.Is(err, ErrMeanwhile) && !errors.Is(err, ErrAlreadyAnswered) {
			return v, false, err
		}
	}
	return View{}, false, fmt.Errorf("submit %s: %w", link.ID, ErrUnavailable)
}

// submitOnce judges what was sent from a waiting page, and records it.
func (s *Service) submitOnce(ctx context.Context, link LinkRef, v View, sub Submission) (View, error) {
	if barred := v.barredBy(); barred != "" {
		return v, &BarredError{barred}
	}
	if sub.Decision == NotForMe {
		return v, s.decline(ctx, link, v, sub)
	}
	d, err := s.judge(ctx, link, v, sub)
	switch {
	case err != nil:
		return v, err
	case link.Type == LinkHeartbeat:
		_, err := s.heartbeat(ctx, link, false)
		return v, err
	case link.Type != LinkApproval:
		outcome := v.Request.Outcome()
		return s.record(ctx, v, v.Decisions, &outcome, func(ctx context.Context) (Recorded, error) {
			return s.store.Answer(ctx, link, outcome, nil)
		})
	}
	decisions := append(slices.Clip(v.Decisions), d)
	var o *Outcome
	if final, _ := v.Approval.verdict(decisions); final {
		outcome := v.Approval.outcome(v.ID, decisions)
		o = &outcome
	}
	return s.record(ctx, v, decisions, o, func(ctx context.Context) (Recorded, error) {
		return s.store.Decide(ctx, link, decisions, o)
	})
}

// record records a submission with write, and delivers the outcome, which is nil if
// others still have to decide. It returns the updated view, with the given decisions
// if they were recorded.
func (s *Service) record(ctx context.Context, v View, decisions []Decision, o *Outcome, write func(context.Context) (Recorded, error)) (View, error) {
	// The whole submission has arrived: see [Service.answer].
	recorded, err := write(context.WithoutCancel(ctx))
	if err != nil {
		return v, err
	}
	if recorded.Duplicate { // recorded through this link, or another one with the same outcome
		return v, ErrMeanwhile
	}
	v.State, v.Decisions = recorded.State, decisions
	if v.State == StatePending {
		return v, nil
	}
	v.Outcome = &OutcomeView{
		By: v.Link.Name, Number: v.Link.Number, Type: o.Type, Error: o.Error, At: recorded.Delivery.AnsweredAt,
	}
	settled := s.deliver(ctx, *recorded.Delivery, *o)
	v.State, v.Delivery = settled.State, &DeliveryView{LastError: settled.Reason}
	if settled.State == StateRefused {
		return v, fmt.Errorf("submit %s: %w", v.ID, RefusalError(settled.Reason))
	}
	return v, nil
}
