package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"callback-relay/outbox"
	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
	"callback-relay/store"
)

// fleet is several replicas on one Redis, and the tasks behind them. Services, store and
// outbox are the real ones; only the calls to Step Functions are made up.
type fleet struct {
	t      *testing.T
	server *miniredis.Miniredis
	clock  time.Time // of Redis; only changed by pass

	mu      sync.Mutex
	closed  map[relay.TaskToken]bool     // tasks that do not wait any more
	slow    map[relay.TaskToken]bool     // tasks for which Step Functions cannot be reached
	choosy  map[relay.TaskToken]bool     // tasks that Step Functions never takes an outcome for
	effects map[relay.TaskToken][]string // what tasks were told
	beats   map[relay.TaskToken]int

	sending func() // called by each Send at its beginning; nil for nothing
}

// theFleetLease is how long an attempt, and giving an event, may take.
const theFleetLease = time.Minute

func newFleet(t *testing.T) *fleet {
	f := &fleet{
		t: t, server: miniredis.RunT(t), clock: time.UnixMilli(1_800_000_000_000),
		closed: map[relay.TaskToken]bool{}, slow: map[relay.TaskToken]bool{}, choosy: map[relay.TaskToken]bool{},
		effects: map[relay.TaskToken][]string{}, beats: map[relay.TaskToken]int{},
	}
	f.pass(0)
	if err := f.server.Set("relay:schema", "2"); err != nil {
		t.Fatal(err)
	}
	return f
}

// pass lets time go by, by the clock of Redis.
func (f *fleet) pass(d time.Duration) {
	f.clock = f.clock.Add(d)
	f.server.SetTime(f.clock)
	f.server.FastForward(d)
}

// Send implements [outbox.Sender].
func (f *fleet) Send(_ context.Context, task relay.TaskToken, o relay.Outcome) error {
	if f.sending != nil {
		f.sending()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slow[task] {
		return &relay.SendError{Class: relay.SendThrottled, Code: "ThrottlingException", Err: errors.New("throttled")}
	}
	if f.choosy[task] {
		return &relay.SendError{Class: relay.SendNever, Code: "InvalidOutput", Err: errors.New("invalid")}
	}
	if f.closed[task] {
		return &relay.SendError{Class: relay.SendClosed, Code: "TaskTimedOut", Err: errors.New("closed")}
	}
	f.closed[task] = true
	f.effects[task] = append(f.effects[task], string(o.Type)+" "+o.Error+string(o.Output))
	return nil
}

// Heartbeat implements [outbox.Sender].
func (f *fleet) Heartbeat(_ context.Context, task relay.TaskToken) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed[task] {
		return &relay.SendError{Class: relay.SendClosed, Code: "TaskTimedOut", Err: errors.New("closed")}
	}
	f.beats[task]++
	return nil
}

// told returns what a task was told.
func (f *fleet) told(task relay.TaskToken) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.effects[task])
}

// set marks a task as closed, or as slow.
func (f *fleet) set(which map[relay.TaskToken]bool, task relay.TaskToken, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	which[task] = is
}

// hooks are configured hooks.
type hooks map[string]relay.Hook

func (h hooks) Hook(name string) (relay.Hook, bool) {
	hook, found := h[name]
	return hook, found
}

func (h hooks) Hooks() []relay.Hook {
	var all []relay.Hook
	for _, hook := range h {
		all = append(all, hook)
	}
	slices.SortFunc(all, func(a, b relay.Hook) int { return strings.Compare(a.Name, b.Name) })
	return all
}

const hookSecret = "a secret of more than sixteen characters"

// configured are two hooks: "pay" has a proof, "open" has none.
func configured(t testing.TB) hooks {
	t.Helper()
	sender, err := senders.New(senders.Spec{
		Preset: "header-secret", Secrets: []string{hookSecret}, Event: &rules.EventSpec{ID: "body.event", Type: "body.type"},
	})
	if err != nil {
		t.Fatal(err)
	}
	rule := func(event rules.EventSpec) *rules.Hook {
		compiled, err := rules.CompileHook(rules.HookSource{Event: event, Accept: "body.type != 'noise'", Key: "body.id"})
		if err != nil {
			t.Fatal(err)
		}
		return compiled
	}
	return hooks{
		"pay":  {Name: "pay", Sender: sender, Rule: rule(sender.Event()), Keep: 15 * time.Minute},
		"open": {Name: "open", Rule: rule(rules.EventSpec{}), Keep: time.Minute},
	}
}

