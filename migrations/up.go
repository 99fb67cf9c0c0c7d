package migrations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// noticeTime is how long replicas have to notice a new marker. They read it once a
// second and wait up to three seconds for the reply; see Watch in package store.
const noticeTime = 5 * time.Second

// lockExpiry is how long a run that died keeps other runs waiting.
const lockExpiry = 6 * time.Second

// passes is the most times that all callbacks are rewritten, until none has the old
// form. If one pass is not enough, an older release is still writing.
const passes = 3

// Progress is how far a run has come, to be shown to its user.
type Progress struct {
	Migration
	Step string // what it does now, in a few words
	Done int    // callbacks visited in this step
	Of   int    // about how many there are; 0 if the step visits no callbacks
}

var (
	lockScript   = script("lock")
	unlockScript = script("unlock")
	stepScript   = script("step")
)

// runner is one run.
type runner struct {
	client redis.UniversalClient
	all    []Migration
	report func(Progress)
	holder string
	notice time.Duration
	expiry time.Duration

	loading, away time.Duration // how long to wait for a Redis that loads, or does not answer
}

func newRunner(client redis.UniversalClient, all []Migration, report func(Progress)) *runner {
	if report == nil {
		report = func(Progress) {}
	}
	return &runner{client, all, report, newHolder(), noticeTime, lockExpiry, loadingPatience, awayPatience}
}

// Up applies the pending migrations and returns how many it completed, not
// counting those that another run completed first. It waits while another run
// holds the lock, and for a limited time while Redis is unavailable. It reports
// its progress repeatedly, unless report is nil. It does not begin a migration
// while any live replica does not know its result; the error is then an
// [*OlderReplicasError].
func Up(ctx context.Context, client redis.UniversalClient, report func(Progress)) (int, error) {
	return newRunner(client, All, report).up(ctx)
}

func (r *runner) up(ctx context.Context) (completed int, err error) {
	if err := r.untilReady(ctx); err != nil {
		return 0, err
	}
	state, err := r.status(ctx)
	if err != nil || len(state.Pending) == 0 && !state.Remains {
		return 0, err
	}
	ctx, release, err := r.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	for {
		if state, err = r.status(ctx); err != nil {
			return completed, err
		}
		if state.Remains {
			if err := r.cleanUp(ctx, r.all[state.Current-1]); err != nil {
				return completed, err
			}
		}
		if len(state.Pending) == 0 {
			return completed, nil
		}
		if done, err := r.setUp(ctx, state); err != nil {
			return completed, err
		} else if done {
			return completed + len(r.all), nil
		}
		m := state.Pending[0]
		if err := r.mayBegin(ctx, m, state); err != nil {
			return completed, err
		}
		if err := r.apply(ctx, m, state); err != nil {
			if lost := context.Cause(ctx); lost != nil {
				err = lost // not the error of the command that this interrupted
			}
			return completed, fmt.Errorf("migration %d (%s): %w", m.Number, m.Name, err)
		}
		completed++
	}
}

// setUp initialises a Redis that has no marker and no callbacks with the latest
// version, unless an older live replica could not work with it.
func (r *runner) setUp(ctx context.Context, state State) (done bool, err error) {
	if state.Current > 0 || state.Begun {
		return false, nil
	}
	callbacks, err := count(ctx, r.client)
	if err != nil || callbacks > 0 {
		return false, err
	}
	latest := r.all[len(r.all)-1]
	if older := r.olderThan(ctx, latest); older != nil {
		if _, ok := errors.AsType[*OlderReplicasError](older); !ok {
			return false, older
		}
		return false, nil // apply the migrations one by one, as far as possible
	}
	for _, m := range r.all {
		r.report(Progress{Migration: m, Step: "applying"})
	}
	return true, r.step(ctx, marker{}, marker{version: latest.Number}, "forget")
}

