package store

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// MarkAwaited implements [relay.AwaitStore].
func (s *Store) MarkAwaited(ctx context.Context, sender string, until time.Time) error {
	got, err := s.runDurably(ctx, markAwaitedScript, []string{awaitedKey}, sender, until.UnixMilli())
	if err == nil && got.verdict() != "marked" {
		err = unavailable(fmt.Errorf("unexpected verdict %.20q", got.verdict()))
	}
	if err != nil {
		return fmt.Errorf("mark %s as awaited: %w", sender, err)
	}
	return nil
}

// HookCensus implements [relay.AwaitStore]. It takes two round trips: the first asks for
// the time.
func (s *Store) HookCensus(ctx context.Context, senders []string) (relay.HookCensus, error) {
	if err := s.usable(ctx); err != nil {
		return relay.HookCensus{}, err
	}
	clock, err := s.redis.Time(ctx).Result()
	if err != nil {
		return relay.HookCensus{}, unavailable(err)
	}
	type part struct {
		count *redis.IntCmd
		first *redis.ZSliceCmd
	}
	free, next := make([][relay.Partitions]part, len(senders)), [relay.Partitions]*redis.ZSliceCmd{}
	var awaited *redis.ZSliceCmd
	now := "(" + strconv.FormatInt(clock.UnixMilli(), 10)
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		awaited = p.ZRangeByScoreWithScores(ctx, awaitedKey, &redis.ZRangeBy{Min: now, Max: "+inf"})
		for i := range relay.Partitions {
			next[i] = p.ZRangeWithScores(ctx, matchesSet.key(i), 0, 0)
			for j, sender := range senders {
				free[j][i] = part{
					p.ZCount(ctx, freeKey(i, sender), now, "+inf"),
					p.ZRangeByScoreWithScores(ctx, freeKey(i, sender), &redis.ZRangeBy{Min: now, Max: "+inf", Count: 1}),
				}
			}
		}
		return nil
	})
	if err := awaited.Err(); err != nil {
		return relay.HookCensus{}, unavailable(err)
	}
	c := relay.HookCensus{At: clock, Free: make([]relay.FreeCount, len(senders)), Awaited: map[string]time.Time{}}
	for _, z := range awaited.Val() {
		c.Awaited[z.Member.(string)] = time.UnixMilli(int64(z.Score))
	}
	for i := range relay.Partitions {
		if err := next[i].Err(); err != nil && !redis.HasErrorPrefix(err, wrongType) { // the census tells of that
			return relay.HookCensus{}, unavailable(err)
		}
		for _, z := range next[i].Val() {
			c.Late = max(c.Late, clock.Sub(time.UnixMilli(int64(z.Score))))
		}
		for j := range senders {
			if err := cmp.Or(free[j][i].count.Err(), free[j][i].first.Err()); err != nil {
				return relay.HookCensus{}, unavailable(err)
			}
			found := &c.Free[j]
			for _, z := range free[j][i].first.Val() {
				ends := time.UnixMilli(int64(z.Score)).Sub(clock)
				if found.Events == 0 || ends < found.Ends {
					found.Ends = ends
				}
			}
			found.Events += int(free[j][i].count.Val())
		}
	}
	return c, nil
}
