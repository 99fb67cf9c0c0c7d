package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"callback-relay/relay"
)

// A search for a reference looks at the callbacks of one partition, so many at a time, and
// at most so many times: at 200,000, of some 12 million callbacks in all partitions.
const (
	searchedAtOnce = 2000
	searchedTimes  = 100
)

// WithReference implements [relay.Store].
func (s *Store) WithReference(ctx context.Context, r relay.Reference) ([]relay.CallbackID, error) {
	return s.withReference(ctx, r, searchedAtOnce, searchedTimes)
}

func (s *Store) withReference(ctx context.Context, r relay.Reference, atOnce, most int) ([]relay.CallbackID, error) {
	if err := s.usable(ctx); err != nil {
		return nil, fmt.Errorf("find %s: %w", r, err)
	}
	searched := []listed{{part: part{byCreation.sortedSet, r.Partition()}, more: true}}
	var found []relay.CallbackID
	for times := 0; searched[0].more && len(found) <= relay.MaxAmbiguous; times++ {
		if times == most {
			if len(found) > 1 {
				break
			}
			return nil, fmt.Errorf("find %s: %w", r, relay.ErrTooManyToSearch)
		}
		members, err := s.listParts(ctx, byCreation, searched, atOnce, nil)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", r, err)
		}
		var fit []relay.CallbackID
		for _, m := range members {
			if strings.HasPrefix(string(m.id), string(r)) {
				fit = append(fit, m.id)
			}
		}
		if fit, err = s.existingOf(ctx, fit); err != nil {
			return nil, fmt.Errorf("find %s: %w", r, err)
		}
		found = append(found, fit...)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("find %s: %w", r, s.missing(ctx))
	}
	slices.Sort(found)
	return found[:min(len(found), relay.MaxAmbiguous+1)], nil
}

// existingOf returns the ids that have a callback. The set of all callbacks has the id of
// a forgotten one until a replica trims it.
func (s *Store) existingOf(ctx context.Context, ids []relay.CallbackID) ([]relay.CallbackID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ids = ids[:min(len(ids), maxExamined)]
	views, err := s.readAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	var exist []relay.CallbackID
	for i, v := range views {
		if v.record != nil || v.err != nil {
			exist = append(exist, ids[i])
		}
	}
	return exist, nil
}
