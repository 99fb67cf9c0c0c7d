package relay_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"callback-relay/bodies"
	"callback-relay/relay"
	"callback-relay/senders"
)

// unbounded is room for everything.
type unbounded struct{}

func (unbounded) Take(int) error { return nil }

func (unbounded) Give(int) {}

// full is room for nothing.
type full struct{}

func (full) Give(int) {}

func (full) Take(int) error { return relay.ErrOverloaded }

// to is a link of a type for machines.
func to(t relay.LinkType) relay.LinkRef { return relay.LinkRef{LinkKind: kind(t)} }

func posted(body string, headers ...string) relay.Post {
	p := relay.Post{Header: http.Header{}, Body: []byte(body), Room: unbounded{}}
	for i := 0; i < len(headers); i += 2 {
		p.Header.Set(headers[i], headers[i+1])
	}
	return p
}

func TestReceive(t *testing.T) {
	leased := relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}
	for name, c := range map[string]struct {
		recorded relay.Recorded
		settled  relay.Settlement
		err      error
		want     relay.Receipt
		wantErr  error
		delivers bool
	}{
		"delivered at once":  {recorded: leased, settled: relay.Settlement{State: relay.StateDelivered}, want: relay.Receipt{Verdict: relay.PostDelivered}, delivers: true},
		"delivery goes on":   {recorded: leased, settled: relay.Settlement{State: relay.StateAnswered}, want: relay.Receipt{Verdict: relay.PostAccepted}, delivers: true},
		"task closed":        {recorded: leased, settled: relay.Settlement{State: relay.StateRefused, Reason: "TaskTimedOut"}, wantErr: relay.ErrTaskClosed, delivers: true},
		"task unknown":       {recorded: leased, settled: relay.Settlement{State: relay.StateRefused, Reason: "InvalidToken"}, wantErr: relay.ErrRefused, delivers: true},
		"repeated":           {recorded: relay.Recorded{State: relay.StateDelivered, Duplicate: true}, want: relay.Receipt{Verdict: relay.PostDelivered, Duplicate: true}},
		"store says expired": {err: relay.ErrExpired, wantErr: relay.ErrExpired},
	} {
		s := &scripted{recorded: c.recorded, settled: c.settled, err: c.err}
		got, err := service(t, s).Receive(t.Context(), to(relay.LinkWebhook), posted(`{"a":1}`))
		if got != c.want || !errors.Is(err, c.wantErr) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if (s.deliveries == 1) != c.delivers {
			t.Errorf("%s: %d deliveries", name, s.deliveries)
		}
		// The store returns only the lease.
		if c.delivers && string(s.delivered.Outcome.Output) != `{"a":1}` {
			t.Errorf("%s: delivers %q", name, []byte(s.delivered.Outcome.Output))
		}
	}
}

// If a sender hangs up after its whole body has arrived, the answer is still stored.
func TestReceiveFromASenderThatHangsUp(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	s := &scripted{recorded: relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}}
	_, err := service(t, s).Receive(ctx, to(relay.LinkWebhook), posted(`{}`))
	if err != nil || s.answers != 1 || s.hungUp {
		t.Errorf("%v, %d answers, given up: %v", err, s.answers, s.hungUp)
	}
}

// Invariant 11: the limit is judged on the bytes to be sent, before anything
// is stored.
func TestReceiveChecksBeforeItStores(t *testing.T) {
	s := &scripted{}
	for _, body := range []string{`"` + strings.Repeat("x", 99) + `"`, `{`, "\"\xff\""} {
		_, err := service(t, s).Receive(t.Context(), to(relay.LinkWebhook), posted(body, "Content-Type", "application/json"))
		if err == nil || s.answers != 0 {
			t.Errorf("%.20q: %v, %d stored", body, err, s.answers)
		}
	}
}

// A handshake is answered through every link, before anything is looked up, and changes
// nothing.
func TestReceiveHandshake(t *testing.T) {
	for _, link := range relay.MachineLinks {
		s := &scripted{}
		got, err := service(t, s).Receive(t.Context(), to(link.Type), posted(`{"zen":"x"}`, "X-GitHub-Event", "ping"))
		if err != nil || got.Verdict != relay.PostIgnored || got.Reply == nil || got.Reply.Sender != "github" || s.answers+s.deliveries > 0 {
			t.Errorf("%s: %+v, %v, %d answers", link, got, err, s.answers)
		}
		challenge := posted("")
		challenge.Query = "validationToken=abc"
		if got, err = service(t, s).Receive(t.Context(), to(link.Type), challenge); err != nil || got.Reply == nil || string(got.Reply.Body) != "abc" {
			t.Errorf("%s, by the query: %+v, %v", link, got, err)
		}
		s.err = relay.ErrCancelled
		if _, err = service(t, s).Receive(t.Context(), to(link.Type), posted(`{}`, "X-GitHub-Event", "ping")); !errors.Is(err, relay.ErrCancelled) {
			t.Errorf("%s, cancelled: %v", link, err)
		}
	}
}

// A body that there is no room to read could be a handshake, so it changes nothing
// through any link.
func TestReceiveWithoutRoom(t *testing.T) {
	for _, link := range relay.MachineLinks {
		s := &scripted{}
		p := posted(`"x"`, "Content-Type", "text/plain")
		p.Room = full{}
		if _, err := service(t, s).Receive(t.Context(), to(link.Type), p); !errors.Is(err, relay.ErrOverloaded) || s.answers > 0 {
			t.Errorf("%s: %v, %d answers", link, err, s.answers)
		}
	}
}

// A webhook link reads as much as a body of its kind may have. Other links read as much
// as a handshake may have.
func TestBodyLimit(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for link, want := range map[relay.LinkType]int{
		relay.LinkWebhook: bodies.KindOf(form).MaxBytes(100), relay.LinkSuccess: senders.MaxHandshake,
		relay.LinkFailure: senders.MaxHandshake, relay.LinkHeartbeat: senders.MaxHandshake,
	} {
		if got, needed := service(t, &scripted{}).BodyLimit(to(link), form); got != want || needed != (link == relay.LinkWebhook) {
			t.Errorf("%s: %d bytes, needed: %v", link, got, needed)
		}
	}
}

func TestReceiveHeartbeat(t *testing.T) {
	beat := func(s *scripted) (relay.Receipt, error) {
		return service(t, s).Receive(t.Context(), to(relay.LinkHeartbeat), posted(""))
	}
	for class, want := range map[relay.SendClass]error{
		relay.SendClosed:        relay.ErrTaskClosed,
		relay.SendNever:         relay.ErrRefused,
		relay.SendThrottled:     relay.ErrUnavailable,
		relay.SendNotExecuted:   relay.ErrUnavailable,
		relay.SendUnclear:       relay.ErrUnavailable,
		relay.SendNeedsOperator: relay.ErrUnavailable,
	} {
		s := &scripted{beatErr: &relay.SendError{Class: class, Code: "X", Err: errors.New("x")}}
		if _, err := beat(s); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", class, err, want)
		}
	}
	overloaded := &relay.SendError{Class: relay.SendThrottled, Code: "busy", Err: relay.ErrOverloaded}
	if _, err := beat(&scripted{beatErr: overloaded}); !errors.Is(err, relay.ErrOverloaded) || errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("no room: %v", err)
	}
	if got, err := beat(&scripted{}); err != nil || got.Verdict != relay.PostAlive {
		t.Errorf("taken: %+v, %v", got, err)
	}
	if _, err := beat(&scripted{err: relay.ErrExpired}); !errors.Is(err, relay.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
}
