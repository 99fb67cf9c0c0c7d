package relay

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Deliverer brings a leased outcome to Step Functions. It returns what came of
// it, or a settlement in [StateAnswered] when that would take too long; the
// delivery then goes on without the caller.
type Deliverer interface {
	Deliver(ctx context.Context, d Delivery) Settlement
}

// Heartbeater tells Step Functions that the work on a task goes on, or knows what
// it was told when it did so a moment ago. Its error is a [*SendError], of
// [ErrOverloaded] where the rate limit leaves no room for a call.
type Heartbeater interface {
	Heartbeat(ctx context.Context, t TaskToken) error
}

// ServiceOptions are the parts and limits of a [Service]. All are required.
type ServiceOptions struct {
	Store       Store
	Keys        *KeyRing
	Deliverer   Deliverer
	Heartbeater Heartbeater
	Schemas     Schemas

	PublicURL     *url.URL      // what links begin with; may carry a path
	DefaultExpiry time.Duration // of a registration that names no deadline
	MaxExpiry     time.Duration
	MaxOutput     int // bytes, at most [MaxOutputBytes]
}

// Service is the relay's rules: all that can be asked of it, whoever asks.
type Service struct {
	ServiceOptions
	base string
}

// NewService returns a service made of the given parts.
func NewService(o ServiceOptions) *Service {
	return &Service{ServiceOptions: o, base: strings.TrimSuffix(o.PublicURL.String(), "/")}
}

// Create registers a task token, once: repeated with the same settings it
// finds the same callback, and created is false. Mistakes in the registration
// are all reported, as joined [*InvalidFieldError]s.
func (s *Service) Create(ctx context.Context, r Registration) (cb Callback, created bool, err error) {
	r.normalize(s.DefaultExpiry)
	wrong, unseen := r.check(s.MaxExpiry, s.MaxOutput, s.Schemas), r.unseen()
	if len(wrong) > 0 {
		return Callback{}, false, errors.Join(append(wrong, unseen...)...)
	}
	r.Refused = errors.Join(unseen...)
	return s.Store.Create(ctx, r, s.MaxExpiry)
}

// URL returns the address of a callback's link. It is a secret like its key.
func (s *Service) URL(cb Callback, link Link) string {
	return s.base + link.Path() + s.Keys.LinkKey(cb.ID, link, cb.Key).Reveal()
}

// Resolve finds out which link a key from a URL stands for, or [ErrNotFound].
// It asks nobody: a forged key costs arithmetic only.
func (s *Service) Resolve(key string, kinds []LinkKind) (LinkRef, error) {
	return s.Keys.Resolve(key, kinds)
}

// Code returns the six digits that a link of a callback asks for, or "" where
// it asks for none. Whoever registers sends them by another way than the link.
func (s *Service) Code(cb Callback, link Link, a *Approval) string {
	if a == nil || a.Confirm != ConfirmCode || !link.Page || link.Type == LinkHeartbeat {
		return ""
	}
	return s.Keys.Code(cb.ID, link, cb.Key)
}

// Answered is what the sender of an answer is told.
type Answered struct {
	ID        CallbackID
	State     State // [StateDelivered], or [StateAnswered] while delivery goes on
	Duplicate bool
	Response  Response // what the link's registration wants said besides
}

// Answer records an outcome, once, and delivers it. When it returns without an
// error the outcome is stored and will be delivered, if not by this process
// then by another. Sending the same outcome again is not an error. See
// [Store.Answer] for what can stand in the way, and [CheckOutput] for what an
// output must be.
func (s *Service) Answer(ctx context.Context, link LinkRef, o Outcome) (Answered, error) {
	if o.Type == OutcomeSuccess {
		if err := CheckOutput(o.Output, s.MaxOutput); err != nil {
			return Answered{}, err
		}
	}
	// All of the answer is here. A sender that hangs up now must not keep it
	// from being recorded, nor this process from learning that it was.
	recorded, err := s.Store.Answer(context.WithoutCancel(ctx), link, o)
	if err != nil {
		return Answered{}, err
	}
	answered := Answered{ID: link.ID, State: recorded.State, Duplicate: recorded.Duplicate, Response: recorded.Response}
	if recorded.Delivery != nil {
		settled := s.Deliverer.Deliver(ctx, *recorded.Delivery)
		if settled.State == StateRefused {
			// Known in time: the sender should hear that nothing will come of it.
			return Answered{}, fmt.Errorf("answer %s: %w", link.ID, RefusalError(settled.Reason))
		}
		answered.State = settled.State
	}
	return answered, nil
}

