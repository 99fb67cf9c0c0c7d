package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// ErrNewer is returned when a newer relay has changed the keyspace.
var ErrNewer = errors.New("the keyspace is newer than this relay")

// Migration is one change of the keyspace.
type Migration struct {
	Number int    // the version of the keyspace that it leads to, from 1 without gaps
	Name   string // what it does, in a few words

	// Rewrite changes one callback from the form of the previous version to that
	// of this one. It is a script, so that no request can interleave. Its keys are
	// callback, deadline, due, created and the sets of the four final states;
	// ARGV[1] is the id. It returns {"changed"} or {"same"}. It must leave alone a
	// callback that is already rewritten, is gone, has a later form, or cannot be
	// read, which may not even be a hash. Nil if callbacks do not change.
	Rewrite *redis.Script

	// Check checks whether one callback has the form of this version. It has the
	// keys and arguments of Rewrite, and changes nothing. It returns {"ok"};
	// {"wrong", why} for a callback that Rewrite would change; or {"damaged", why}
	// for one that no relay has written so, and that Rewrite leaves alone.
	Check *redis.Script

	// CleanUp removes what only the old form needed and no release reads any more.
	// It may run again if it was interrupted. Nil if there is nothing to remove.
	CleanUp func(ctx context.Context, client redis.UniversalClient) error
}

// All is every migration in order.
var All = []Migration{
	{Number: 1, Name: "first layout: callbacks in 64 partitions", Check: script("check1")},
	{
		Number: 2, Name: "callbacks that have ended are listed by their state",
		Rewrite: script("rewrite2"), Check: script("check2"),
	},
}

//go:embed *.lua
var scriptFiles embed.FS

func script(name string) *redis.Script {
	source, err := scriptFiles.ReadFile(name + ".lua")
	if err != nil {
		panic(err) // the file is compiled in
	}
	return redis.NewScript(string(source))
}

// State is how far a keyspace has come.
type State struct {
	Current int         // version of the keyspace, 0 before the first migration
	Latest  int         // version that this program needs
	Pending []Migration // the migrations from Current to Latest, including one under way
	Begun   bool        // the first of Pending is under way, or was interrupted
	Remains bool        // Current is reached, but its clean-up was interrupted
	Done    int         // callbacks that the migration under way has visited
	Of      int         // how many callbacks there were when it began
	Holder  string      // who runs migrations now; "" for nobody
}

// Status reads how far the keyspace has come. It changes nothing. The State is
// valid even if the error is [ErrNewer].
func Status(ctx context.Context, client redis.UniversalClient) (State, error) {
	return newRunner(client, All, nil).status(ctx)
}

func (r *runner) status(ctx context.Context) (State, error) {
	state := State{Latest: len(r.all)}
	m, err := readMarker(ctx, r.client)
	if err != nil {
		return state, err
	}
	state.Current, state.Begun = m.version, m.next > 0
	if reached := max(m.version, m.next); reached > state.Latest {
		return state, fmt.Errorf("%w: version %s, and this relay knows %d", ErrNewer, m, state.Latest)
	}
	state.Pending = r.all[state.Current:]
	p, err := readProgress(ctx, r.client)
	if err != nil {
		return state, err
	}
	state.Done, state.Of = p.done, p.of
	state.Remains = !state.Begun && p.number > 0 && p.number == state.Current
	state.Holder, err = readHolder(ctx, r.client)
	return state, err
}

// Plan is what a migration would do.
type Plan struct {
	Migration
	Rewrites int // callbacks that it would change
	Of       int // all callbacks
	// Waits is not nil if the migration would not begin now, because live replicas
	// do not know the version that it leads to.
	Waits *OlderReplicasError
}

// Preview checks every callback and returns what [Up] would do. It changes
// nothing.
func Preview(ctx context.Context, client redis.UniversalClient, report func(Progress)) ([]Plan, error) {
	return newRunner(client, All, report).preview(ctx)
}

func (r *runner) preview(ctx context.Context) ([]Plan, error) {
	state, err := r.status(ctx)
	if err != nil {
		return nil, err
	}
	plans := make([]Plan, len(state.Pending))
	for i, m := range state.Pending {
		plans[i].Migration = m
		if older := r.mayBegin(ctx, m, state); older != nil {
			var ok bool
			if plans[i].Waits, ok = errors.AsType[*OlderReplicasError](older); !ok {
				return nil, older
			}
		}
		if m.Rewrite == nil {
			continue
		}
		found, err := r.check(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("migration %d (%s): %w", m.Number, m.Name, err)
		}
		plans[i].Rewrites, plans[i].Of = found.wrong, found.of
	}
	return plans, nil
}

// Verify checks every callback, and returns how many there are. It returns an
// error if any does not have the form of the keyspace's version. It changes
// nothing.
func Verify(ctx context.Context, client redis.UniversalClient, report func(Progress)) (int, error) {
	return newRunner(client, All, report).verify(ctx)
}

func (r *runner) verify(ctx context.Context) (int, error) {
	state, err := r.status(ctx)
	switch {
	case err != nil:
		return 0, err
	case state.Current == 0:
		return 0, errors.New("redis is not initialised: run relay migrate up")
	case state.Begun:
		return 0, fmt.Errorf("migration %d is under way or was interrupted: run relay migrate up", state.Pending[0].Number)
	}
	found, err := r.check(ctx, r.all[state.Current-1])
	if err != nil {
		return 0, err
	}
	return found.of, found.err()
}
