package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/redis/go-redis/v9"

	"callback-relay/config"
	"callback-relay/pages"
	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/store"
	"callback-relay/telemetry"
)

// serveCommand runs the relay.
type serveCommand struct {
	config.Settings
}

// Run implements the command. It reports all mistakes in the settings together,
// including those that only other packages than config can find.
func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	cfg, err := c.Parse()
	keys, keysErr := parseKeys(cfg.Keys)
	redisErr := checkRedis(cfg.Redis)
	shown, pagesErr := newPages(cfg.Brand)
	logger := telemetry.NewLogger(t.err, cfg.LogLevel, string(cfg.LogFormat))
	awsConfig, awsErr := loadAWS(ctx, logger)
	tracer, tracesErr := newTracer(ctx, logger)
	if err := errors.Join(err, redisErr, keysErr, pagesErr, awsErr, tracesErr); err != nil {
		return err
	}
	listening, err := bind(cfg.PublicListen, cfg.PrivateListen)
	if err != nil {
		return err
	}
	tuneMemory()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP) // also without a file: it must not end the relay
	defer signal.Stop(reload)
	n, err := newNode(nodeOptions{Config: cfg, Keys: keys, Pages: shown, AWS: awsConfig, Ports: listening, Tracer: tracer, Log: t.err, Reload: reload})
	if err != nil {
		return err
	}
	return n.run(ctx)
}

// parseKeys reads the master keys. If there are none, config has reported it.
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

// newPages makes the pages that people see.
func newPages(brand config.Brand) (*pages.Pages, error) {
	made, err := pages.New(pages.Brand(brand))
	if err == nil {
		return made, nil
	}
	// Each part is tried alone, to find which setting is wrong.
	var mistakes []error
	for _, part := range []struct {
		setting string
		brand   pages.Brand
	}{
		{"RELAY_BRAND_NAME", pages.Brand{Name: brand.Name}},
		{"RELAY_BRAND_LOGO_FILE", pages.Brand{Logo: brand.Logo}},
		{"RELAY_BRAND_COLOR", pages.Brand{Color: brand.Color}},
	} {
		if _, err := pages.New(part.brand); err != nil {
			mistakes = append(mistakes, &config.Mistake{Setting: part.setting, Problem: err.Error()})
		}
	}
	if len(mistakes) == 0 {
		return nil, err // the pages themselves are wrong
	}
	return nil, errors.Join(mistakes...)
}

// checkRedis checks whether the client accepts the URL. It does not connect. If
// URL or mode is missing, config has reported it.
func checkRedis(cfg config.Redis) error {
	if cfg.URL == "" || cfg.Mode == "" {
		return nil
	}
	client, err := openRedis(cfg)
	if err != nil {
		return err
	}
	return client.Close()
}

// openRedis returns a client for the Redis in the settings.
func openRedis(cfg config.Redis) (redis.UniversalClient, error) {
	client, err := store.Open(string(cfg.Mode), cfg.URL.Reveal())
	if err != nil {
		return nil, &config.Mistake{Setting: "RELAY_REDIS_URL", Problem: err.Error()}
	}
	return client, nil
}

// loadAWS reads the settings of the AWS SDK, which logs to logger. The error
// reports settings with which no call can ever work.
func loadAWS(ctx context.Context, logger *slog.Logger) (aws.Config, error) {
	cfg, err := stepfunctions.LoadConfig(ctx, logger)
	if err != nil {
		return cfg, err
	}
	var mistakes []error
	for _, err := range parts(stepfunctions.CheckConfig(cfg)) {
		if setup, ok := errors.AsType[*stepfunctions.SetupError](err); ok {
			err = &config.Mistake{Setting: setup.Setting, Problem: setup.Problem}
		}
		mistakes = append(mistakes, err)
	}
	return cfg, errors.Join(mistakes...)
}

// parts returns the errors that were joined into one.
func parts(err error) []error {
	switch joined := err.(type) { //nolint:errorlint // only the joined errors, not wrapped ones
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return joined.Unwrap()
	}
	return []error{err}
}

// tuneMemory uses more memory to save processor time. The relay's heap is small,
// so by default the garbage collector would run many times a second under load.
// Near the limit it still runs as often as it must. GOGC and GOMEMLIMIT, if set,
// take precedence.
//
// The percentage was chosen by measuring answers of 64 clients: with 100, 175, 200 and 400
// the process takes 64, 73, 75 and 110 MiB at most. The aim is 40 MiB more than the bare
// handler of the benchmarks, which takes 34.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(175)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(160 << 20)
	}
}

// deliveryMemory is how much of the process' memory the deliveries under way may take;
// 0, the default of package outbox, if its memory has no limit. The rest is for bodies
// and pages, whose limits are fixed, and for everything else.
func deliveryMemory() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	return limit / 5 * 3
}
