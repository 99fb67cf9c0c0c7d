package store

import (
	"context"
	"errors"
	"fmt"

	"callback-relay/relay"
)

// stray is a member of a sorted set that cannot be read. It is not a callback id,
// its id belongs to another partition, or its callback is not as scripts write it.
type stray struct {
	part
	member string
	score  float64
}

// A step that sets strays aside reads again, so that strays do not delay readable
// members. asideRounds bounds how often, and asideBatch is how many members of
// each partition it then reads.
const (
	asideRounds = 16
	asideBatch  = 256
)

// damagedError is about data that cannot be read. The step itself did not fail, and
// went on with the rest.
type damagedError struct{ text string }

// Error implements error.
func (e *damagedError) Error() string { return e.text }

// onlyDamaged returns whether an error is nil or a [*damagedError].
func onlyDamaged(err error) bool {
	_, damaged := errors.AsType[*damagedError](err)
	return err == nil || damaged
}

// notSets returns an error for the log about sets whose keys have another type, or
// nil if there are none.
func notSets(parts []part) error {
	if len(parts) == 0 {
		return nil
	}
	return &damagedError{fmt.Sprintf("%d keys that should be sorted sets cannot be read as such, the first %s: rename or delete it",
		len(parts), parts[0].key())}
}

// setAside moves strays to a set where an operator finds them and can put them
// back. It returns an error for the log that names the first one, a
// [*damagedError] unless Redis failed.
func (s *Store) setAside(ctx context.Context, strays []stray) error {
	if len(strays) == 0 {
		return nil
	}
	calls := make([]call, len(strays))
	for i, m := range strays {
		calls[i] = call{
			keys: []string{m.key(), asideKey(m.partition)},
			args: []any{m.member, m.name},
		}
	}
	replies, err := s.runAll(ctx, asideScript, calls)
	if err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	var first *stray
	moved := 0
	for i, got := range replies {
		switch got.verdict() {
		case "aside":
			if moved++; first == nil {
				first = &strays[i]
			}
		case "kept":
			return unavailable(fmt.Errorf("%s is not a sorted set, so entries of %s cannot be set aside: rename it",
				asideKey(strays[i].partition), strays[i].key()))
		}
	}
	if first == nil {
		return nil // another replica has moved them
	}
	return &damagedError{fmt.Sprintf("entries that cannot be read were set aside: %d, the first %.64q of %s, now in %s",
		moved, first.member, first.key(), asideKey(first.partition))}
}

// idIn parses a member of a partition's sorted set, which should be an id.
func idIn(partition int, member string) (relay.CallbackID, bool) {
	id, err := relay.ParseCallbackID(member)
	return id, err == nil && id.Partition() == partition
}
