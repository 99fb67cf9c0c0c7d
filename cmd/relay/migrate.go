package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"

	"callback-relay/config"
	"callback-relay/migrations"
)

// migrateCommand changes the keyspace from release to release.
type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" help:"Apply what is missing. Safe to repeat, and to run twice at once."`
	Status migrateStatusCommand `cmd:"" help:"Show the keyspace's version and what is missing."`
}

type migrateUpCommand struct {
	config.RedisSettings
}

// Run implements the command.
func (c *migrateUpCommand) Run(ctx context.Context, t terminal) error {
	return withRedis(c.RedisSettings, func(client redis.UniversalClient) error {
		n, err := migrations.Up(ctx, client, func(m migrations.Migration) {
			fmt.Fprintf(t.out, "applying %d: %s\n", m.Number, m.Name)
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "done, %d applied\n", n)
		return nil
	})
}

type migrateStatusCommand struct {
	config.RedisSettings
}

// Run implements the command. What is missing is not an error: ask readyz for
// that.
func (c *migrateStatusCommand) Run(ctx context.Context, t terminal) error {
	return withRedis(c.RedisSettings, func(client redis.UniversalClient) error {
		state, err := migrations.Status(ctx, client)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "keyspace version %d, this release needs %d\n", state.Current, state.Latest)
		for _, m := range state.Pending {
			fmt.Fprintf(t.out, "missing %d: %s\n", m.Number, m.Name)
		}
		return nil
	})
}

// withRedis does something with the Redis that the settings name.
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
