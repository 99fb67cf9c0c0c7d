package store

import (
	"context"
	"errors"
	"fmt"

	"callback-relay/relay"
)

// stray is a member of a sorted set that cannot be read: it is no callback id, or
// one of another partition, or its callback is not as the scripts write it.
type stray struct {
	part
	member string
	score  float64
}

// asideRounds bounds how often one step looks again after it has set something
// aside, and asideBatch is how much it then looks at in each partition: what
// cannot be read must not keep what can from its turn.
const (
	asideRounds = 16
	asideBatch  = 256
)

// errAside says that something was set aside. It is no failure of the step.
var errAside = errors.New("entries that cannot be read were set aside")

// setAside moves members out of the way, where an operator finds them and can
// put them back. Its error says which, for the log; it wraps errAside unless
// Redis could not be asked.
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
			return unavailable(fmt.Errorf("%s is no sorted set, so that %s is held up: rename it",
				asideKey(strays[i].partition), strays[i].key()))
		}
	}
	if first == nil {
		return nil // another replica was faster
	}
	return fmt.Errorf("%w: %d, the first %.64q of %s, now in %s", errAside,
		moved, first.member, first.key(), asideKey(first.partition))
}

// idIn reads a member of a partition's sorted set as the id that it should be.
func idIn(partition int, member string) (relay.CallbackID, bool) {
	id, err := relay.ParseCallbackID(member)
	return id, err == nil && id.Partition() == partition
}
