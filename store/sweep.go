package store

import (
	"cmp"
	"context"
	"errors"
)

// trimStep is how many callbacks one step removes from the sorted sets.
const trimStep = 512

// Trim removes callbacks whose retention has ended from the sorted sets, and
// returns how many it removed. It does not read callbacks that are still kept, so
// it is cheap enough for every replica. Unreadable entries are set aside, and the
// error then says so.
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

// trim removes callbacks from all sorted sets if their hash is gone, and returns
// how many it removed.
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
