package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"callback-relay/forms"
	"callback-relay/publickeys"
	"callback-relay/rules"
	"callback-relay/senders"
)

// Deliverer brings a leased outcome to Step Functions. It returns the result. If
// that would take too long, it returns a settlement in [StateAnswered], and the
// delivery continues without the caller.
type Deliverer interface {
	Deliver(ctx context.Context, d Delivery) Settlement
}

// Heartbeater tells Step Functions that work on a task continues. If it did so a
// moment ago, it repeats that result without a call. Its error is a [*SendError],
// which wraps [ErrOverloaded] if the rate limit leaves no room for a call.
type Heartbeater interface {
	Heartbeat(ctx context.Context, t TaskToken) error
}

// ServiceOptions are the parts and limits of a [Service]. All are required.
type ServiceOptions struct {
	Store       Store
	Keys        *KeyRing
	Deliverer   Deliverer
	Heartbeater Heartbeater
	Senders     Senders // of the configuration file
	// SenderKeys has the public keys of senders that sign with their own; nil for
	// those that all senders of the process share.
	SenderKeys *publickeys.Cache
	Metrics    PostMetrics
	Logger     *slog.Logger
	// Hooks are those of the configuration file, and HookMetrics counts what they get; nil
	// for none.
	Hooks       Hooks
	HookMetrics HookMetrics
	People      People // who has a page open; nil if no proxy signs it

	PublicURL     *url.URL      // what links begin with; may carry a path
	DefaultExpiry time.Duration // of a registration that names no deadline
	MaxExpiry     time.Duration
	MaxOutput     int // bytes, at most [MaxOutputBytes]
	// MaxBody is how many bytes the body of a post to a guarded link may have, as JSON.
	// It is at least MaxOutput.
	MaxBody int
	Now     func() time.Time // for the age of signatures; by default [time.Now]
}

// How much memory is for cached forms and compiled rules, in bytes.
const (
	formBytes = 16 << 20
	ruleBytes = 16 << 20
)

// Service is the relay's rules: every request goes through it, from either
// listener. Its parts are unexported, so that no caller can bypass the rules.
type Service struct {
	store       Store
	keys        *KeyRing
	deliverer   Deliverer
	heartbeater Heartbeater
	senders     Senders
	senderKeys  []senders.Option
	metrics     PostMetrics
	hooks       Hooks
	hookMetrics HookMetrics
	people      People
	awaited     awaited
	judging     chan struct{} // one for each event that is given and judged now
	logger      *slog.Logger
	forms       *forms.Cache
	rules       *rules.Cache
	now         func() time.Time

	publicURL     url.URL
	base          string // publicURL, without a slash at its end
	defaultExpiry time.Duration
	maxExpiry     time.Duration
	maxOutput     int
	maxBody       int
}

// NewService returns a service made of the given parts.
func NewService(o ServiceOptions) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hooks == nil {
		o.Hooks = noHooks{}
	}
	if o.HookMetrics == nil {
		o.HookMetrics = uncountedHooks{}
	}
	if o.People == nil {
		o.People = noPeople{}
	}
	var keys []senders.Option
	if o.SenderKeys != nil {
		keys = append(keys, senders.WithKeys(o.SenderKeys))
	}
	return &Service{
		store: o.Store, keys: o.Keys, deliverer: o.Deliverer, heartbeater: o.Heartbeater,
		senders: o.Senders, senderKeys: keys, metrics: o.Metrics, logger: o.Logger, now: o.Now,
		hooks: o.Hooks, hookMetrics: o.HookMetrics, people: o.People, judging: make(chan struct{}, maxJudged),
		forms: forms.NewCache(formBytes), rules: rules.NewCache(ruleBytes),
		publicURL: *o.PublicURL, base: strings.TrimSuffix(o.PublicURL.String(), "/"),
		defaultExpiry: o.DefaultExpiry, maxExpiry: o.MaxExpiry, maxOutput: o.MaxOutput, maxBody: o.MaxBody,
	}
}

// PublicURL returns the URL that all links begin with. It may have a path.
func (s *Service) PublicURL() url.URL { return s.publicURL }

// Prove answers a nonce with a proof that this relay has its master key: see
// [KeyRing.Prove].
func (s *Service) Prove(nonce string) (proof string, ok bool) { return s.keys.Prove(nonce) }

// Create registers a task token. Repeated with the same settings, it finds the same
// callback, and created is false. It reports all mistakes in the registration at
// once, as joined [*InvalidFieldError]s.
//
// If the callback waits for events, it first exists and then joins those who wait for their
// keys. An error in between, such as [ErrTooManyWaiters], leaves a callback that may not
// wait for all of its events: repeating the registration joins again.
func (s *Service) Create(ctx context.Context, r Registration) (cb Callback, created bool, err error) {
	r.normalize(s.defaultExpiry)
	wrong, unclear := r.check(s.maxExpiry, s.maxOutput), r.unclearTexts()
	wrong = append(wrong, s.checkGuards(r.Links, func(name string) string { return "links." + name + "." })...)
	wrong = append(wrong, s.checkAwaits(r.Awaits)...)
	if len(wrong) > 0 {
		return Callback{}, false, errors.Join(append(wrong, unclear...)...)
	}
	n := Prepare(s.keys, r, s.maxExpiry)
	// What was created before the configuration changed is still found, and so is what the
	// previous release allowed: pages with no title or an invisible one, and two buttons with
	// the same label.
	if unclear = append(unclear, s.checkPeople(r.Approval)...); len(unclear) > 0 {
		cb, err := s.store.Find(ctx, n)
		if errors.Is(err, ErrNotFound) {
			err = errors.Join(unclear...)
		}
		return cb, false, err
	}
	cb, created, err = s.store.Create(ctx, n)
	if err == nil && cb.State == StatePending {
		cb, err = s.join(ctx, cb, r.Awaits)
	}
	return cb, created, err
}

