package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/redis/go-redis/v9"

	"callback-relay/client"
	"callback-relay/config"
	"callback-relay/migrations"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

const (
	testAPIKey = "relay_TESTKEYTESTKEYTESTKEYTEST"
	// publicURL has a path, and so has every link. No test connects to it: each
	// chooses a replica.
	publicURL = "https://relay.example.com/base"

	patience  = 30 * time.Second
	pollEvery = 5 * time.Millisecond
)

// masterKey is the key that all relays in the tests share.
var masterKey = "k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))

func apiKeyEntry() string {
	hash := sha256.Sum256([]byte(testAPIKey))
	return "tests:" + hex.EncodeToString(hash[:])
}

// serveEnv is the environment of a relay that runs as a process.
func serveEnv(redisURL, stepsURL string) map[string]string {
	return map[string]string{
		"RELAY_PUBLIC_URL":     publicURL,
		"RELAY_PUBLIC_LISTEN":  "127.0.0.1:0",
		"RELAY_PRIVATE_LISTEN": "127.0.0.1:0",
		"RELAY_REDIS_URL":      redisURL,
		"RELAY_KEYS":           masterKey,
		"RELAY_API_KEYS":       apiKeyEntry(),

		"AWS_ENDPOINT_URL_SFN":      stepsURL,
		"AWS_REGION":                "eu-central-1",
		"AWS_ACCESS_KEY_ID":         "test",
		"AWS_SECRET_ACCESS_KEY":     "test",
		"AWS_EC2_METADATA_DISABLED": "true",

		"GORACE": "atexit_sleep_ms=0", // the race detector's own second before each exit
	}
}

// redisServer is a Redis that can be stopped.
type redisServer struct {
	mode, url string
	kill      func()
}

// startStandalone starts a redis-server, or an in-process Redis if none is
// installed.
func startStandalone(t testing.TB) redisServer {
	t.Helper()
	if !redistest.Available(t) {
		m := miniredis.RunT(t)
		return redisServer{store.ModeStandalone, "redis://" + m.Addr() + "/0", m.Close}
	}
	s := redistest.Start(t)
	return redisServer{store.ModeStandalone, s.URL, s.Kill}
}

// onEachRedis runs a test on each mode of Redis.
func onEachRedis(t *testing.T, test func(t *testing.T, r redisServer)) {
	t.Helper()
	t.Parallel() // a cluster takes two seconds to come up
	t.Run("standalone", func(t *testing.T) {
		t.Parallel()
		test(t, startStandalone(t))
	})
	if !redistest.Available(t) {
		return
	}
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		s := redistest.StartCluster(t)
		test(t, redisServer{store.ModeCluster, s.URL, s.Kill})
	})
}

// world is what the relays share, and the replicas, among which requests alternate.
type world struct {
	*testing.T
	server   redisServer
	redis    redis.UniversalClient // to see what the relays store
	steps    *standin.Server
	stepsURL string
	http     *http.Transport
	replicas []*replica
	turn     int

	collector *collector // gets traces, of replicas that are built from then on; nil for none
}

// newWorld starts replicas on a migrated Redis and a new Step Functions.
func newWorld(t *testing.T, r redisServer, replicas int) *world {
	t.Helper()
	w := &world{T: t, server: r, steps: standin.New(standin.Options{}), http: &http.Transport{}}
	var err error
	if w.redis, err = store.Open(r.mode, r.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.redis.Close() })
	if _, err := migrations.Up(t.Context(), w.redis, nil); err != nil {
		t.Fatal(err)
	}
	var closeSteps func()
	if w.stepsURL, closeSteps, err = w.steps.Listen(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeSteps)
	t.Cleanup(w.http.CloseIdleConnections)
	for range replicas {
		w.replicas = append(w.replicas, w.start())
	}
	return w
}

// replica is one relay in this process.
type replica struct {
	*node
	client *client.Client
	log    *logBuffer
	trips  *trips
	stop   func() error // as SIGTERM does
}

// patientSettings make senders wait until their answer is delivered, so that
// responses do not depend on how busy the machine is.
func (w *world) patientSettings() config.Settings {
	return config.Settings{
		PublicURL: publicURL, PublicListen: "127.0.0.1:0", PrivateListen: "127.0.0.1:0",
		RedisSettings: config.RedisSettings{RedisURL: config.Secret(w.server.url), RedisMode: w.server.mode},
		Keys:          config.Secret(masterKey), APIKeys: config.Secret(apiKeyEntry()),
		AnswerWait: "30s", LogLevel: "debug", LogFormat: "text",
	}
}

// hasty does not let senders wait.
func hasty(s *config.Settings) { s.AnswerWait = "0s" }

// start runs a replica until the test ends.
func (w *world) start(change ...func(*config.Settings)) *replica {
	w.Helper()
	r := w.build(change...)
	w.run(r)
	w.Cleanup(func() {
		w.steps.SetFault()
		w.steps.Release() // or stopping takes as long as a call may
		if err := r.stop(); err != nil {
			w.Errorf("stop: %v", err)
		}
	})
	return r
}

// run serves with a replica until it is stopped.
func (w *world) run(r *replica) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// build makes a replica without running it.
func (w *world) build(change ...func(*config.Settings)) *replica {
	w.Helper()
	return w.buildWith(nil, change...)
}

// buildWith is build with changed parts.
func (w *world) buildWith(parts func(*nodeOptions), change ...func(*config.Settings)) *replica {
	w.Helper()
	settings := w.patientSettings()
	for _, c := range change {
		c(&settings)
	}
	cfg, err := settings.Parse()
	w.must(err)
	keys, err := parseKeys(cfg.Keys)
	w.must(err)
	shown, err := newPages(cfg.Brand)
	w.must(err)
	listening, err := bind(cfg.PublicListen, cfg.PrivateListen)
	w.must(err)
	r := &replica{log: &logBuffer{}, trips: &trips{}}
	o := nodeOptions{
		Config: cfg, Keys: keys, Pages: shown, Ports: listening, Tracer: w.tracer(), Log: r.log,
		Outside: ingress{to: listening.public.Addr().String()},
		AWS: aws.Config{
			Region:       "eu-central-1",
			Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
			BaseEndpoint: &w.stepsURL,
		},
	}
	if parts != nil {
		parts(&o)
	}
	r.node, err = newNode(o)
	w.must(err)
	r.redis.AddHook(r.trips)
	r.client, err = client.New("http://"+r.ports.private.Addr().String(), testAPIKey)
	w.must(err)
	return r
}

// ingress sends all requests to a public listener, whatever their address.
type ingress struct{ to string }

// RoundTrip implements [http.RoundTripper].
func (i ingress) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", i.to
	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
}

// next returns the replica whose turn it is.
func (w *world) next() *replica {
	w.turn++
	return w.replicas[w.turn%len(w.replicas)]
}

// eventually polls a condition until it holds.
func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			w.Fatalf("waited in vain until %s", what)
		case <-time.After(pollEvery):
		}
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
