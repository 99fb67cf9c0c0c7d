package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/redis/go-redis/v9"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/handlers"
	"callback-relay/outbox"
	"callback-relay/pages"
	"callback-relay/publickeys"
	"callback-relay/relay"
	"callback-relay/senders"
	"callback-relay/stepfunctions"
	"callback-relay/store"
	"callback-relay/telemetry"
)

const (
	// leaseMargin is how much longer a lease lasts than the call to Step
	// Functions: time to wait for memory and the rate limit before the call, and to settle
	// the delivery after it.
	leaseMargin = 5 * time.Second
	// watchEvery is how often the relay checks the keyspace, and so how long it
	// could still write to a Redis that has lost its data.
	watchEvery = time.Second
	// bytesInFlight limits the bodies that are being handled, so that the
	// process stays under 256 MiB whatever is posted. Each body is in memory
	// several times: as posted, sealed, and as JSON for AWS. Package handlers
	// sets a separate limit for pages.
	bytesInFlight = 32 << 20
	// connections limits the open connections of each listener. It is twice the
	// number of requests that a listener handles at once, so that there is
	// always an idle connection to close for a health check.
	connections = 2048
	// stopWithin is how long current requests and deliveries may take to
	// finish, together. Orchestrators usually kill after 30 s.
	stopWithin = 25 * time.Second
	// readFirstWithin is how long a start waits for Redis before it serves.
	readFirstWithin = time.Second
	// exportWithin is how long exporting the last traces may take after that.
	exportWithin = 2 * time.Second
)

// checkRegistrations is the check that fails while registrations are stopped.
// The replica is still ready then.
const checkRegistrations = "registrations"

// node is one running relay.
type node struct {
	lines   *telemetry.Lines
	logger  *slog.Logger
	metrics *telemetry.Metrics
	tracer  *telemetry.Tracer
	redis   redis.UniversalClient
	sender  *stepfunctions.Sender
	store   *store.Store
	service *relay.Service
	outbox  *outbox.Outbox
	public  *http.Server
	private *http.Server

	publicURL  publicAddress
	configFile *configFile
	reload     <-chan os.Signal
	warnings   warnings

	ports        ports
	stopWithin   time.Duration
	stopping     atomic.Bool
	failedChecks map[string]bool // checks that failed last; only the watch uses it
}

// nodeOptions are the parts of a node. All are required, unless a default is
// named.
type nodeOptions struct {
	Config config.Config // its listen addresses are those of Ports
	Keys   *relay.KeyRing
	Pages  *pages.Pages
	AWS    aws.Config
	Ports  ports             // the node closes them
	Tracer *telemetry.Tracer // the node closes it; nil makes no traces
	Log    io.Writer

	Reload     <-chan os.Signal  // asks the node to read the configuration file again; nil never does
	SenderKeys *publickeys.Cache // public keys of senders; default those that the process shares
	Outside    http.RoundTripper // calls the public URL; default a new one, with the environment's proxies
	StopWithin time.Duration     // how long stopping may take; default 25 s
	Clock      func() time.Time  // compared with that of Redis; default [time.Now]

	AroundLog func(slog.Handler) slog.Handler // sees what is logged, whatever the level; nil changes nothing

	// Tests put faults around the real parts with these; nil changes nothing.
	AroundStore  func(relay.Store) relay.Store
	AroundSender func(outbox.Sender) outbox.Sender
}

// around returns the part, wrapped if there is a wrapper.
func around[Part any](part Part, wrap func(Part) Part) Part {
	if wrap == nil {
		return part
	}
	return wrap(part)
}

