package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"callback-relay/config"
	"callback-relay/relay"
	"callback-relay/stepfunctions"
)

// serveCommand runs the relay.
type serveCommand struct {
	config.Settings
}

// Run implements the command. Whatever is wrong with the settings is reported
// at once, those that others than package config can judge included.
func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	cfg, err := c.Parse()
	keys, keysErr := parseKeys(cfg.Keys)
	awsConfig, awsErr := loadAWS(ctx)
	if err := errors.Join(err, keysErr, awsErr); err != nil {
		return err
	}
	listening, err := bind(cfg.PublicListen, cfg.PrivateListen)
	if err != nil {
		return err
	}
	n, err := newNode(nodeOptions{Config: cfg, Keys: keys, AWS: awsConfig, Ports: listening, Log: t.err})
	if err != nil {
		return err
	}
	return n.run(ctx)
}

// parseKeys reads the master keys. That there are none has been reported.
func parseKeys(text config.Secret) (*relay.KeyRing, error) {
	if text == "" {
		return nil, nil
	}
	keys, err := relay.ParseKeyRing(text.Reveal())
	if err != nil {
		return nil, &config.Mistake{Setting: "RELAY_KEYS", Problem: err.Error()}
	}
	return keys, nil
}

// loadAWS reads the settings of the AWS SDK.
func loadAWS(ctx context.Context) (aws.Config, error) {
	cfg, err := stepfunctions.LoadConfig(ctx)
	if err == nil && cfg.Region == "" {
		err = &config.Mistake{Setting: "AWS_REGION", Problem: "is missing; name the region of the workflows, such as eu-central-1"}
	}
	return cfg, err
}
