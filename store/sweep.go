package store

import (
	"cmp"
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// sweepStep is how many members of a sorted set one round trip looks at.
const sweepStep = 500

// Trim takes out of the sorted sets what retention has removed, and tells how
// many callbacks that were. It looks at every callback once, in small steps.
// What is no callback is set aside, of which the error tells.
func (s *Store) Trim(ctx context.Context) (int, error) {
	trimmed := 0
	var told error
	for p := range relay.Partitions {
		n, err := s.trimPartition(ctx, p)
		trimmed += n
		if err != nil && !errors.Is(err, errAside) {
			return trimmed, err
		}
		told = cmp.Or(err, told)
	}
	return trimmed, told
}

func (s *Store) trimPartition(ctx context.Context, partition int) (int, error) {
	trimmed, cursor := 0, uint64(0)
	var told error
	for {
		// Members and scores alternate.
		page, next, err := s.redis.ZScan(ctx, createdKey(partition), cursor, "", sweepStep).Result()
		if err != nil {
			return trimmed, unavailable(err)
		}
		var ids []relay.CallbackID
		var strays []stray
		for i := 0; i < len(page); i += 2 {
			if id, ours := idIn(partition, page[i]); ours {
				ids = append(ids, id)
			} else {
				strays = append(strays, stray{createdSet, partition, page[i]})
			}
		}
		n, err := s.trimMissing(ctx, ids)
		trimmed += n
		if aside := s.setAside(ctx, strays); aside != nil {
			told = aside
		}
		if err != nil || next == 0 {
			return trimmed, cmp.Or(err, told)
		}
		cursor = next
	}
}

func (s *Store) trimMissing(ctx context.Context, ids []relay.CallbackID) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	exist := make([]*redis.IntCmd, len(ids))
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			exist[i] = p.Exists(ctx, callbackKey(id))
		}
		return nil
	})
	if err != nil {
		return 0, unavailable(err)
	}
	var calls []call
	for i, id := range ids {
		if exist[i].Val() == 0 {
			p := id.Partition()
			calls = append(calls, call{
				keys: []string{callbackKey(id), createdKey(p), deadlineKey(p), dueKey(p)},
				args: []any{string(id)},
			})
		}
	}
	// The script looks again: the callback may have been registered anew.
	replies, err := s.runAll(ctx, trimScript, calls)
	trimmed := 0
	for _, got := range replies {
		if got.verdict() == "trimmed" {
			trimmed++
		}
	}
	return trimmed, err
}
