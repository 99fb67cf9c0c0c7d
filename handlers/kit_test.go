package handlers_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"callback-relay/api"
	"callback-relay/handlers"
	"callback-relay/outbox"
	"callback-relay/pages"
	"callback-relay/relay"
	"callback-relay/stepfunctions"
	"callback-relay/stepfunctions/standin"
	"callback-relay/store"
	"callback-relay/telemetry"
)

func TestMain(m *testing.M) {
	// The server keeps a connection that it cut off for another half second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

const apiKey = "an API key of thirty characters"

// node is a relay on loopback: both listeners, the store on an in-process Redis, and the
// outbox with the SDK's client that calls the stand-in. The outbox's loops do not run, so
// Redis gets only the commands that a test causes.
type node struct {
	t       *testing.T
	redis   *miniredis.Miniredis
	aws     *standin.Server
	service *relay.Service
	store   *store.Store
	keys    *relay.KeyRing
	log     *buffer
	metrics *metrics
	client  *http.Client

	warnings []api.Warning // of /readyz

	public, private string // host:port
}

// setup is what a test may change before its node starts.
type setup struct {
	service     relay.ServiceOptions
	inFlight    int64
	pageBytes   int64              // 0 is the default
	requests    int                // of the public listener; 0 is the default
	connections int                // of each listener; 0 is no bound
	server      func(*http.Server) // of the public listener
}

func start(t *testing.T, changes ...func(*setup)) *node {
	t.Helper()
	n := &node{t: t, redis: miniredis.RunT(t), aws: standin.New(standin.Options{}), log: &buffer{}, metrics: newMetrics()}
	if err := n.redis.Set("relay:schema", "2"); err != nil {
		t.Fatal(err)
	}
	awsURL, stopAWS, err := n.aws.Listen("")
	must(t, err)
	t.Cleanup(stopAWS)
	sender, err := stepfunctions.New(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &awsURL,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	}, stepfunctions.Options{})
	must(t, err)
	t.Cleanup(sender.Close)
	redis, err := store.Open(store.ModeStandalone, "redis://"+n.redis.Addr())
	must(t, err)
	t.Cleanup(func() { _ = redis.Close() })
	line, err := relay.NewMasterKey("k1")
	must(t, err)
	keys, err := relay.ParseKeyRing(line)
	must(t, err)

	logger := slog.New(slog.NewJSONHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	kept := store.New(redis, store.Options{Keys: keys, Lease: time.Minute, Retention: time.Hour})
	n.store, n.keys = kept, keys
	s := setup{
		service: relay.ServiceOptions{
			Store: kept, Keys: keys, Heartbeater: sender, Metrics: n.metrics, Logger: logger, Senders: configured{},
			Deliverer: outbox.New(outbox.Options{
				Queue: kept, Sender: sender, Metrics: n.metrics, Tracer: untraced, Logger: logger, Replica: "r1", AnswerWait: time.Minute,
			}),
			PublicURL:     &url.URL{Scheme: "https", Host: "relay.example.com"},
			DefaultExpiry: 24 * time.Hour, MaxExpiry: 365 * 24 * time.Hour, MaxOutput: relay.MaxOutputBytes, MaxBody: 1 << 20,
		},
		inFlight: 16 << 20,
		server:   func(*http.Server) {},
	}
	for _, change := range changes {
		change(&s)
	}
	n.service = relay.NewService(s.service)
	_ = n.service.CountHooks(t.Context()) // as at each start; some tests give it no Redis
	public := handlers.NewServer(handlers.Public(handlers.PublicOptions{
		Relay: n.service, Logger: logger, Metrics: n.metrics, Tracer: untraced, Pages: plainPages(t),
		BytesInFlight: s.inFlight, RequestsInFlight: s.requests, PageBytesInFlight: s.pageBytes,
	}), logger)
	s.server(public)
	n.public = serve(t, public, s.connections)
	n.private = serve(t, handlers.NewServer(handlers.Private(handlers.PrivateOptions{
		Relay: n.service, Logger: logger, Metrics: n.metrics, Tracer: untraced,
		Keys: []handlers.APIKey{
			{Name: "other", Hash: sha256.Sum256([]byte("another key"))},
			{Name: "test", Hash: sha256.Sum256([]byte(apiKey))},
		},
		Exposition: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics\n") }),
		Warnings:   func() []api.Warning { return n.warnings },
		Ready: func(ctx context.Context) (all []api.FailedCheck) {
			for _, found := range kept.Ready(ctx) {
				all = append(all, api.FailedCheck(found))
			}
			return all
		},
	}), logger), s.connections)

	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	n.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return n
}

// plainPages are pages without a brand.
func plainPages(t testing.TB) *pages.Pages {
	t.Helper()
	plain, err := pages.New(pages.Brand{})
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// on returns the same node for a subtest.
func (n *node) on(t *testing.T) *node {
	sub := *n
	sub.t = t
	return &sub
}

// serve runs a server on a free port until the test ends.
func serve(t *testing.T, server *http.Server, connections ...int) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	for _, most := range connections {
		if most > 0 {
			listener = handlers.BoundConnections(server, listener, most)
		}
	}
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return listener.Addr().String()
}

// task is a callback with one task behind it.
type task struct {
	api.Callback
	n         *node
	taskToken string
}

// register starts a task at the stand-in and registers it over HTTP. The fields, pairs of
// a name and its JSON, are added to the task token.
func (n *node) register(fields ...string) task {
	n.t.Helper()
	k := task{n: n, taskToken: n.aws.NewTask(standin.TaskOptions{})}
	body := `{"taskToken":` + quoted(k.taskToken)
	for i := 0; i < len(fields); i += 2 {
		body += "," + quoted(fields[i]) + ":" + fields[i+1]
	}
	got := n.call(http.MethodPost, "/v1/callbacks", body+"}")
	if got.status != http.StatusOK { // 200 is possible: on a slow machine the client repeats its command to Redis
		got.is(http.StatusCreated)
	}
	got.decode(&k.Callback)
	return k
}

// path is where the callback's link is served.
func (k task) path(link string) string {
	return strings.TrimPrefix(k.Links[link].URL, "https://relay.example.com")
}

// post sends a body to the default link.
func (k task) post(contentType, body string) answer {
	k.n.t.Helper()
	return k.n.post(k.path("default"), contentType, body)
}

// got returns every output that Step Functions accepted for the task.
func (k task) got() []string {
	var outputs []string
	for _, effect := range k.n.aws.Effects() {
		if effect.TaskToken == k.taskToken {
			outputs = append(outputs, string(effect.Output))
		}
	}
	return outputs
}

// gets checks that Step Functions accepted exactly one output.
func (k task) gets(want string) {
	k.n.t.Helper()
	if got := k.got(); len(got) != 1 || got[0] != want {
		k.n.t.Errorf("Step Functions got %.200q, want only %.200q", got, want)
	}
}

// unharmed checks that refused requests left no trace: the task still waits, and its link
// works as if nothing had happened.
func (k task) unharmed() {
	k.n.t.Helper()
	if got := k.got(); len(got) != 0 {
		k.n.t.Errorf("Step Functions got %.200q of what was refused", got)
	}
	k.n.client.CloseIdleConnections() // with short time-outs, the server may be closing one now
	after := k.post("application/json", `{"after":1}`)
	after.is(http.StatusOK)
	if strings.Contains(string(after.body), "duplicate") {
		k.n.t.Errorf("the first good answer is taken for a duplicate: %s", after.body)
	}
	k.gets(`{"after":1}`)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// buffer is a log that many goroutines write to.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // closed by the next write; nil if nobody waits
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written != nil {
		close(b.written)
		b.written = nil
	}
	return b.b.Write(p)
}

// count returns how often a text was written, once it was as often as that, or after 10
// seconds: the last line about a request is written after its answer.
func (b *buffer) count(text string, times int) int {
	for late := time.After(10 * time.Second); ; {
		b.mu.Lock()
		found := strings.Count(b.b.String(), text)
		if b.written == nil {
			b.written = make(chan struct{})
		}
		written := b.written
		b.mu.Unlock()
		if found >= times {
			return found
		}
		select {
		case <-written:
		case <-late:
			return found
		}
	}
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// untraced records no traces.
var untraced *telemetry.Tracer

// metrics records what the handlers report, and ignores the outbox.
type metrics struct {
	done     chan string  // one line for each request, when it is done
	requests atomic.Int64 // in flight
	bytes    atomic.Int64 // of bodies in flight

	mu      sync.Mutex
	results []string
}

func newMetrics() *metrics { return &metrics{done: make(chan string, 1000)} }

func (m *metrics) RequestDone(listener, route, method string, status int, _ time.Duration) {
	m.requests.Add(-1)
	m.done <- strings.Join([]string{listener, method, route, http.StatusText(status)}, " ")
}

// forget drops what was recorded so far.
func (m *metrics) forget() {
	for len(m.done) > 0 {
		<-m.done
	}
}

func (m *metrics) Posted(sender, verdict string)    { m.note("post", sender, verdict) }
func (m *metrics) Unproven(sender, reason string)   { m.note("unproven", sender, reason) }
func (m *metrics) Answered(result, reason string)   { m.note("answer", result, reason) }
func (m *metrics) Registered(result, reason string) { m.note("registration", result, reason) }
func (m *metrics) Cancelled()                       { m.note("cancellation") }

func (m *metrics) RequestBegun(string)              { m.requests.Add(1) }
func (m *metrics) BodyBytes(_ string, change int64) { m.bytes.Add(change) }

func (m *metrics) note(result ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, strings.TrimSpace(strings.Join(result, " ")))
}

// told tells whether a result was counted.
func (m *metrics) told(result string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.results, result)
}

func (*metrics) Attempted(string)                      {}
func (*metrics) Settled(string, string, time.Duration) {}
func (*metrics) Expired(int)                           {}
func (*metrics) WaitedForPermit(time.Duration)         {}
func (*metrics) Callbacks(string, int64)               {}
func (*metrics) OldestAge(string, time.Duration)       {}
func (*metrics) NearDeadline(int64)                    {}
func (*metrics) SetAside(int64)                        {}
