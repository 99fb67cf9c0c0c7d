package store

import (
	"cmp"
	"context"
	"errors"
)

// trimStep is how many callbacks one step takes out of the sorted sets.
const trimStep = 512

// Trim takes out of the sorted sets what retention has removed, and tells how
// many callbacks that were. It reads nothing of those that are still kept, so
// that every replica can do it. What cannot be read is set aside, of which the
// error tells.
func (s *Store) Trim(ctx context.Context) (int, error) {
	trimmed := 0
	var aside error
	for {
		past, err := s.due(ctx, endedSets, trimStep)
		if err != nil && !errors.Is(err, errAside) {
			return trimmed, err
		}
		aside = cmp.Or(aside, err)
		n, err := s.trim(ctx, past)
		trimmed += n
		if err != nil && !errors.Is(err, errAside) {
			return trimmed, err
		}
		aside = cmp.Or(aside, err)
		if n == 0 || len(past) < trimStep {
			return trimmed, aside
		}
	}
}

// trim takes those callbacks out of all sorted sets whose hash is gone, and
// tells how many that were.
func (s *Store) trim(ctx context.Context, found []member) (trimmed int, err error) {
	calls := make([]call, len(found))
	for i, m := range found {
		p := m.partition
		calls[i] = call{
			keys: append([]string{callbackKey(m.id), createdKey(p), deadlineKey(p), dueKey(p)}, endedKeys(p)...),
			args: append([]any{string(m.id)}, stateArgs...),
		}
	}
	replies, err := s.runAll(ctx, trimScript, calls)
	var strays []stray
	for i, got := range replies {
		switch got.verdict() {
		case "trimmed":
			trimmed++
		case "malformed":
			strays = append(strays, found[i].stray())
		}
	}
	return trimmed, cmp.Or(err, s.setAside(ctx, strays))
}

// stateArgs are the final states as arguments of a script.
var stateArgs = func() (args []any) {
	for _, state := range finalStates {
		args = append(args, string(state))
	}
	return args
}()
