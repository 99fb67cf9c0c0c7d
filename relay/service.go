package relay

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"callback-relay/forms"
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

	PublicURL     *url.URL      // what links begin with; may carry a path
	DefaultExpiry time.Duration // of a registration that names no deadline
	MaxExpiry     time.Duration
	MaxOutput     int // bytes, at most [MaxOutputBytes]
}

// formBytes bounds the memory for forms that were used before, in bytes.
const formBytes = 16 << 20

// Service is the relay's rules: all that can be asked of it, whoever asks. Its
// parts are its own, so that nobody goes past the rules.
type Service struct {
	store       Store
	keys        *KeyRing
	deliverer   Deliverer
	heartbeater Heartbeater
	forms       *forms.Cache

	publicURL     url.URL
	base          string // publicURL, without a slash at its end
	defaultExpiry time.Duration
	maxExpiry     time.Duration
	maxOutput     int
}

// NewService returns a service made of the given parts.
func NewService(o ServiceOptions) *Service {
	return &Service{
		store: o.Store, keys: o.Keys, deliverer: o.Deliverer, heartbeater: o.Heartbeater, forms: forms.NewCache(formBytes),
		publicURL: *o.PublicURL, base: strings.TrimSuffix(o.PublicURL.String(), "/"),
		defaultExpiry: o.DefaultExpiry, maxExpiry: o.MaxExpiry, maxOutput: o.MaxOutput,
	}
}

// PublicURL returns what links begin with. It may have a path.
func (s *Service) PublicURL() url.URL { return s.publicURL }

// Prove answers a nonce with a proof that this relay has its master key: see
// [KeyRing.Prove].
func (s *Service) Prove(nonce string) (proof string, ok bool) { return s.keys.Prove(nonce) }

// Create registers a task token, once: repeated with the same settings it
// finds the same callback, and created is false. Mistakes in the registration
// are all reported, as joined [*InvalidFieldError]s.
func (s *Service) Create(ctx context.Context, r Registration) (cb Callback, created bool, err error) {
	r.normalize(s.defaultExpiry)
	wrong, unseen := r.check(s.maxExpiry, s.maxOutput), r.unseen()
	if len(wrong) > 0 {
		return Callback{}, false, errors.Join(append(wrong, unseen...)...)
	}
	n := Prepare(s.keys, r, s.maxExpiry)
	n.Refused = errors.Join(unseen...)
	return s.store.Create(ctx, n)
}

// URL returns the address of a callback's link. It is a secret like its key.
func (s *Service) URL(cb Callback, link Link) string {
	return s.base + link.Path() + s.keys.LinkKey(cb.ID, link, cb.Key).Reveal()
}

// Resolve finds out which link a key from a URL stands for, or [ErrNotFound].
// It asks nobody: a forged key costs arithmetic only.
func (s *Service) Resolve(key string, kinds []LinkKind) (LinkRef, error) {
	return s.keys.Resolve(key, kinds)
}

// Code returns the six digits that a link of a callback asks for, or "" where
// it asks for none. Whoever registers sends them by another way than the link.
func (s *Service) Code(cb Callback, link Link, a *Approval) string {
	if a == nil || a.Confirm != ConfirmCode || !link.Page || link.Type == LinkHeartbeat {
		return ""
	}
	return s.keys.Code(cb.ID, link, cb.Key)
}

// Reschedule gives a pending callback another deadline, within the same bounds
// as a registration's, counted from now.
func (s *Service) Reschedule(ctx context.Context, id CallbackID, e Expires) (Callback, error) {
	errs := e.check(s.maxExpiry)
	if e == (Expires{}) {
		errs = append(errs, &InvalidFieldError{"expiresAt", "is required, or expiresIn"})
	}
	if err := errors.Join(errs...); err != nil {
		return Callback{}, err
	}
	return s.store.Reschedule(ctx, id, e, s.maxExpiry)
}

// Revoke closes one link of a callback for good. The others are not touched,
// and neither is what was decided through it before.
func (s *Service) Revoke(ctx context.Context, id CallbackID, name string) (Callback, error) {
	return s.store.Revoke(ctx, id, name)
}

// AddLink gives a pending callback one more link, or replaces the one that has
// the name: that is closed for good, and the new one has a URL of its own, a
// code of its own, and nobody has guessed at that yet. Mistakes are all
// reported, as joined [*InvalidFieldError]s; for the rest see [Store.AddLink].
// Repeating it replaces what it made before.
func (s *Service) AddLink(ctx context.Context, id CallbackID, name string, l LinkRequest) (View, error) {
	l = l.normal()
	return s.store.AddLink(ctx, id, name, l, func(cb Callback, a *Approval) error {
		var m mistakes
		m.checkAdded(name, l, cb, a, s.maxOutput)
		return errors.Join(m...)
	})
}

// Cancel withdraws a pending callback: its links end, and the task is told
// nothing. Repeating it is not an error.
func (s *Service) Cancel(ctx context.Context, id CallbackID) (Callback, error) {
	return s.store.Cancel(ctx, id)
}

// Inspect returns a callback as it stands.
func (s *Service) Inspect(ctx context.Context, id CallbackID) (Callback, error) {
	return s.store.Get(ctx, id)
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
	return s.store.List(ctx, q)
}
