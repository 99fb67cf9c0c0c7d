package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
	"callback-relay/senders"
)

// scripted replaces the store, the outbox and Step Functions: it returns what a test
// sets, and records its calls. Package main tests the service with the real ones.
type scripted struct {
	relay.Store
	guard    *relay.Guard // of every link; nil for none
	facts    relay.Facts  // of a guarded link; the zero value for one that waits
	copies   error        // what ConfirmDurable returns
	notes    []relay.Note
	recorded relay.Recorded
	settled  relay.Settlement
	err      error
	beatErr  error
	found    relay.Callback // what there is already

	registration relay.Registration
	query        relay.Query
	answers      int
	answered     relay.Outcome // the last one
	hungUp       bool          // whether its context had ended when it was to be stored
	deliveries   int
	delivered    relay.Delivery // the last one
}

func (s *scripted) Create(_ context.Context, n relay.NewCallback) (relay.Callback, bool, error) {
	s.registration = n.Asked
	return relay.Callback{}, true, s.err
}

func (s *scripted) Find(context.Context, relay.NewCallback) (relay.Callback, error) {
	if s.found.ID == "" {
		return relay.Callback{}, relay.ErrNotFound
	}
	return s.found, s.err
}

func (s *scripted) Answer(ctx context.Context, _ relay.LinkRef, o relay.Outcome, passed *relay.Passed) (relay.Recorded, error) {
	if s.guard != nil && passed == nil {
		facts := s.facts
		if facts.State == "" {
			facts.State = relay.StatePending
		}
		return relay.Recorded{}, &relay.GuardedError{Guard: *s.guard, Facts: facts}
	}
	s.answers++
	s.answered, s.hungUp = o, ctx.Err() != nil
	return s.recorded, s.err
}

func (s *scripted) ConfirmDurable(context.Context, relay.CallbackID) error { return s.copies }

func (s *scripted) Waiting(context.Context, relay.LinkRef, bool) (relay.TaskToken, relay.Response, error) {
	return "task", relay.Response{}, s.err
}

func (s *scripted) List(_ context.Context, q relay.Query) (relay.Page, error) {
	s.query = q
	return relay.Page{}, nil
}

func (s *scripted) Deliver(_ context.Context, d relay.Delivery) relay.Settlement {
	s.deliveries++
	s.delivered = d
	return s.settled
}

func (s *scripted) Note(_ context.Context, _ relay.LinkRef, n relay.Note) error {
	s.notes = append(s.notes, n)
	return nil
}

func (s *scripted) Heartbeat(context.Context, relay.TaskToken) error { return s.beatErr }

func service(t *testing.T, s *scripted) *relay.Service {
	t.Helper()
	return relay.NewService(serviceOptions(t, s))
}

func serviceOptions(t *testing.T, s *scripted) relay.ServiceOptions {
	t.Helper()
	return relay.ServiceOptions{
		Store: s, Keys: keys(t, "k1"), Deliverer: s, Heartbeater: s,
		PublicURL: &url.URL{Scheme: "https", Host: "relay.example.com", Path: "/in"},
		Senders:   noSenders{}, Metrics: uncounted{}, Logger: slog.New(slog.DiscardHandler),
		DefaultExpiry: 24 * time.Hour, MaxExpiry: 48 * time.Hour, MaxOutput: 100, MaxBody: 1 << 20,
	}
}

// noSenders are the senders of a relay that has configured none.
type noSenders struct{}

func (noSenders) Named(string) (*senders.Sender, bool) { return nil, false }
func (noSenders) Names() []string                      { return nil }
func (noSenders) Missed(string)                        {}

// uncounted counts nothing.
type uncounted struct{}

func (uncounted) Posted(string, string)   {}
func (uncounted) Unproven(string, string) {}

// kind is one that machines call, and asked a link of it.
func kind(t relay.LinkType) relay.LinkKind     { return relay.LinkKind{Type: t} }
func asked(t relay.LinkType) relay.LinkRequest { return relay.LinkRequest{LinkKind: kind(t)} }

func TestCreateFillsInDefaults(t *testing.T) {
	s := &scripted{}
	if _, _, err := service(t, s).Create(t.Context(), relay.Registration{TaskToken: "t"}); err != nil {
		t.Fatal(err)
	}
	want := relay.Registration{
		TaskToken: "t", Expires: relay.Expires{In: 24 * time.Hour, Default: true}, OnExpiry: relay.OnExpiryFail,
		Links: map[string]relay.LinkRequest{"default": asked(relay.LinkWebhook)},
	}
	if diff := cmp.Diff(want, s.registration); diff != "" {
		t.Errorf("registration (-want +got):\n%s", diff)
	}
}

