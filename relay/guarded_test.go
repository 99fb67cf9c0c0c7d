package relay_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
)

// only is room for so many bytes.
type only struct{ left int }

func (o *only) Give(n int) { o.left += n }

func (o *only) Take(n int) error {
	if n > o.left {
		return relay.ErrOverloaded
	}
	o.left -= n
	return nil
}

// While nobody knows whether the link is guarded, a body that a plain link would refuse
// for good may be one that its rules can take: the sender must try again.
func TestBadBodyWhileTheStoreIsAway(t *testing.T) {
	for _, body := range []string{"{", `"` + strings.Repeat("x", 200) + `"`} {
		s := &scripted{err: relay.ErrUnavailable}
		_, err := service(t, s).Receive(t.Context(), to(relay.LinkWebhook), posted(body, "Content-Type", "application/json"))
		if !errors.Is(err, relay.ErrUnavailable) || s.answers > 0 {
			t.Errorf("%.10q: %v, %d answers", body, err, s.answers)
		}
	}
}

// A decoded body takes many times its bytes, so it needs room before it is judged: else a
// few long bodies would take all memory.
func TestJudgingNeedsRoom(t *testing.T) {
	body := `{"a":1,"list":[` + strings.Repeat("1,", 10_000) + `1]}`
	for _, c := range []struct {
		room    int
		guard   relay.Guard
		wantErr error
	}{
		{100_000, relay.Guard{Outcomes: []rules.Outcome{{When: "body.a == 1", Do: rules.Succeed, Output: []byte(`"/a"`)}}}, relay.ErrOverloaded},
		{1_000_000, relay.Guard{Outcomes: []rules.Outcome{{When: "body.a == 1", Do: rules.Succeed, Output: []byte(`"/a"`)}}}, nil},
		{1_000_000, relay.Guard{Outcomes: []rules.Outcome{{Schema: []byte(`{"required":["a"]}`), Do: rules.Succeed, Output: []byte(`"/a"`)}}}, relay.ErrOverloaded},
		{8_000_000, relay.Guard{Outcomes: []rules.Outcome{{Schema: []byte(`{"required":["a"]}`), Do: rules.Succeed, Output: []byte(`"/a"`)}}}, nil},
		{100_000, relay.Guard{Outcomes: []rules.Outcome{{Do: rules.Succeed, Output: []byte(`"/a"`)}}}, nil}, // nothing is decoded
	} {
		s := &scripted{guard: &c.guard, recorded: relay.Recorded{State: relay.StateDelivered, Duplicate: true}}
		o := serviceOptions(t, s)
		o.MaxOutput = relay.MaxOutputBytes
		p := posted(body, "Content-Type", "application/json")
		p.Room = &only{c.room}
		_, err := relay.NewService(o).Receive(t.Context(), to(relay.LinkWebhook), p)
		if !errors.Is(err, c.wantErr) || (err == nil) != (s.answers == 1) {
			t.Errorf("room for %d: %v, %d answers", c.room, err, s.answers)
		}
		if left := p.Room.(*only).left; left != c.room {
			t.Errorf("room for %d: after judging, %d are left", c.room, left)
		}
		if err == nil && string(s.answered.Output) != "1" {
			t.Errorf("output %q", string(s.answered.Output))
		}
	}
}

// named are senders of which only the names matter.
type named struct {
	noSenders
	names []string
}

func (n named) Names() []string { return n.names }