// Press is Answer with the fixed outcome of a success or failure link.
func (s *Service) Press(ctx context.Context, link LinkRef) (Answered, error) {
	v, err := s.Store.View(ctx, link)
	if err != nil {
		return Answered{}, err
	}
	// What the link would say is wiped with the final state, so that a repetition
	// is recognised by whose answer it was.
	if v.Standing() != StandingWaiting || v.Link.Closed {
		if err := v.late(Submission{}); err != nil {
			return Answered{}, fmt.Errorf("answer %s: %w", v.ID, err)
		}
		err := s.Store.Vouch(ctx, v.ID)
		return Answered{ID: v.ID, State: v.State, Duplicate: true, Response: v.Request.Response}, err
	}
	return s.Answer(ctx, link, v.Request.Outcome())
}

// Waits tells whether a link's callback still takes an answer: nil, or the error
// that [Service.Answer] would return.
func (s *Service) Waits(ctx context.Context, link LinkRef) error {
	_, _, err := s.Store.Waiting(ctx, link)
	return err
}

// Heartbeat tells Step Functions at once that the task is being worked on.
// Nothing is stored, and nothing is tried again: the result is the answer.
// It returns what the link's registration wants said besides. Besides the
// errors of [Store.Waiting] it reports [ErrTaskClosed], [ErrRefused],
// [ErrOverloaded] and [ErrUnavailable].
func (s *Service) Heartbeat(ctx context.Context, link LinkRef) (Response, error) {
	task, said, err := s.Store.Waiting(ctx, link)
	if err != nil {
		return Response{}, err
	}
	err = s.Heartbeater.Heartbeat(ctx, task)
	if err == nil {
		return said, nil
	}
	kind, send := ErrUnavailable, (*SendError)(nil)
	switch {
	case errors.Is(err, ErrOverloaded):
		kind = ErrOverloaded
	case errors.As(err, &send) && send.Class == SendClosed:
		kind = ErrTaskClosed
	case errors.As(err, &send) && send.Class == SendNever:
		kind = ErrRefused
	}
	return Response{}, fmt.Errorf("heartbeat %s: %w: %w", link.ID, kind, err)
}

// Reschedule gives a pending callback another deadline, within the same bounds
// as a registration's, counted from now.
func (s *Service) Reschedule(ctx context.Context, id CallbackID, e Expires) (Callback, error) {
	errs := e.check(s.MaxExpiry)
	if e == (Expires{}) {
		errs = append(errs, &InvalidFieldError{"expiresAt", "is required, or expiresIn"})
	}
	if err := errors.Join(errs...); err != nil {
		return Callback{}, err
	}
	return s.Store.Reschedule(ctx, id, e, s.MaxExpiry)
}

// Revoke closes one link of a callback for good. The others are not touched,
// and neither is what was decided through it before.
func (s *Service) Revoke(ctx context.Context, id CallbackID, name string) (Callback, error) {
	return s.Store.Revoke(ctx, id, name)
}

// AddLink gives a pending callback one more link, or replaces the one that has
// the name: that is closed for good, and the new one has a URL of its own, a
// code of its own, and nobody has guessed at that yet. Mistakes are all
// reported, as joined [*InvalidFieldError]s; for the rest see [Store.AddLink].
// Repeating it replaces what it made before.
func (s *Service) AddLink(ctx context.Context, id CallbackID, name string, l LinkRequest) (View, error) {
	l = l.normal()
	return s.Store.AddLink(ctx, id, name, l, func(cb Callback, a *Approval) error {
		var m mistakes
		m.checkAdded(name, l, cb, a, s.MaxOutput)
		return errors.Join(m...)
	})
}

// Cancel withdraws a pending callback: its links end, and the task is told
// nothing. Repeating it is not an error.
func (s *Service) Cancel(ctx context.Context, id CallbackID) (Callback, error) {
	return s.Store.Cancel(ctx, id)
}

// Inspect returns a callback as it stands.
func (s *Service) Inspect(ctx context.Context, id CallbackID) (Callback, error) {
	return s.Store.Get(ctx, id)
}

// List returns a page of callbacks, in the order that [Store] says; of 20, if the query names no
// limit.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	if q.Limit < 1 || q.Limit > MaxPage {
		return Page{}, &InvalidFieldError{"limit", fmt.Sprintf("must be 1 to %d", MaxPage)}
	}
	if q.State != "" && !slices.Contains(States, q.State) {
		return Page{}, &InvalidFieldError{"state", fmt.Sprintf("must be one of %v", States)}
	}
	return s.Store.List(ctx, q)
}
