package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"callback-relay/config"
	"callback-relay/migrations"
)

// migrateCommand changes the keyspace from release to release.
type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" help:"Apply missing migrations, while relays serve. Safe to repeat, and to interrupt."`
	Status migrateStatusCommand `cmd:"" help:"Show the keyspace's version, and missing and running migrations."`
	Verify migrateVerifyCommand `cmd:"" help:"Check that every callback has the form of the keyspace's version."`
}

type migrateUpCommand struct {
	DryRun bool          `help:"Only show what would be done, and to how many callbacks."`
	Wait   time.Duration `default:"0" placeholder:"DURATION" help:"How long to wait until replicas of an older release have stopped, such as 5m. Without it, migrations that they do not know are left for the next run."`

	config.RedisSettings
}

// Run implements the command.
func (c *migrateUpCommand) Run(ctx context.Context, t terminal) error {
	return withRedis(c.RedisSettings, func(client redis.UniversalClient) error {
		if c.DryRun {
			return preview(ctx, t, client)
		}
		shown := newProgressView(t)
		n, err := c.up(ctx, client, shown)
		shown.end()
		if older, ok := errors.AsType[*migrations.OlderReplicasError](err); ok {
			fmt.Fprintf(t.out, "%d applied\n%v\nnothing else was changed: run relay migrate up again after the rollout\n", n, older)
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "done, %d applied\n", n)
		return nil
	})
}

// lookForOlderEvery is how often up looks for older replicas while it waits for
// them to stop.
const lookForOlderEvery = 2 * time.Second

// up applies missing migrations, and waits for older replicas to stop, for as
// long as --wait says.
func (c *migrateUpCommand) up(ctx context.Context, client redis.UniversalClient, shown *progressView) (applied int, err error) {
	waiting, stop := context.WithTimeout(ctx, c.Wait)
	defer stop()
	for {
		n, err := migrations.Up(ctx, client, shown.show)
		applied += n
		older, ok := errors.AsType[*migrations.OlderReplicasError](err)
		if !ok {
			return applied, err
		}
		shown.show(migrations.Progress{Step: older.Error()})
		select {
		case <-waiting.Done():
			return applied, cmp.Or(ctx.Err(), err)
		case <-time.After(lookForOlderEvery):
		}
	}
}

func preview(ctx context.Context, t terminal, client redis.UniversalClient) error {
	shown := newProgressView(t)
	plans, err := migrations.Preview(ctx, client, shown.show)
	shown.end()
	if err != nil {
		return err
	}
	now := 0
	for _, p := range plans {
		what := "changes no callback"
		if p.Rewrite != nil {
			what = fmt.Sprintf("rewrites %d of %d callbacks", p.Rewrites, p.Of)
		}
		fmt.Fprintf(t.out, "would apply %d: %s; %s\n", p.Number, p.Name, what)
		if p.Waits != nil {
			fmt.Fprintf(t.out, "would wait: %v\n", p.Waits)
		} else {
			now++
		}
	}
	fmt.Fprintf(t.out, "%d to apply, nothing was changed\n", now)
	return nil
}

type migrateStatusCommand struct {
	config.RedisSettings
}

// Run implements the command. A missing migration is not an error here; /readyz
// reports it.
func (c *migrateStatusCommand) Run(ctx context.Context, t terminal) error {
	return withRedis(c.RedisSettings, func(client redis.UniversalClient) error {
		state, err := migrations.Status(ctx, client)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "keyspace version %d, this release needs %d\n", state.Current, state.Latest)
		for i, m := range state.Pending {
			if i == 0 && state.Begun {
				fmt.Fprintf(t.out, "begun %d: %s; %d of %d callbacks\n", m.Number, m.Name, state.Done, state.Of)
				continue
			}
			fmt.Fprintf(t.out, "missing %d: %s\n", m.Number, m.Name)
		}
		if state.Remains {
			fmt.Fprintf(t.out, "to clean up after %d\n", state.Current)
		}
		switch {
		case state.Holder != "":
			fmt.Fprintf(t.out, "running on %s\n", state.Holder)
		case state.Begun, state.Remains:
			fmt.Fprintln(t.out, "not running: run relay migrate up")
		}
		return nil
	})
}

type migrateVerifyCommand struct {
	config.RedisSettings
}

// Run implements the command.
func (c *migrateVerifyCommand) Run(ctx context.Context, t terminal) error {
	return withRedis(c.RedisSettings, func(client redis.UniversalClient) error {
		shown := newProgressView(t)
		n, err := migrations.Verify(ctx, client, shown.show)
		shown.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%d callbacks, all correct\n", n)
		return nil
	})
}

// withRedis calls do with a client for the Redis in the settings.
func withRedis(settings config.RedisSettings, do func(redis.UniversalClient) error) error {
	cfg, err := settings.Parse()
	if err != nil {
		return err
	}
	client, err := openRedis(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	err = do(client)
	if _, ok := errors.AsType[net.Error](err); ok {
		return fmt.Errorf("redis %w: %w", errUnreachable, err)
	}
	return err
}
