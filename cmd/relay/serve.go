package main

import (
	"context"
	"errors"

	"callback-relay/config"
	"callback-relay/relay"
	"callback-relay/stepfunctions"
)

// serveCommand runs the relay.
type serveCommand struct {
	config.Settings
}

// Run implements the command.
func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	cfg, err := c.Parse()
	var keys *relay.KeyRing
	if cfg.Keys != "" {
		var keysErr error
		if keys, keysErr = relay.ParseKeyRing(cfg.Keys.Reveal()); keysErr != nil {
			err = errors.Join(err, &config.Mistake{Setting: "RELAY_KEYS", Problem: keysErr.Error()})
		}
	}
	if err != nil {
		return err
	}
	awsConfig, err := stepfunctions.LoadConfig(ctx)
	if err != nil {
		return err
	}
	n, err := newNode(cfg, keys, awsConfig, t.err)
	if err != nil {
		return err
	}
	return n.run(ctx)
}