// URL returns the URL of a callback's link. It is as secret as the key in it. An await
// has no URL: the result is "".
func (s *Service) URL(cb Callback, link Link) string {
	if link.Type == LinkAwait {
		return ""
	}
	return s.base + link.Path() + s.keys.LinkKey(cb.ID, link, cb.Key).Reveal()
}

// Resolve finds out which link a key in a URL stands for, or reports [ErrNotFound].
// It needs no look-up, so forged keys are cheap.
func (s *Service) Resolve(key string, kinds []LinkKind) (LinkRef, error) {
	return s.keys.Resolve(key, kinds)
}

// Code returns the six digits that a link of a callback asks for, or "" if it asks
// for none. The caller who registers gets the code, and must send it separately from
// the link.
func (s *Service) Code(cb Callback, link Link, a *Approval) string {
	if a == nil || a.Confirm != ConfirmCode || !link.Page || link.Type == LinkHeartbeat {
		return ""
	}
	return s.keys.Code(cb.ID, link, cb.Key)
}

// SenderSecret returns the value that the sender of a guarded link posts in a header or
// as a password, or "" if the relay did not choose it. Only the caller who registers or
// adds the link gets it.
func (s *Service) SenderSecret(cb Callback, link Link, g *Guard) string {
	if g == nil || g.Inline == nil || !g.Inline.WantsValue() {
		return ""
	}
	return s.keys.SenderSecret(cb.ID, link, cb.Key)
}

// Reschedule gives a pending callback another deadline. The bounds are those of a
// registration, counted from now.
func (s *Service) Reschedule(ctx context.Context, id CallbackID, e Expires) (Callback, error) {
	errs := e.check(s.maxExpiry)
	if e == (Expires{}) {
		errs = append(errs, &InvalidFieldError{"expiresAt", "or expiresIn is required"})
	}
	if err := errors.Join(errs...); err != nil {
		return Callback{}, err
	}
	cb, err := s.store.Reschedule(ctx, id, e, s.maxExpiry)
	if err != nil {
		return Callback{}, err
	}
	// Until it has joined again, it waits for events only up to the earlier deadline.
	awaits, err := s.store.AwaitsOf(ctx, cb)
	if err != nil {
		return Callback{}, err
	}
	return s.join(ctx, cb, awaits)
}

// Revoke closes one link of a callback for good. Other links, and decisions already
// made through this one, stay as they are. An await is closed in the same way: the callback
// gets no more events through it.
func (s *Service) Revoke(ctx context.Context, id CallbackID, name string) (Callback, error) {
	cb, err := s.store.Revoke(ctx, id, name)
	if err != nil {
		return Callback{}, err
	}
	return cb, s.leave(ctx, cb, name)
}

// AddLink gives a pending callback one more link. If a link has that name already,
// the new one replaces it: the old link is closed for good, and the new one has its
// own URL, its own code and a fresh count of wrong codes. So repeating AddLink
// replaces the link that it made before. All mistakes are reported at once, as
// joined [*InvalidFieldError]s; for other errors see [Store.AddLink].
func (s *Service) AddLink(ctx context.Context, id CallbackID, name string, l LinkRequest) (View, error) {
	l = l.normal()
	return s.store.AddLink(ctx, id, name, l, func(cb Callback, a *Approval) error {
		var m mistakes
		m.checkAdded(name, l, cb, a, s.maxOutput)
		m = append(m, s.checkGuards(map[string]LinkRequest{name: l}, func(string) string { return "" })...)
		return errors.Join(m...)
	})
}

// Cancel withdraws a pending callback: its links end, and nothing is sent to the
// task. Repeating it is not an error.
func (s *Service) Cancel(ctx context.Context, id CallbackID) (Callback, error) {
	return s.store.Cancel(ctx, id)
}

// Inspect returns the current state of a callback.
func (s *Service) Inspect(ctx context.Context, id CallbackID) (Callback, error) {
	return s.store.Get(ctx, id)
}

// Awaits returns the awaits of a callback by name, also the closed ones. If they cannot be
// read, such as without their master key, there are none, and the rest of the callback can
// still be shown.
func (s *Service) Awaits(ctx context.Context, cb Callback) map[string]Guard {
	awaits, err := s.store.AwaitsOf(ctx, cb)
	if err != nil {
		s.logger.WarnContext(ctx, "awaits not read", "callback", string(cb.ID), "error", err)
	}
	return awaits
}

// AwaitDigest returns the digest under which an event that comes now is stored, if it is
// about what the await waits for.
func (s *Service) AwaitDigest(await Guard) AwaitDigest {
	return s.keys.AwaitKeys(await.Sender, await.Key)[0].Digest
}

// History returns what was not the straight way to the outcome of a callback, oldest
// first. It has at most 50 entries.
func (s *Service) History(ctx context.Context, id CallbackID) ([]HistoryEntry, error) {
	return s.store.History(ctx, id)
}

// List returns a page of callbacks in the order of [Store.List]: 20 callbacks, if
// the query has no limit. Those who wait for a key are found by one look-up, and come in the
// order of their deadlines.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	if q.Limit < 1 || q.Limit > MaxPage {
		return Page{}, &InvalidFieldError{"limit", fmt.Sprintf("must be a number from 1 to %d", MaxPage)}
	}
	if q.State != "" && !slices.Contains(States, q.State) {
		return Page{}, &InvalidFieldError{"state", mustBeOneOf(States)}
	}
	if q.AwaitSender != "" {
		return s.listAwaiting(ctx, q)
	}
	return s.store.List(ctx, q)
}
