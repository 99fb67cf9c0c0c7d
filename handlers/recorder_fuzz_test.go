package handlers_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/handlers"
	"callback-relay/relay"
	"callback-relay/rules"
)

// recorder replaces the store, and records what passed the handlers and the rules. Fuzzing
// calls it many thousand times a second.
type recorder struct {
	relay.Store   // methods that are not defined below panic
	keys          *relay.KeyRing
	outcomes      []relay.Outcome
	declined      []relay.Decline
	registrations []relay.Registration
}

func (r *recorder) Answer(_ context.Context, _ relay.LinkRef, o relay.Outcome, _ *relay.Passed) (relay.Recorded, error) {
	r.outcomes = append(r.outcomes, o)
	return relay.Recorded{State: relay.StateDelivered}, nil
}

func (*recorder) Waiting(context.Context, relay.LinkRef, bool) (relay.TaskToken, relay.Response, error) {
	return "", relay.Response{}, nil
}

func (*recorder) Note(context.Context, relay.LinkRef, relay.Note) error { return nil }

func (r *recorder) Create(_ context.Context, n relay.NewCallback) (relay.Callback, bool, error) {
	r.registrations = append(r.registrations, n.Asked)
	return n.Callback, true, nil
}

func (*recorder) MarkAwaited(context.Context, string, time.Time) error { return nil }

func (*recorder) Join(context.Context, relay.AwaitRef, relay.Waiter, time.Time) (relay.Matching, error) {
	return relay.Matching{}, nil
}

func (*recorder) Find(context.Context, relay.NewCallback) (relay.Callback, error) {
	return relay.Callback{}, relay.ErrNotFound
}

// quiet counts nothing.
type quiet struct{}

func (quiet) RequestDone(string, string, string, int, time.Duration) {}
func (quiet) RequestBegun(string)                                    {}
func (quiet) BodyBytes(string, int64)                                {}
func (quiet) Posted(string, string)                                  {}
func (quiet) Unproven(string, string)                                {}
func (quiet) Answered(string, string)                                {}
func (quiet) Registered(string, string)                              {}
func (quiet) Cancelled()                                             {}

// recorded returns both listeners' handlers, without their servers, in front of
// a recorder.
func recorded(t testing.TB, maxOutput int) (kept *recorder, public, private http.Handler) {
	t.Helper()
	line, err := relay.NewMasterKey("k1")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := relay.ParseKeyRing(line)
	if err != nil {
		t.Fatal(err)
	}
	kept = &recorder{keys: keys}
	logger := slog.New(slog.DiscardHandler)
	rule, err := rules.CompileHook(rules.HookSource{Key: "body.id"})
	if err != nil {
		t.Fatal(err)
	}
	service := relay.NewService(relay.ServiceOptions{
		Store: kept, Keys: keys, Hooks: hooks{"open": {Name: "open", Rule: rule, Keep: time.Minute}}, PublicURL: &url.URL{Scheme: "https", Host: "relay.example.com"},
		Senders: configured{}, Metrics: quiet{}, Logger: logger,
		DefaultExpiry: 24 * time.Hour, MaxExpiry: 365 * 24 * time.Hour, MaxOutput: maxOutput, MaxBody: max(maxOutput, 1<<20),
	})
	public = handlers.Public(handlers.PublicOptions{
		Relay: service, Logger: logger, Metrics: quiet{}, Tracer: untraced, Pages: plainPages(t), BytesInFlight: 1 << 30,
	})
	private = handlers.Private(handlers.PrivateOptions{
		Relay: service, Logger: logger, Metrics: quiet{}, Tracer: untraced,
		Keys:       []handlers.APIKey{{Name: "test", Hash: sha256.Sum256([]byte(apiKey))}},
		Exposition: http.NotFoundHandler(),
	})
	return kept, public, private
}

// counting is a request's body that counts how much of it was read, and ends with a given
// error.
type counting struct {
	source io.Reader
	end    error
	read   int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.source.Read(p)
	c.read += n
	if err == io.EOF {
		err = c.end
	}
	return n, err
}

func (*counting) Close() error { return nil }

// problem reads a problem document, and nothing else.
func problem(t *testing.T, got *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	if mediaType := got.Header().Get("Content-Type"); mediaType != api.ProblemMediaType {
		t.Fatalf("%d in %s is no problem document", got.Code, mediaType)
	}
	var p api.Problem
	d := json.NewDecoder(got.Body)
	d.DisallowUnknownFields()
	must(t, d.Decode(&p))
	if fixed := api.NewProblem(p.Type, ""); fixed.Title != p.Title || fixed.Status != got.Code || p.Status != got.Code {
		t.Errorf("%d, in it %d with the title %q, is not one of ours", got.Code, p.Status, p.Title)
	}
	return p
}
