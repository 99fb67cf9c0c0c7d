package devmode

import (
	"context"
	_ "embed" // for the configuration file
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"

	"callback-relay/stepfunctions/standin"
)

// ConfigFile is a configuration file with one sender, "shop", that has a hook to which
// everybody may post.
//
//go:embed relay.yaml
var ConfigFile []byte

// World is a running Redis and Step Functions.
type World struct {
	RedisURL         string
	StepFunctionsURL string
	StepFunctions    *standin.Server

	close []func()
}

// Start starts both. onEffect is called with each outcome that Step Functions
// accepts. A task token it has never seen counts as that of a waiting task, so
// that any text can be registered to try things out.
func Start(onEffect func(standin.Effect)) (*World, error) {
	redis, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("start the in-process redis: %w", err)
	}
	steps := standin.New(standin.Options{OnEffect: onEffect, AcceptAny: true})
	url, stop, err := steps.Listen("127.0.0.1:0")
	if err != nil {
		redis.Close()
		return nil, fmt.Errorf("start the stand-in for step functions: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go tick(ctx, redis)
	return &World{
		RedisURL:         "redis://" + redis.Addr() + "/0",
		StepFunctionsURL: url,
		StepFunctions:    steps,
		close:            []func(){cancel, stop, redis.Close},
	}, nil
}

// Close stops both. What they held is gone.
func (w *World) Close() {
	for _, stop := range w.close {
		stop()
	}
}

// tick lets keys expire: the in-process Redis does not do that by itself.
func tick(ctx context.Context, redis *miniredis.Miniredis) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			redis.FastForward(time.Second)
		}
	}
}
