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
	Number int    // the version of the keyspace once it is applied, from 1 without gaps
	Name   string // what it does, in a few words

	// Rewrite brings one callback from the form of the version before to this
	// one. It is a script, so that no request comes between. Its keys are
	// callback, deadline, due, created and the sets of the four final states, and
	// ARGV[1] is the id; it returns
	// {"changed"} or {"same"}. It may find a callback that it has rewritten
	// already, one that is gone, one in a form later than its own, and one that it
	// cannot read, which may be no hash at all: it leaves all of them alone. Nil
	// when the number is all there is.
	Rewrite *redis.Script

	// Check tells whether one callback is as this version has it. It takes what
	// Rewrite takes, changes nothing, and returns {"ok"}; {"wrong", why} for a
	// callback that Rewrite would change; or {"damaged", why} for one that is not
	// as the relay writes it, and that Rewrite leaves alone.
	Check *redis.Script

	// CleanUp removes what only the old form needed. Nobody reads that any more.
	// It may run again after it was cut off. Nil when nothing is left behind.
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
	Pending []Migration // what leads from the one to the other, what is under way included
	Begun   bool        // the first of Pending is under way, or was cut off
	Remains bool        // Current is reached, and its clean-up was cut off
	Done    int         // callbacks that what is under way has looked at
	Of      int         // and how many there were when it began
	Holder  string      // who runs migrations now; "" for nobody
}

// Status reads how far the keyspace has come. It changes nothing. The State is
// good with [ErrNewer] too.
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
	Rewrites int // callbacks that are not as it wants them
	Of       int // callbacks
	// Waits is not nil if a run would not begin with it now, because replicas are
	// alive that do not know what it leads to.
	Waits *OlderReplicasError
}

// Preview looks at every callback and tells what [Up] would do. It changes
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

// Verify looks at every callback, and returns how many there are. Those that are
// not as the keyspace's version has them are an error. It changes nothing.
func Verify(ctx context.Context, client redis.UniversalClient, report func(Progress)) (int, error) {
	return newRunner(client, All, report).verify(ctx)
}

func (r *runner) verify(ctx context.Context) (int, error) {
	state, err := r.status(ctx)
	switch {
	case err != nil:
		return 0, err
	case state.Current == 0:
		return 0, errors.New("there is no keyspace yet: run relay migrate up")
	case state.Begun:
		return 0, fmt.Errorf("migration %d is under way or was cut off: run relay migrate up", state.Pending[0].Number)
	}
	found, err := r.check(ctx, r.all[state.Current-1])
	if err != nil {
		return 0, err
	}
	return found.of, found.err()
}