// newNode assembles a relay. It connects to nothing yet, since Redis may be
// unavailable when it starts.
func newNode(o nodeOptions) (_ *node, err error) {
	cfg, keys := o.Config, o.Keys
	lines := telemetry.NewLines(o.Log)
	n := &node{
		lines:  lines,
		logger: telemetry.NewLogger(lines, cfg.LogLevel, string(cfg.LogFormat)),
		ports:  o.Ports,
		tracer: o.Tracer,

		publicURL: publicAddress{url: cfg.PublicURL, keys: keys, client: o.Outside},
		reload:    o.Reload,

		stopWithin: cmp.Or(o.StopWithin, stopWithin),
	}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	n.logger = slog.New(around(n.logger.Handler(), o.AroundLog))
	n.metrics = telemetry.NewMetrics(telemetry.MetricsOptions{
		Version:  buildVersion(),
		Classes:  relay.SendClasses(),
		Refusals: append(stepfunctions.Refusals(), relay.ReasonGivenUp),
		Checks:   append(slices.Clone(store.Checks), checkRegistrations),
		Warnings: warningChecks,
		Verdicts: relay.PostVerdicts(),
		Unproven: unprovenReasons(),

		HookVerdicts: relay.HookVerdicts(),
	})

	n.configFile = newConfigFile(cfg.File, n.warn, n.logger)

	if n.redis, err = openRedis(cfg.Redis); err != nil {
		return nil, err
	}
	n.store = store.New(n.redis, store.Options{
		Keys:      keys,
		Lease:     cfg.StepFunctionsTimeout + leaseMargin,
		Retention: cfg.Retention,

		Durability: storeDurability(cfg.Durability),
		Clock:      o.Clock,
		Metrics:    n.metrics,
		Tracer:     n.tracer,
	})
	n.sender, err = stepfunctions.New(o.AWS, stepfunctions.Options{Timeout: cfg.StepFunctionsTimeout, Metrics: n.metrics})
	if err != nil {
		return nil, err
	}
	n.outbox = outbox.New(outbox.Options{
		Queue: n.store, Sender: around[outbox.Sender](n.sender, o.AroundSender), Metrics: n.metrics, Tracer: n.tracer, Logger: n.logger,
		Replica:    rand.Text(),
		AnswerWait: cfg.AnswerWait,
		Rate:       cfg.StepFunctionsRate,
		Memory:     deliveryMemory(),
		Give:       func(ctx context.Context) (more bool, err error) { return n.service.GiveDue(ctx) },
		CountHooks: func(ctx context.Context) error { return n.service.CountHooks(ctx) },
	})
	n.service = relay.NewService(relay.ServiceOptions{
		Store: around[relay.Store](n.store, o.AroundStore), Keys: keys, Deliverer: n.outbox, Heartbeater: n.outbox,
		Senders: n.configFile, Hooks: n.configFile, People: n.configFile, HookMetrics: n.metrics, SenderKeys: o.SenderKeys, Metrics: n.metrics, Logger: n.logger,
		PublicURL:     cfg.PublicURL,
		DefaultExpiry: cfg.DefaultExpiry,
		MaxExpiry:     cfg.MaxExpiry,
		MaxOutput:     cfg.MaxOutputBytes,
		MaxBody:       cfg.MaxBodyBytes,
	})
	n.public = handlers.NewServer(handlers.Public(handlers.PublicOptions{
		Relay: n.service, Logger: n.logger, Metrics: n.metrics, Tracer: n.tracer, Pages: o.Pages,
		BytesInFlight: bytesInFlight,
	}), n.logger)
	n.private = handlers.NewServer(handlers.Private(handlers.PrivateOptions{
		Relay: n.service, Logger: n.logger, Metrics: n.metrics, Tracer: n.tracer,
		Keys: apiKeys(cfg.APIKeys), Exposition: n.metrics.Handler(), Ready: n.ready, Warnings: n.warnings.all,
	}), n.logger)
	return n, nil
}

