package migrations

import (
	"context"
	_ "embed" // for the script
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// schemaKey holds the version of the keyspace. It is alone in its cluster slot
// and carries no version itself: it is how to find out.
const schemaKey = "relay:schema"

// ErrNewer is returned when a newer relay has changed the keyspace.
var ErrNewer = errors.New("the keyspace is newer than this relay")

// Migration is one change of the keyspace.
type Migration struct {
	Number int    // the version of the keyspace once it is applied, from 1 without gaps
	Name   string // what it does, in a few words

	// Apply makes the change. It may run again after it was cut off, and at
	// the same time in another process. Nil when the number is all there is.
	Apply func(ctx context.Context, client redis.UniversalClient) error
}

// All is every migration in order.
var All = []Migration{
	{Number: 1, Name: "first layout: callbacks in 64 partitions"},
}

// State is how far a keyspace has come.
type State struct {
	Current int         // version of the keyspace, 0 before the first migration
	Latest  int         // version that this program needs
	Pending []Migration // what leads from the one to the other
}

// Status reads how far the keyspace has come. It changes nothing. The State is
// good with [ErrNewer] too.
func Status(ctx context.Context, client redis.UniversalClient) (State, error) {
	return status(ctx, client, All)
}

// Up applies what is pending and returns how many migrations it completed:
// those that another process completed first do not count. It calls progress,
// unless that is nil, before each one starts.
func Up(ctx context.Context, client redis.UniversalClient, progress func(Migration)) (int, error) {
	return up(ctx, client, All, progress)
}

func status(ctx context.Context, client redis.UniversalClient, all []Migration) (State, error) {
	state := State{Latest: len(all)}
	value, err := client.Get(ctx, schemaKey).Result()
	switch {
	case err == redis.Nil: //nolint:errorlint // wrapped, it is Sentinel's word that it knows no such master
		value = "0"
	case err != nil:
		return state, fmt.Errorf("read %s: %w", schemaKey, err)
	}
	state.Current, err = strconv.Atoi(value)
	if err != nil || state.Current < 0 {
		state.Current = 0
		return state, fmt.Errorf("%s holds %q, not a version; is this another program's Redis?", schemaKey, value)
	}
	if state.Current > state.Latest {
		return state, fmt.Errorf("%w: version %d, and this relay knows %d", ErrNewer, state.Current, state.Latest)
	}
	state.Pending = all[state.Current:]
	return state, nil
}

func up(ctx context.Context, client redis.UniversalClient, all []Migration, progress func(Migration)) (int, error) {
	state, err := status(ctx, client, all)
	if err != nil {
		return 0, err
	}
	completed := 0
	for _, m := range state.Pending {
		if progress != nil {
			progress(m)
		}
		raised, err := m.run(ctx, client)
		if err != nil {
			return completed, fmt.Errorf("migration %d (%s): %w", m.Number, m.Name, err)
		}
		if raised {
			completed++
		}
	}
	return completed, nil
}

//go:embed raise.lua
var raiseSource string

var raiseScript = redis.NewScript(raiseSource)

// run applies the migration and notes its number. It reports false when the
// number was there already.
func (m Migration) run(ctx context.Context, client redis.UniversalClient) (bool, error) {
	if m.Apply != nil {
		if err := m.Apply(ctx, client); err != nil {
			return false, err
		}
	}
	raised, err := raiseScript.Run(ctx, client, []string{schemaKey}, m.Number).Int()
	if err != nil {
		return false, fmt.Errorf("raise %s: %w", schemaKey, err)
	}
	return raised == 1, nil
}