// apply completes one migration, from wherever an earlier run ended.
func (r *runner) apply(ctx context.Context, m Migration, state State) error {
	before, moving, after := marker{version: m.Number - 1}, marker{m.Number - 1, m.Number}, marker{version: m.Number}
	if m.Rewrite == nil {
		r.report(Progress{Migration: m, Step: "applying"})
		return r.step(ctx, before, after, "forget")
	}
	if !state.Begun {
		of, err := count(ctx, r.client)
		if err != nil {
			return err
		}
		if err := r.step(ctx, before, moving, "forget", "number", m.Number, "done", 0, "of", of); err != nil {
			return err
		}
	}
	if state.Done == 0 { // otherwise an earlier run has waited already
		r.report(Progress{Migration: m, Step: "waiting until every replica has noticed"})
		if err := pause(ctx, r.notice); err != nil {
			return err
		}
	}
	if err := r.rewrite(ctx, m, moving); err != nil {
		return err
	}
	if err := r.step(ctx, moving, after, "note"); err != nil {
		return err
	}
	return r.cleanUp(ctx, m)
}

// rewrite changes every callback to the new form, and checks the result.
func (r *runner) rewrite(ctx context.Context, m Migration, moving marker) error {
	for pass := 1; ; pass++ {
		if err := r.rewriteOnce(ctx, m, moving); err != nil {
			return err
		}
		found, err := r.check(ctx, m)
		if err != nil {
			return err
		}
		if found.wrong == 0 {
			return nil
		}
		if pass == passes {
			return fmt.Errorf("after %d passes: %w; is a relay of an older release still running?", passes, found.err())
		}
		// Start again from the beginning: a wrong callback may be anywhere.
		if err := r.step(ctx, moving, moving, "forget", "number", m.Number, "done", 0, "of", found.of); err != nil {
			return err
		}
	}
}

func (r *runner) rewriteOnce(ctx context.Context, m Migration, moving marker) error {
	p, err := readProgress(ctx, r.client)
	if err != nil {
		return err
	}
	for partition := range partitions {
		err := walk(ctx, r.client, partition, p.cursors[partition], func(ids []string, cursor string) error {
			if _, err := runAll(ctx, r.client, m.Rewrite, partition, ids); err != nil {
				return err
			}
			p.done += len(ids)
			r.report(Progress{Migration: m, Step: "rewriting", Done: p.done, Of: max(p.of, p.done)})
			return r.step(ctx, moving, moving, "note", cursorField(partition), cursor, "done", p.done)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cleanUp finishes a migration after its version has been reached.
func (r *runner) cleanUp(ctx context.Context, m Migration) error {
	if m.CleanUp != nil {
		r.report(Progress{Migration: m, Step: "cleaning up"})
		if err := m.CleanUp(ctx, r.client); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
	}
	reached := marker{version: m.Number}
	return r.step(ctx, reached, reached, "forget")
}

// step changes the marker, or stores progress, if this run still holds the lock.
func (r *runner) step(ctx context.Context, from, to marker, action string, progress ...any) error {
	args := append([]any{r.holder, from.String(), to.String(), action}, progress...)
	reply, err := stepScript.Run(ctx, r.client, []string{schemaKey, progressKey, migratorKey}, args...).StringSlice()
	if err != nil {
		return fmt.Errorf("change %s: %w", schemaKey, err)
	}
	switch {
	case len(reply) == 1:
		return nil
	case len(reply) == 2 && reply[0] == "lost":
		return errLost
	case len(reply) == 2:
		return fmt.Errorf("another program has changed %s to %q; expected %q", schemaKey, reply[1], from)
	}
	return errors.New("step.lua: unexpected reply")
}

// findings are the result of checking every callback.
type findings struct {
	of, wrong, damaged int
	first              string // what is wrong with the first of them
}

func (f findings) err() error {
	if f.wrong+f.damaged == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d callbacks are not as they should be; the first: %s", f.wrong+f.damaged, f.of, f.first)
}

// check checks every callback.
func (r *runner) check(ctx context.Context, m Migration) (f findings, err error) {
	of, err := count(ctx, r.client)
	if err != nil {
		return f, err
	}
	for partition := range partitions {
		err := walk(ctx, r.client, partition, "", func(ids []string, _ string) error {
			replies, err := runAll(ctx, r.client, m.Check, partition, ids)
			if err != nil {
				return err
			}
			for i, reply := range replies {
				if reply[0] == "ok" {
					continue
				}
				if f.wrong+f.damaged == 0 {
					f.first = ids[i] + " " + reply[len(reply)-1]
				}
				if reply[0] == "damaged" {
					f.damaged++
				} else {
					f.wrong++
				}
			}
			f.of += len(ids)
			r.report(Progress{Migration: m, Step: "checking", Done: f.of, Of: max(of, f.of)})
			return nil
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}
