package store

import (
	"cmp"
	"context"
)

// trimStep is how many callbacks one step removes from the sorted sets.
const trimStep = 512

// Trim removes callbacks whose retention has ended from the sorted sets, and
// returns how many it removed. It does not read callbacks that are still kept, so
// it is cheap enough for every replica. Unreadable entries are set aside, and the
// error then says so.
func (s *Store) Trim(ctx context.Context) (int, error) {
	trimmed := 0
	var damaged error
	for {
		past, err := s.due(ctx, endedSets, trimStep)
		if !onlyDamaged(err) {
			return trimmed, err
		}
		damaged = cmp.Or(damaged, err)
		n, err := s.trim(ctx, past)
		trimmed += n
		if !onlyDamaged(err) {
			return trimmed, err
		}
		damaged = cmp.Or(damaged, err)
		if n == 0 || len(past) < trimStep {
			return trimmed, damaged
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
