package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/redis/go-redis/v9"

	"callback-relay/config"
	"callback-relay/handlers"
	"callback-relay/outbox"
	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/store"
	"callback-relay/telemetry"
)

const (
	// leaseMargin is what a lease has beyond the call to Step Functions: time
	// to wait for a permit before it, and to settle after it.
	leaseMargin = 5 * time.Second
	// bytesInFlight bounds the bodies that are being handled, so that the
	// process stays within a few hundred megabytes whatever is posted.
	bytesInFlight = 64 << 20
	// stopWithin is how long requests that are under way may take to end.
	stopWithin = 20 * time.Second
)

// node is one running relay.
type node struct {
	logger  *slog.Logger
	redis   redis.UniversalClient
	sender  *stepfunctions.Sender
	store   *store.Store
	service *relay.Service
	outbox  *outbox.Outbox
	public  *http.Server
	private *http.Server

	publicListen, privateListen net.Listener
}

// newNode puts a relay together and binds its ports. It connects to nothing
// yet: Redis may be away when it starts.
func newNode(cfg config.Config, keys *relay.KeyRing, awsConfig aws.Config, log io.Writer) (_ *node, err error) {
	n := &node{logger: telemetry.NewLogger(log, cfg.LogLevel, string(cfg.LogFormat))}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	metrics := telemetry.NewMetrics()

	if n.redis, err = store.Open(string(cfg.Redis.Mode), cfg.Redis.URL.Reveal()); err != nil {
		return nil, &config.Mistake{Setting: "RELAY_REDIS_URL", Problem: err.Error()}
	}
	n.store = store.New(n.redis, store.Options{
		Keys:      keys,
		Lease:     cfg.StepFunctionsTimeout + leaseMargin,
		Retention: cfg.Retention,
	})
	n.sender, err = stepfunctions.New(awsConfig, stepfunctions.Options{Timeout: cfg.StepFunctionsTimeout})
	if err != nil {
		return nil, err
	}
	n.outbox = outbox.New(outbox.Options{
		Queue: n.store, Sender: n.sender, Metrics: metrics, Logger: n.logger,
		Replica:    rand.Text(),
		AnswerWait: cfg.AnswerWait,
		Rate:       cfg.StepFunctionsRate,
	})
	n.service = relay.NewService(relay.ServiceOptions{
		Store: n.store, Keys: keys, Deliverer: n.outbox, Heartbeater: n.sender,
		PublicURL:     cfg.PublicURL,
		DefaultExpiry: cfg.DefaultExpiry,
		MaxExpiry:     cfg.MaxExpiry,
		MaxOutput:     cfg.MaxOutputBytes,
	})
	n.public = handlers.NewServer(handlers.Public(handlers.PublicOptions{
		Relay: n.service, Logger: n.logger, Metrics: metrics,
		MaxOutput: cfg.MaxOutputBytes, BytesInFlight: bytesInFlight,
	}), n.logger)
	n.private = handlers.NewServer(handlers.Private(handlers.PrivateOptions{
		Relay: n.service, Logger: n.logger, Metrics: metrics,
		Keys: apiKeys(cfg.APIKeys), Exposition: metrics.Handler(), Ready: n.store.CheckSchema,
	}), n.logger)

	if n.publicListen, err = net.Listen("tcp", cfg.PublicListen); err != nil {
		return nil, fmt.Errorf("public listener: %w", err)
	}
	if n.privateListen, err = net.Listen("tcp", cfg.PrivateListen); err != nil {
		return nil, fmt.Errorf("private listener: %w", err)
	}
	return n, nil
}

// run serves until ctx ends, and then stops without losing anything: it takes
// no new requests, lets those under way finish, and waits for the deliveries.
func (n *node) run(ctx context.Context) error {
	defer n.close()
	n.logger.Info("serving", "public", n.publicListen.Addr().String(), "private", n.privateListen.Addr().String())

	delivering, stopDelivering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivering()
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		n.outbox.Run(delivering)
	}()
	failed := make(chan error, 2)
	go func() { failed <- n.public.Serve(n.publicListen) }()
	go func() { failed <- n.private.Serve(n.privateListen) }()

	var err error
	select {
	case <-ctx.Done():
		n.logger.Info("stopping")
	case err = <-failed:
		n.logger.Error("a listener failed", "error", err)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err = errors.Join(err, n.public.Shutdown(stopping), n.private.Shutdown(stopping))
	stopDelivering()
	<-delivered
	n.logger.Info("stopped")
	return err
}

// close releases what newNode took.
func (n *node) close() {
	for _, l := range []net.Listener{n.publicListen, n.privateListen} {
		if l != nil {
			_ = l.Close() // a server that was shut down has done so
		}
	}
	if n.sender != nil {
		n.sender.Close()
	}
	if n.redis != nil {
		if err := n.redis.Close(); err != nil {
			n.logger.Warn("close redis", "error", err)
		}
	}
}

func apiKeys(configured []config.APIKey) []handlers.APIKey {
	keys := make([]handlers.APIKey, len(configured))
	for i, k := range configured {
		keys[i] = handlers.APIKey(k)
	}
	return keys
}
