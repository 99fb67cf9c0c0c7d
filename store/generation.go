package store

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// knowsGenerations ends the names of replicas that know links with a
// generation. The release before this one knows none, and would tell senders
// that these links do not exist: while a replica of it is alive, registrations
// are made without a generation, and their links as they were before.
//
// Once no replica of that release can be running beside this one, all of this
// file can go but for a call of [relay.NewGeneration]; so can what beat.lua
// counts last.
const knowsGenerations = "+generations"

// newGeneration returns the generation for a registration that is made now.
func (s *Store) newGeneration(ctx context.Context) (relay.Generation, error) {
	known := s.generations.Load()
	if known == nil { // there was no sign of life of our own yet
		replicas, err := s.redis.ZRangeByScore(ctx, replicasKey, &redis.ZRangeBy{Min: "-inf", Max: "+inf"}).Result()
		if err != nil {
			return "", unavailable(err)
		}
		known = s.noteGenerations(!slices.ContainsFunc(replicas, func(name string) bool {
			return !strings.HasSuffix(name, knowsGenerations)
		}))
	}
	if !*known {
		return "", nil
	}
	return relay.NewGeneration(), nil
}

// noteGenerations remembers whether every live replica knows generations.
func (s *Store) noteGenerations(known bool) *bool {
	s.generations.Store(&known)
	return &known
}
