package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"callback-relay/relay"
)

// Create implements [relay.Store].
func (s *Store) Create(ctx context.Context, n relay.NewCallback) (relay.Callback, bool, error) {
	// Where none can be made, one that is there can still be found. One that was
	// made before the newest key came is found under an older one.
	full := cmp.Or(s.last.Load().full(), n.Refused)
	look := n.OlderIDs
	if full != nil {
		look = append([]relay.CallbackID{n.ID}, look...)
	}
	for _, id := range look {
		cb, err := s.existing(ctx, id, n)
		if !errors.Is(err, relay.ErrNotFound) {
			return cb, false, err
		}
	}
	if full != nil {
		return relay.Callback{}, false, full
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

// create seals what is secret and keeps the callback, unless it is there.
func (s *Store) create(ctx context.Context, n *relay.NewCallback) (reply, error) {
	known, err := s.knowGenerations(ctx)
	if err != nil {
		return nil, err
	}
	if !known {
		for i := range n.Links {
			n.Links[i].Generation = ""
		}
	}
	names := ""
	if known := approvers(n.Links); len(known) > 0 {
		names = encoded(known)
	}
	asked := newContent(*n)
	how, ms := expires(n.Asked.Expires)
	partition := n.ID.Partition()
	return s.keep(ctx, createScript,
		append([]string{callbackKey(n.ID), deadlineKey(partition), createdKey(partition)}, endedKeys(partition)...),
		string(n.ID), string(n.State), how, ms, n.MaxExpiry.Milliseconds(), newSpec(*n).encode(),
		s.seal(n.ID, taskTokenField, n.Asked.TaskToken.Reveal()), s.seal(n.ID, contentField, asked.encode()),
		s.seal(n.ID, approversField, names), s.seal(n.ID, summaryField, asked.summary(n.Links).encode()), s.trace(ctx))
}

// existing returns a callback that is there, for a registration that asks for
// the same.
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

// sameContent tells whether a registration gives the links that a callback was
// registered with the same to do and to show.
func (s *Store) sameContent(ctx context.Context, rec record, n relay.NewCallback) (bool, error) {
	values, err := s.redis.HMGet(ctx, callbackKey(rec.id), summaryField).Result()
	if err != nil {
		return false, unavailable(err)
	}
	var kept *summary
	if err := s.open(rec.id, summaryField, strings.Join(texts(values), ""), &kept); err != nil {
		return false, err
	}
	return kept.encode() == newContent(n).summary(n.Links).encode() && maps.Equal(rec.approvers, approvers(n.Links)), nil
}