// The mistake of a registration lists what it could have named, up to a bound.
func TestNamesOfSenders(t *testing.T) {
	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprintf("sender-%02d", i))
	}
	for want, names := range map[string][]string{
		"configured; describe the sender":                     nil,
		"configured; use one of a, b, or describe the sender": {"a", "b"},
		"sender-18, sender-19, ..., or describe the sender":   many,
	} {
		o := serviceOptions(t, &scripted{})
		o.Senders = named{names: names}
		request := asked(relay.LinkWebhook)
		request.Guard = &relay.Guard{Sender: "hunter2"}
		_, _, err := relay.NewService(o).Create(t.Context(), relay.Registration{TaskToken: "t", Links: map[string]relay.LinkRequest{"done": request}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// unhurried delivers nothing as long as somebody waits.
type unhurried struct{ relay.Deliverer }

func (unhurried) Deliver(ctx context.Context, _ relay.Delivery) relay.Settlement {
	<-ctx.Done()
	return relay.Settlement{State: relay.StateAnswered}
}

// Heartbeat implements [relay.Heartbeater].
func (unhurried) Heartbeat(ctx context.Context, _ relay.TaskToken) error {
	<-ctx.Done()
	return &relay.SendError{Class: relay.SendUnclear, Err: ctx.Err()}
}

// A sender that gives up after three seconds has its answer within two and a half, however
// slow the delivery is. The answer is recorded, and delivered later.
func TestSendersThatDoNotWait(t *testing.T) {
	for _, c := range []struct {
		spec senders.Spec
		want time.Duration
	}{
		{senders.Spec{Preset: "microsoft-graph", Secrets: []string{"the client state of it"}}, 2500 * time.Millisecond},
		{senders.Spec{Preset: "eventbridge", Secrets: []string{"the client state of it"}}, 4500 * time.Millisecond},
		{senders.Spec{Preset: "header-secret", Header: "x-api-key", Secrets: []string{"the client state of it"}}, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			guard := relay.Guard{Inline: &c.spec, Outcomes: []rules.Outcome{{Do: rules.Succeed}}}
			s := &scripted{guard: &guard, recorded: relay.Recorded{State: relay.StateAnswered, Delivery: &relay.Delivery{}}}
			o := serviceOptions(t, s)
			o.Deliverer, o.Heartbeater = unhurried{}, unhurried{}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			p := posted(`{"value":[{"clientState":"the client state of it"}]}`, "Content-Type", "application/json", "X-Api-Key", "the client state of it")
			got, err := relay.NewService(o).Receive(ctx, to(relay.LinkWebhook), p)
			if err != nil || got.Verdict != relay.PostAccepted || s.answers != 1 {
				t.Errorf("%s: %+v, %v", c.spec.Preset, got, err)
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("%s waited %v, want %v", c.spec.Preset, took, c.want)
			}
			if c.want == time.Minute {
				return
			}
			guard.Outcomes[0].Do, began = rules.Heartbeat, time.Now()
			_, err = relay.NewService(o).Receive(t.Context(), to(relay.LinkWebhook), p)
			if took := time.Since(began); !errors.Is(err, relay.ErrUnavailable) || took != c.want {
				t.Errorf("%s, heartbeat: %v after %v", c.spec.Preset, err, took)
			}
		})
	}
}

// verdicts counts posts by their verdict.
type verdicts map[string]int

func (v verdicts) Posted(_, verdict string) { v[verdict]++ }
func (verdicts) Unproven(string, string)    {}

// What may pass is counted. It is not written into the history, since Redis may be the
// cause.
func TestWhatMayPassIsCounted(t *testing.T) {
	s := &scripted{guard: &relay.Guard{Outcomes: []rules.Outcome{{When: "body.a == 1", Do: rules.Succeed}}}}
	o := serviceOptions(t, s)
	counted := verdicts{}
	o.Metrics = counted
	p := posted(`{"a":1}`, "Content-Type", "application/json")
	p.Room = &only{10}
	if _, err := relay.NewService(o).Receive(t.Context(), to(relay.LinkWebhook), p); !errors.Is(err, relay.ErrOverloaded) {
		t.Errorf("no room: %v", err)
	}
	s.err, p.Room = relay.ErrUnavailable, unbounded{}
	if _, err := relay.NewService(o).Receive(t.Context(), to(relay.LinkWebhook), p); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("no store: %v", err)
	}
	if counted[relay.NoteUnavailable] != 2 || len(counted) != 1 || len(s.notes) != 0 {
		t.Errorf("counted %v, noted %v", counted, s.notes)
	}
}

// A repeated event is acknowledged only if what it repeats has its copies.
func TestRepeatedEventWaitsForCopies(t *testing.T) {
	ring := keys(t, "k1")
	webhook := relay.LinkKind{Type: relay.LinkWebhook}
	link, err := ring.Resolve(ring.LinkKey(ring.Identify("task")[0].ID, relay.Link{LinkKind: webhook}, "k1").Reveal(), []relay.LinkKind{webhook})
	if err != nil {
		t.Fatal(err)
	}
	sender := senders.Spec{Preset: "header-secret", Secrets: []string{"sixteen characters"}, Event: &rules.EventSpec{ID: "body.id"}}
	s := &scripted{
		guard: &relay.Guard{Inline: &sender, Outcomes: []rules.Outcome{{Do: rules.Succeed}}},
		facts: relay.Facts{State: relay.StateDelivered, ByThisLink: true, AnsweredEvent: link.EventDigest("evt_1")},
	}
	for _, c := range []struct{ copies, want error }{{nil, nil}, {relay.ErrUnavailable, relay.ErrUnavailable}} {
		s.copies = c.copies
		got, err := relay.NewService(serviceOptions(t, s)).Receive(t.Context(), link,
			posted(`{"id":"evt_1"}`, "Content-Type", "application/json", "X-Callback-Secret", "sixteen characters"))
		if !errors.Is(err, c.want) || got.Duplicate != (c.want == nil) || s.answers != 0 {
			t.Errorf("copies %v: %+v, %v, %d answers", c.copies, got, err, s.answers)
		}
	}
}
