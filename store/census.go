package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// Census counts the callbacks of all partitions, in two round trips. A deadline
// counts as near if it is less than near away. If some keys are not sorted sets, it
// returns an error and what it counted in the others.
func (s *Store) Census(ctx context.Context, near time.Duration) (relay.Census, error) {
	slots := s.slots()
	calls := make([]call, len(slots))
	for i, partitions := range slots {
		calls[i].args = []any{near.Milliseconds()}
		for _, p := range partsOf(partitions, censusSets) {
			calls[i].keys = append(calls[i].keys, p.key())
		}
	}
	replies, err := s.runAll(ctx, censusScript, calls)
	if err != nil {
		return relay.Census{}, fmt.Errorf("count callbacks: %w", err)
	}
	c := relay.Census{Callbacks: map[relay.State]int64{}}
	var now time.Time
	var next []relay.CallbackID
	var broken []part
	for i, got := range replies {
		if got.verdict() != "counted" {
			return relay.Census{}, unavailable(fmt.Errorf("census: unexpected verdict %.20q", got.verdict()))
		}
		now = got.time("now")
		for _, state := range relay.States {
			c.Callbacks[state] += got.number(string(state))
		}
		c.NearDeadline += got.number("near")
		c.SetAside += got.number("aside")
		for _, text := range got.all("broken") {
			if n := int(number(text)); n >= 1 && n <= len(calls[i].keys) {
				broken = append(broken, partsOf(slots[i], censusSets)[n-1])
			}
		}
		if created := got.text("oldest"); created != "" {
			c.OldestPending = max(c.OldestPending, now.Sub(millis(created)))
		}
		for _, text := range got.all("next") {
			if id, err := relay.ParseCallbackID(text); err == nil {
				next = append(next, id)
			}
		}
	}
	if c.OldestAnswered, err = s.oldestAnswer(ctx, now, next); err != nil {
		return relay.Census{}, fmt.Errorf("count callbacks: %w", err)
	}
	c.SetAside += int64(len(broken))
	if err := notSets(broken); err != nil {
		return c, fmt.Errorf("count callbacks: %w", err)
	}
	return c, nil
}

// censusSets are the sets whose keys census.lua gets for each partition.
var censusSets = slices.Concat([]sortedSet{dueSet, deadlineSet, asideSet}, endedSets, []sortedSet{createdSet})

// oldestAnswer returns the age of the oldest outcome among the callbacks that are
// next in their due sets.
func (s *Store) oldestAnswer(ctx context.Context, now time.Time, next []relay.CallbackID) (age time.Duration, err error) {
	if len(next) == 0 {
		return 0, nil
	}
	times := make([]*redis.SliceCmd, len(next))
	// The pipeline's error is dropped: each command has its own.
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range next {
			times[i] = p.HMGet(ctx, callbackKey(id), "state", "answered")
		}
		return nil
	})
	for _, cmd := range times {
		if err := cmd.Err(); redis.HasErrorPrefix(err, wrongType) {
			continue // it will be set aside when it is claimed
		} else if err != nil {
			return 0, unavailable(err)
		}
		cb := texts(cmd.Val())
		if len(cb) != 2 {
			return 0, unavailable(fmt.Errorf("census: %d values of 2", len(cb)))
		}
		// Ignore a callback that has been delivered meanwhile.
		if relay.State(cb[0]) == relay.StateAnswered {
			age = max(age, now.Sub(millis(cb[1])))
		}
	}
	return age, nil
}