// run serves until ctx ends, and then stops without losing anything: it stops
// being ready, accepts no new answers, finishes current requests, and waits for
// deliveries. Health checks are answered until the last response. Stopping ends
// in time even if something hangs, since accepted answers are in Redis.
func (n *node) run(ctx context.Context) error {
	defer n.close()
	n.logger.Info("serving", "public", n.ports.public.Addr().String(), "private", n.ports.private.Addr().String())

	aws := n.sender.Setup()
	n.logger.Info("step functions", "region", aws.Region, "endpoint", aws.Endpoint, "credentials", aws.Credentials)

	delivering, stopDelivering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivering()
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		var watch sync.WaitGroup
		watch.Go(func() { n.store.Watch(delivering, watchEvery, n.found) })
		watch.Go(func() { n.lookOutside(delivering) })
		watch.Go(func() { n.configFile.watch(delivering, n.reload) })
		n.outbox.Run(delivering)
		watch.Wait()
	}()
	n.readAwaited(delivering)
	failed := make(chan error, 2)
	go func() { failed <- n.public.Serve(handlers.BoundConnections(n.public, n.ports.public, connections)) }()
	go func() { failed <- n.private.Serve(handlers.BoundConnections(n.private, n.ports.private, connections)) }()

	var err error
	select {
	case <-ctx.Done():
		n.logger.Info("stopping")
	case err = <-failed:
		n.logger.Error("a listener failed", "error", err)
	}
	n.stopping.Store(true)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.stopWithin)
	defer cancel()
	err = errors.Join(err, shutDown(stopping, n.public), shutDown(stopping, n.private))
	stopDelivering()
	select {
	case <-delivered:
	case <-stopping.Done():
		n.logger.Warn("stopping before all answers are delivered: another process delivers the rest when the leases end")
	}
	n.logger.Info("stopped")
	return err
}

// readAwaited reads which hooks are awaited before requests come, since a hook that is not
// in the configuration file cannot be told from a forged key before. If Redis does not
// answer soon, requests come first, and such keys get 503 until the outbox has read it.
func (n *node) readAwaited(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readFirstWithin)
	defer cancel()
	_ = n.service.CountHooks(ctx) // the outbox does the same, and reports if it fails
}

// shutDown waits for a server's requests until ctx ends, and then cuts off the
// rest, since everything their handlers use is about to be closed.
func shutDown(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
}

// found records the condition of Redis, and logs checks that have just failed or
// passed again.
func (n *node) found(c store.Condition) {
	now := map[string]bool{}
	note := func(check, reason string) {
		now[check] = true
		n.metrics.CheckFailed(check, true)
		if !n.failedChecks[check] {
			n.logger.Error("not ready", "check", check, "reason", reason)
		}
	}
	for _, o := range c.FailedChecks {
		note(o.Check, o.Reason)
	}
	if now[store.CheckRedis] {
		maps.Copy(now, n.failedChecks) // the other checks could not be made
	} else {
		n.metrics.Redis(c.Memory, c.Skew)
		n.warn(checkMigration, c.Migration)
	}
	if c.Low() {
		note(checkRegistrations, "stopped, since redis has little memory left")
	}
	for check := range n.failedChecks {
		if !now[check] {
			n.metrics.CheckFailed(check, false)
			n.logger.Info("ready again", "check", check)
		}
	}
	n.failedChecks = now
}

// ready returns the checks that keep the node from serving.
func (n *node) ready(ctx context.Context) []api.FailedCheck {
	if n.stopping.Load() {
		return []api.FailedCheck{{Check: "process", Reason: "the relay is stopping"}}
	}
	var all []api.FailedCheck
	for _, found := range n.store.Ready(ctx) {
		all = append(all, api.FailedCheck(found))
	}
	return all
}

// close releases all resources of the node.
func (n *node) close() {
	n.ports.close()
	if n.sender != nil {
		n.sender.Close()
	}
	if n.redis != nil {
		if err := n.redis.Close(); err != nil {
			n.logger.Warn("close redis", "error", err)
		}
	}
	exporting, cancel := context.WithTimeout(context.Background(), exportWithin)
	defer cancel()
	if err := n.tracer.Close(exporting); err != nil {
		n.logger.Warn("the last traces are lost", "error", err)
	}
	_ = n.lines.Close() // there is nowhere to report its error
}

// unprovenReasons returns why a sender may not be proven.
func unprovenReasons() []string {
	var all []string
	for _, reason := range senders.Reasons() {
		all = append(all, string(reason))
	}
	return all
}

func storeDurability(d config.Durability) store.Durability {
	return store.Durability{AOF: d.AOF, Local: d.Local, Replicas: d.Replicas}
}

func apiKeys(configured []config.APIKey) []handlers.APIKey {
	keys := make([]handlers.APIKey, len(configured))
	for i, k := range configured {
		keys[i] = handlers.APIKey(k)
	}
	return keys
}