func TestCreateReportsEveryMistake(t *testing.T) {
	many := map[string]string{}
	links := map[string]relay.LinkRequest{
		"Bad": asked(relay.LinkWebhook), "expiry": asked(relay.LinkWebhook), "odd": asked("carrier-pigeon"),
	}
	for i := range 17 {
		many["k"+strings.Repeat("x", i)] = "v"
	}
	for i := range 31 {
		links["l"+strings.Repeat("x", i)] = asked(relay.LinkWebhook)
	}
	for name, c := range map[string]struct {
		r    relay.Registration
		want []string
	}{
		"everything": {relay.Registration{
			TaskToken: relay.TaskToken(strings.Repeat("x", 2049)),
			Expires:   relay.Expires{In: time.Hour, At: time.Now().Add(time.Hour)},
			OnExpiry:  "explode",
			Tags:      map[string]string{"white space": "v", "long": strings.Repeat("x", 257), "bad": "\xff"},
			Links:     links,
		}, []string{"expiresIn", "links", "links", "links.expiry", "links.odd.type", "onExpiry", "tags", "tags.bad", "tags.long", "taskToken"}},
		"nothing":        {relay.Registration{}, []string{"taskToken"}},
		"not text":       {relay.Registration{TaskToken: "\xff"}, []string{"taskToken"}},
		"too long":       {relay.Registration{TaskToken: "t", Expires: relay.Expires{In: 49 * time.Hour}}, []string{"expiresIn"}},
		"in the past":    {relay.Registration{TaskToken: "t", Expires: relay.Expires{In: -time.Hour}}, []string{"expiresIn"}},
		"many tags":      {relay.Registration{TaskToken: "t", Tags: many}, []string{"tags"}},
		"at the longest": {relay.Registration{TaskToken: relay.TaskToken(strings.Repeat("A", 2048)), Expires: relay.Expires{In: 48 * time.Hour}}, nil},
	} {
		s := &scripted{}
		_, _, err := service(t, s).Create(t.Context(), c.r)
		var got []string
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				var field *relay.InvalidFieldError
				if !errors.As(e, &field) {
					t.Fatalf("%s: %v", name, e)
				}
				got = append(got, field.Field)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s\n%v", name, diff, err)
		}
		if stored := s.registration.TaskToken != ""; stored != (c.want == nil) {
			t.Errorf("%s: reached the store: %v", name, stored)
		}
	}
}

func TestLinksAreNumberedByName(t *testing.T) {
	r := relay.Registration{Links: map[string]relay.LinkRequest{"b": asked(relay.LinkHeartbeat), "a": asked(relay.LinkWebhook), "c": asked(relay.LinkWebhook)}}
	want := []relay.Link{
		{Name: "a", LinkKind: kind(relay.LinkWebhook)}, {Name: "b", LinkKind: kind(relay.LinkHeartbeat), Number: 1},
		{Name: "c", LinkKind: kind(relay.LinkWebhook), Number: 2},
	}
	for range 20 { // the order of maps is random
		if diff := cmp.Diff(want, r.NumberedLinks()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestURL(t *testing.T) {
	o := serviceOptions(t, &scripted{})
	s, id := relay.NewService(o), o.Keys.Identify("t")[0].ID
	got := s.URL(relay.Callback{ID: id, Key: "k1"}, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}})
	key, ok := strings.CutPrefix(got, "https://relay.example.com/in/c/")
	if ref, err := s.Resolve(key, []relay.LinkKind{{Type: relay.LinkWebhook}}); !ok || err != nil || ref.ID != id {
		t.Errorf("%s: %v, %v", got, ref, err)
	}
}

func TestListChecksTheQuery(t *testing.T) {
	s := &scripted{}
	if _, err := service(t, s).List(t.Context(), relay.Query{}); err != nil || s.query.Limit != 20 {
		t.Errorf("by default a page has %d, %v", s.query.Limit, err)
	}
	for field, q := range map[string]relay.Query{"limit": {Limit: 101}, "state": {State: "lost"}} {
		var wrong *relay.InvalidFieldError
		if _, err := service(t, s).List(t.Context(), q); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestSendClassesHaveNames(t *testing.T) {
	names := map[string]bool{}
	for class := relay.SendNotExecuted; class <= relay.SendNeedsOperator; class++ {
		names[class.String()] = true
	}
	want := []string{"closed", "needs-operator", "never", "not-executed", "throttled", "unclear"}
	for _, got := range [][]string{slices.Sorted(maps.Keys(names)), relay.SendClasses()} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestExpiryIsTheSameAtEveryAttempt(t *testing.T) {
	deadline := time.Date(2030, 1, 31, 12, 0, 0, 0, time.FixedZone("", 3600))
	o := relay.Expiry(deadline)
	want := relay.NewOutcome(relay.OutcomeFailure, "Callback.Expired", []byte("No answer arrived before the deadline, 2030-01-31T11:00:00Z."))
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	if back := relay.NewOutcome(o.Type, o.Error, o.Payload()); !cmp.Equal(back, o) {
		t.Errorf("taken apart and put together: %v", cmp.Diff(o, back))
	}
}
