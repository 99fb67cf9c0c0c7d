package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"callback-relay/relay"
)

// passedVersion tells a script up to which version a caller has checked the guard of a
// link; "" if it has not. refusal.lua has the latest version too.
func passedVersion(passed bool) string {
	if passed {
		return strconv.Itoa(relay.LatestGuards)
	}
	return ""
}

// guardName returns the field that holds the sealed guard of a link.
func guardName(number byte) string { return guardField + strconv.Itoa(int(number)) }

// guarded returns the error for the reply of a script that asks for a guard to be
// checked first.
func (s *Store) guarded(op string, link relay.LinkRef, got reply) error {
	var guard *relay.Guard
	if err := s.open(link.ID, guardName(link.Number), got.text("guard"), &guard); err != nil {
		return fmt.Errorf("%s %s: %w", op, link.ID, err)
	}
	if guard == nil {
		return unexpected(op, link.ID, got)
	}
	return &relay.GuardedError{Guard: *guard, Facts: factsIn(got, &link), Response: s.response(link, got)}
}

// guards returns the JSON of the guards that a registration asks for, by the number
// of the link.
func guards(n relay.NewCallback) map[byte]string {
	all := map[byte]string{}
	for _, link := range n.Links {
		if guard := n.Asked.Guard(link.Name); guard != nil {
			all[link.Number] = encoded(guard)
		}
	}
	return all
}

// latestGuard returns the latest version of the guards that a registration asks for; 0 for
// none.
func latestGuard(n relay.NewCallback) int {
	latest := 0
	for _, link := range n.Links {
		if guard := n.Asked.Guard(link.Name); guard != nil {
			latest = max(latest, guard.Version())
		}
	}
	return latest
}

// sealGuards returns what create.lua needs: for each guard the number of its link, and
// the sealed guard.
func (s *Store) sealGuards(id relay.CallbackID, guards map[byte]string) []any {
	var args []any
	for _, number := range slices.Sorted(maps.Keys(guards)) {
		args = append(args, strconv.Itoa(int(number)), s.seal(id, guardName(number), guards[number]))
	}
	return args
}

// sameGuards returns whether a repeated registration asks for the guards that are
// stored. Which links are guarded is compared with the specs.
func (s *Store) sameGuards(ctx context.Context, id relay.CallbackID, guards map[byte]string) (bool, error) {
	numbers := slices.Sorted(maps.Keys(guards))
	if len(numbers) == 0 {
		return true, nil
	}
	fields := make([]string, len(numbers))
	for i, number := range numbers {
		fields[i] = guardName(number)
	}
	values, err := s.redis.HMGet(ctx, callbackKey(id), fields...).Result()
	if err != nil {
		return false, unavailable(err)
	}
	for i, sealed := range texts(values) {
		var kept json.RawMessage
		if err := s.open(id, fields[i], sealed, &kept); err != nil {
			return false, err
		}
		if string(kept) != guards[numbers[i]] {
			return false, nil
		}
	}
	return true, nil
}

// guardable returns an error while a replica is alive that cannot check guards of a
// version: it would refuse every post through their links.
func (s *Store) guardable(ctx context.Context, version int) error {
	all, err := s.allKnow(ctx)
	if err != nil {
		return err
	}
	if all.guards < version {
		return fmt.Errorf("%w: a replica of an earlier release, which cannot check this link's sender or outcomes, is still live: "+
			"such a link can be registered once the rollout has finished", relay.ErrUnavailable)
	}
	return nil
}

// approvable returns an error while a replica is alive that does not know version 2 of
// approvals: its pages would lack answers, and it would misread decisions.
func (s *Store) approvable(ctx context.Context) error {
	all, err := s.allKnow(ctx)
	if err != nil {
		return err
	}
	if !all.approvals {
		return fmt.Errorf("%w: a replica of an earlier release, which does not know all that this approval asks for, is still live: "+
			"such an approval can be registered once the rollout has finished", relay.ErrUnavailable)
	}
	return nil
}