// replica is one process.
type replica struct {
	*relay.Service
	f     *fleet
	keys  *relay.KeyRing
	store *store.Store
	out   *outbox.Outbox
	hooks hooks
	dying *dying
	log   *strings.Builder

	counted *counted
	missed  *missed
}

// missed are the names of senders that something came for and that are not configured.
type missed struct {
	noSenders
	names []string
}

func (m *missed) Missed(name string) { m.names = append(m.names, name) }

// replica starts a process with these master keys, newest first.
func (f *fleet) replica(names ...string) *replica {
	f.t.Helper()
	client, err := store.Open(store.ModeStandalone, "redis://"+f.server.Addr())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = client.Close() })
	r := &replica{f: f, keys: keys(f.t, names...), hooks: configured(f.t), log: &strings.Builder{}, counted: &counted{}, missed: &missed{}}
	r.store = store.New(client, store.Options{Keys: r.keys, Lease: theFleetLease, Retention: time.Hour})
	r.dying = &dying{Store: r.store}
	r.out = outbox.New(outbox.Options{
		Queue: r.store, Sender: f, Metrics: nothingMeasured{}, Tracer: untraced{}, Logger: slog.New(slog.DiscardHandler),
		Replica: fmt.Sprint(rand.Uint64()), AnswerWait: 10 * time.Second, Poll: 2 * time.Millisecond,
	})
	r.Service = relay.NewService(relay.ServiceOptions{
		Store: r.dying, Keys: r.keys, Deliverer: r.out, Heartbeater: f, Senders: r.missed, Hooks: r.hooks, HookMetrics: r.counted,
		Metrics: uncounted{}, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
		PublicURL:     &url.URL{Scheme: "https", Host: "relay.example.com"},
		DefaultExpiry: 24 * time.Hour, MaxExpiry: 48 * time.Hour, MaxOutput: relay.MaxOutputBytes, MaxBody: 1 << 20,
	})
	return r
}

// deliver runs the outbox of a replica until the condition holds.
func (r *replica) deliver(until func() bool) {
	r.f.t.Helper()
	ctx, stop := context.WithCancel(r.f.t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.out.Run(ctx) })
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(2 * time.Millisecond); !until(); <-tick.C {
		if time.Now().After(deadline) {
			r.f.t.Error("the outbox does not deliver")
			break
		}
	}
	stop()
	running.Wait()
}

// await is an await of the hook "pay" whose events succeed if their type is paid.
func await(key string) relay.Guard {
	return relay.Guard{Sender: "pay", Key: key, Outcomes: []rules.Outcome{
		{When: "body.type == 'paid'", Do: rules.Succeed}, {When: "body.type == 'working'", Do: rules.Heartbeat},
		{When: "body.type == 'broken'", Do: rules.Succeed, Output: json.RawMessage(`"/missing"`)},
	}}
}

func awaiting(task relay.TaskToken, key string) relay.Registration {
	return relay.Registration{TaskToken: task, Awaits: map[string]relay.Guard{"paid": await(key)}}
}

// register registers a task that waits for a key.
func (r *replica) register(task relay.TaskToken, key string) relay.Callback {
	r.f.t.Helper()
	cb, _, err := r.Create(r.f.t.Context(), awaiting(task, key))
	if err != nil {
		r.f.t.Fatal(err)
	}
	return cb
}

// payment is a genuine event of the hook "pay".
func payment(event, kind, key string) relay.Post {
	body := fmt.Sprintf(`{"event":%q,"type":%q,"id":%q}`, event, kind, key)
	return posted(body, "Content-Type", "application/json", "X-Callback-Secret", hookSecret)
}

// event posts a payment, which must be accepted with the verdict.
func (r *replica) event(event, kind, key string, want relay.EventVerdict) {
	r.f.t.Helper()
	got, err := r.ReceiveEvent(r.f.t.Context(), r.hooks["pay"], payment(event, kind, key))
	if err != nil || got.Verdict != want {
		r.f.t.Errorf("event %s: %+v, %v, want %s", event, got, err, want)
	}
}

// takeOver gives what others have left, after their leases have ended.
func (r *replica) takeOver() {
	r.f.t.Helper()
	r.f.pass(2 * theFleetLease)
	for more := true; more; {
		var err error
		if more, err = r.GiveDue(r.f.t.Context()); err != nil {
			r.f.t.Error(err)
		}
	}
}

