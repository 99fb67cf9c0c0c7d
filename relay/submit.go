package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// submitTries is how often a decision is put beside those of others that came
// at the same moment. Each of them is one person's, so it never takes more.
const submitTries = MaxLinks

// Submit takes what a person sent from a link's page. It returns the page as it
// then is, also with most errors: with a [*FormError] to show the form again; with
// [ErrAlreadyAnswered], [ErrExpired], [ErrCancelled], [ErrTaskClosed] and
// [ErrRefused] to show why it came too late. Sending the same again is no error,
// but a duplicate. Errors without a page are as for [Service.Page].
func (s *Service) Submit(ctx context.Context, link LinkRef, sub Submission) (p LinkPage, duplicate bool, err error) {
	v, duplicate, err := s.take(ctx, link, sub)
	if v.ID == "" {
		return LinkPage{}, false, err
	}
	p = s.page(link, v, sub.Nonce)
	if err == nil && link.Type == LinkHeartbeat { // which leaves no step
		p.Response = v.Request.Response
	}
	return p, duplicate, err
}

// take is Submit, and returns the view from which the page is made; none where
// nothing may be shown.
func (s *Service) take(ctx context.Context, link LinkRef, sub Submission) (v View, duplicate bool, err error) {
	for range submitTries {
		v, err := s.store.View(ctx, link)
		if err != nil {
			return View{}, false, err
		}
		if v.Link.Closed {
			return s.repeat(ctx, v, sub)
		}
		if v.Standing() != StandingWaiting {
			if err := v.late(sub); err != nil {
				return v, false, err
			}
			// To have read it is not enough to acknowledge it: it may be recorded in
			// one place only.
			return v, true, s.store.ConfirmDurable(ctx, v.ID)
		}
		v, err = s.submit(ctx, link, v, sub)
		// Between the look and the record somebody else was faster, or the deadline
		// passed: look again, and say what is so now.
		if !errors.Is(err, ErrMeanwhile) && !errors.Is(err, ErrAlreadyAnswered) {
			return v, false, err
		}
	}
	return View{}, false, fmt.Errorf("submit %s: %w", link.ID, ErrUnavailable)
}

// repeat takes what was sent to a closed link, if it is what was decided or
// answered through it before: whoever sent that may not have heard what came of
// it. More than that a closed link does not show.
func (s *Service) repeat(ctx context.Context, v View, sub Submission) (View, bool, error) {
	if err := v.late(sub); err != nil {
		return View{}, false, fmt.Errorf("submit %s: %w", v.ID, err)
	}
	v.Approval, v.Request.Message = Approval{Title: v.Approval.Title}, ""
	if mine, ok := v.Mine(); ok {
		v.Decisions, v.Outcome = []Decision{mine}, nil
	}
	return v, true, s.store.ConfirmDurable(ctx, v.ID)
}

// submit judges what was sent from a page that waits, and records it.
func (s *Service) submit(ctx context.Context, link LinkRef, v View, sub Submission) (View, error) {
	d, err := s.judge(ctx, link, v, sub)
	switch {
	case err != nil:
		return v, err
	case link.Type == LinkHeartbeat:
		_, err := s.heartbeat(ctx, link)
		return v, err
	case link.Type != LinkApproval:
		outcome := v.Request.Outcome()
		return s.record(ctx, v, v.Decisions, &outcome, func(ctx context.Context) (Recorded, error) {
			return s.store.Answer(ctx, link, outcome)
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

// record records what was submitted, and delivers the outcome, nil where others
// still have to decide. It returns the view as it is then, with these decisions if
// they were recorded.
func (s *Service) record(ctx context.Context, v View, decisions []Decision, o *Outcome, write func(context.Context) (Recorded, error)) (View, error) {
	// The whole submission has arrived: see [Service.answer].
	recorded, err := write(context.WithoutCancel(ctx))
	if err != nil {
		return v, err
	}
	if recorded.Duplicate { // by this link or by another one with the same outcome
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
