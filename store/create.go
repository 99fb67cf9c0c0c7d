package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"callback-relay/relay"
)

// Create implements [relay.Store].
func (s *Store) Create(ctx context.Context, n relay.NewCallback) (relay.Callback, bool, error) {
	if cannot := s.creatable(ctx, n); cannot != nil {
		// Even if no callback can be created, an existing one can be found.
		cb, err := s.Find(ctx, n)
		if errors.Is(err, relay.ErrNotFound) {
			err = fmt.Errorf("create %s: %w", n.ID, cannot)
		}
		return cb, false, err
	}
	if cb, err := s.find(ctx, n.OlderIDs, n); !errors.Is(err, relay.ErrNotFound) {
		return cb, false, err
	}
	got, err := s.create(ctx, &n)
	if err == nil {
		err = deadlineError(got, n.MaxExpiry)
	}
	if err != nil {
		return relay.Callback{}, false, fmt.Errorf("create %s: %w", n.ID, err)
	}
	switch got.verdict() {
	case "created":
		n.CreatedAt, n.ExpiresAt = got.time("created"), got.time("deadline")
		return n.Callback, true, nil
	case "exists":
		cb, err := s.existing(ctx, n.ID, n)
		return cb, false, err
	}
	return relay.Callback{}, false, unexpected("create", n.ID, got)
}

// creatable says why the callback cannot be created now, or returns nil.
func (s *Store) creatable(ctx context.Context, n relay.NewCallback) error {
	if full := s.last.Load().full(); full != nil {
		return full
	}
	if len(n.Asked.Awaits) > 0 {
		if err := s.awaitable(ctx); err != nil {
			return err
		}
	}
	if n.Asked.Approval.Version() > 1 {
		if err := s.approvable(ctx); err != nil {
			return err
		}
	}
	if version := latestGuard(n); version > 0 {
		return s.guardable(ctx, version)
	}
	return nil
}

// Find implements [relay.Store].
func (s *Store) Find(ctx context.Context, n relay.NewCallback) (relay.Callback, error) {
	return s.find(ctx, append([]relay.CallbackID{n.ID}, n.OlderIDs...), n)
}

// find returns the callback with one of the ids. If it was created before the newest
// master key, its id is that of an older key.
func (s *Store) find(ctx context.Context, ids []relay.CallbackID, n relay.NewCallback) (relay.Callback, error) {
	for _, id := range ids {
		cb, err := s.existing(ctx, id, n)
		if !errors.Is(err, relay.ErrNotFound) {
			return cb, err
		}
	}
	return relay.Callback{}, fmt.Errorf("create %s: %w", n.ID, relay.ErrNotFound)
}

// create seals the secrets and stores the callback, unless it exists.
func (s *Store) create(ctx context.Context, n *relay.NewCallback) (reply, error) {
	known, err := s.allKnow(ctx)
	if err != nil {
		return nil, err
	}
	if !known.generations {
		for i := range n.Links {
			n.Links[i].Generation = ""
		}
	}
	names := ""
	if known := approvers(n.Links); len(known) > 0 {
		names = encoded(known)
	}
	asked := newContent(*n)
	form, ms := expires(n.Asked.Expires)
	partition := n.ID.Partition()
	args := []any{
		string(n.ID), string(n.State), form, ms, n.MaxExpiry.Milliseconds(), newSpec(*n).encode(),
		s.seal(n.ID, taskTokenField, n.Asked.TaskToken.Reveal()), s.seal(n.ID, contentField, asked.encode()),
		s.seal(n.ID, approversField, names), s.seal(n.ID, summaryField, asked.summary(n.Links).encode()), s.trace(ctx),
		s.seal(n.ID, remainsField, asked.remains(n.Links).encode()),
	}
	return s.runDurably(ctx, createScript,
		append([]string{callbackKey(n.ID), deadlineKey(partition), createdKey(partition)}, endedKeys(partition)...),
		append(args, s.sealGuards(n.ID, guards(*n))...)...)
}

// existing returns an existing callback to a repeated registration. It is an error
// if the registration asks for something else.
func (s *Store) existing(ctx context.Context, id relay.CallbackID, n relay.NewCallback) (relay.Callback, error) {
	cb, rec, err := s.read(ctx, id)
	if err != nil {
		return relay.Callback{}, err
	}
	if cb.State == relay.StateCancelled {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, relay.ErrRegistrationCancelled)
	}
	same, err := s.sameContent(ctx, rec, n)
	if err != nil {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, err)
	}
	if !same || !rec.asksTheSame(n) {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, relay.ErrSettingsDiffer)
	}
	if err := s.ConfirmDurable(ctx, id); err != nil {
		return relay.Callback{}, fmt.Errorf("create %s: %w", id, err)
	}
	return cb, nil
}

// sameContent returns whether a registration asks for the same approvers, for links
// that do and show the same, and for the same guards, as the callback was registered
// with.
func (s *Store) sameContent(ctx context.Context, rec record, n relay.NewCallback) (bool, error) {
	values, err := s.redis.HMGet(ctx, callbackKey(rec.id), summaryField).Result()
	if err != nil {
		return false, unavailable(err)
	}
	var kept *summary
	if err := s.open(rec.id, summaryField, strings.Join(texts(values), ""), &kept); err != nil {
		return false, err
	}
	if kept.encode() != newContent(n).summary(n.Links).encode() || !maps.Equal(rec.approvers, approvers(n.Links)) {
		return false, nil
	}
	return s.sameGuards(ctx, rec.id, guards(n))
}