// has checks what a task was told: once, or nothing.
func (f *fleet) has(when string, task relay.TaskToken, want ...string) {
	f.t.Helper()
	if got := f.told(task); !slices.Equal(got, want) {
		f.t.Errorf("%s: %s was told %q, want %q", when, string(task), got, want)
	}
}

func paid(event, key string) string {
	return fmt.Sprintf(`success {"event":%q,"type":"paid","id":%q}`, event, key)
}

// nothingMeasured are metrics that nobody reads, and untraced a tracer that traces nothing.
type (
	nothingMeasured struct{}
	untraced        struct{}
)

func (nothingMeasured) Attempted(string)                      {}
func (nothingMeasured) Settled(string, string, time.Duration) {}
func (nothingMeasured) Expired(int)                           {}
func (nothingMeasured) WaitedForPermit(time.Duration)         {}
func (nothingMeasured) Callbacks(string, int64)               {}
func (nothingMeasured) OldestAge(string, time.Duration)       {}
func (nothingMeasured) NearDeadline(int64)                    {}
func (nothingMeasured) SetAside(int64)                        {}

func (untraced) Delivery(string, int, string) (context.Context, func(string, string)) {
	return context.Background(), func(string, string) {}
}

// dying is the store of a process that may die before or after each step. From then on it
// does nothing more.
type dying struct {
	relay.Store
	mu   sync.Mutex
	dies func(step string) bool // asked before and after each step; nil for never
	dead bool
	// fails is a step that fails the next time, while the process lives on.
	fails string
}

var errDead = fmt.Errorf("%w: the process is dead", relay.ErrUnavailable)

func (d *dying) alive(step string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = d.dead || d.dies != nil && d.dies(step)
	return !d.dead
}

func (d *dying) failing(step string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != step {
		return false
	}
	d.fails = ""
	return true
}

func (d *dying) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// step takes a step of the store, unless the process dies before it. If it dies after it,
// nobody learns the result.
func step[T any](d *dying, name string, take func() (T, error)) (T, error) {
	var none T
	if !d.alive("before " + name) {
		return none, errDead
	}
	if d.failing(name) {
		return none, fmt.Errorf("%w: failed once", relay.ErrUnavailable)
	}
	got, err := take()
	if !d.alive("after " + name) {
		return none, errDead
	}
	return got, err
}

func (d *dying) Create(ctx context.Context, n relay.NewCallback) (cb relay.Callback, created bool, err error) {
	cb, err = step(d, "create", func() (relay.Callback, error) {
		var cb relay.Callback
		cb, created, err = d.Store.Create(ctx, n)
		return cb, err
	})
	return cb, created, err
}

func (d *dying) Join(ctx context.Context, a relay.AwaitRef, w relay.Waiter, until time.Time) (relay.Matching, error) {
	return step(d, "join", func() (relay.Matching, error) { return d.Store.Join(ctx, a, w, until) })
}

func (d *dying) MarkAwaited(ctx context.Context, sender string, until time.Time) error {
	_, err := step(d, "mark", func() (any, error) { return nil, d.Store.MarkAwaited(ctx, sender, until) })
	return err
}

func (d *dying) AddEvent(ctx context.Context, k relay.AwaitKey, e relay.HookEvent, o relay.AddOptions) (relay.Added, error) {
	return step(d, "event", func() (relay.Added, error) { return d.Store.AddEvent(ctx, k, e, o) })
}

func (d *dying) Event(ctx context.Context, a relay.AwaitRef, name string) (relay.HookEvent, error) {
	return step(d, "read", func() (relay.HookEvent, error) { return d.Store.Event(ctx, a, name) })
}

func (d *dying) Answer(ctx context.Context, link relay.LinkRef, o relay.Outcome, p *relay.Passed) (relay.Recorded, error) {
	return step(d, "answer", func() (relay.Recorded, error) { return d.Store.Answer(ctx, link, o, p) })
}

func (d *dying) Serve(ctx context.Context, a relay.AwaitRef, name string, w relay.Waiter, fate relay.Fate) (relay.Matching, error) {
	return step(d, "serve", func() (relay.Matching, error) { return d.Store.Serve(ctx, a, name, w, fate) })
}

func (d *dying) TakeMatches(ctx context.Context, limit int) ([]relay.Matching, error) {
	return step(d, "take", func() ([]relay.Matching, error) { return d.Store.TakeMatches(ctx, limit) })
}

func (d *dying) Get(ctx context.Context, id relay.CallbackID) (relay.Callback, error) {
	return step(d, "get", func() (relay.Callback, error) { return d.Store.Get(ctx, id) })
}
