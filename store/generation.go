package store

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// knowsGenerations ends the names of replicas that know links with a
// generation. The release before this one knows none, and would tell senders
// that these links do not exist: while a replica of it is alive, registrations
// are made without a generation, and their links as they were before.
//
// Once no replica of that release can be running beside this one, all of this
// file can go, and so can what beat.lua counts last.
const knowsGenerations = "+generations"

// knowGenerations tells whether every live replica does.
func (s *Store) knowGenerations(ctx context.Context) (bool, error) {
	if known := s.generations.Load(); known != nil {
		return *known, nil
	}
	// There was no sign of life of our own yet.
	replicas, err := s.redis.ZRangeByScore(ctx, replicasKey, &redis.ZRangeBy{Min: "-inf", Max: "+inf"}).Result()
	if err != nil {
		return false, unavailable(err)
	}
	known := !slices.ContainsFunc(replicas, func(name string) bool { return !strings.HasSuffix(name, knowsGenerations) })
	s.noteGenerations(known)
	return known, nil
}

// noteGenerations remembers whether every live replica knows generations.
func (s *Store) noteGenerations(known bool) { s.generations.Store(&known) }
