package relay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
	"callback-relay/rules"
)

// A callback that is given another deadline waits for its events as long.
func TestRescheduledAwait(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	reg := awaiting("task", "pi_1")
	reg.Expires = relay.Expires{In: time.Hour}
	cb, _, err := r.Create(t.Context(), reg)
	if err != nil {
		t.Fatal(err)
	}
	f.pass(50 * time.Minute)
	if _, err := r.Reschedule(t.Context(), cb.ID, relay.Expires{In: 30 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	f.pass(29 * time.Hour)
	r.event("evt_1", "paid", "pi_1", relay.EventMatched)
	f.has("within its new deadline", "task", paid("evt_1", "pi_1"))
}

// Callbacks that are over make room for those that come.
func TestManyWaitForAKey(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	for i := range relay.MaxWaiters {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)), "pi_1")
		if i == 17 {
			if _, err := r.Cancel(t.Context(), cb.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.register("in-its-place", "pi_1")
	if _, _, err := r.Create(t.Context(), awaiting("too-many", "pi_1")); !errors.Is(err, relay.ErrTooManyWaiters) {
		t.Errorf("too many: %v", err)
	}
	if found, err := r.Awaiting(t.Context(), "pay", "pi_1"); err != nil || len(found) != relay.MaxWaiters {
		t.Errorf("%d wait, %v", len(found), err)
	}
}

// Every mistake in an await is reported, with its field.
func TestMistakesInAwaits(t *testing.T) {
	r := newFleet(t).replica("k1")
	many := map[string]relay.Guard{}
	for i := range relay.MaxLinks {
		many[fmt.Sprint("a", i)] = await("k")
	}
	for name, c := range map[string]struct {
		awaits map[string]relay.Guard
		want   []string // fields
	}{
		"name":     {map[string]relay.Guard{"Paid": await("k")}, []string{"awaits"}},
		"reserved": {map[string]relay.Guard{"expiry": await("k")}, []string{"awaits.expiry"}},
		"taken":    {map[string]relay.Guard{"done": await("k")}, []string{"awaits.done"}},
		"nothing":  {map[string]relay.Guard{"paid": {}}, []string{"awaits.paid.key", "awaits.paid.sender"}},
		"unknown":  {map[string]relay.Guard{"paid": {Sender: "stripe", Key: "k"}}, []string{"awaits.paid.sender"}},
		"key":      {map[string]relay.Guard{"paid": {Sender: "pay", Key: strings.Repeat("k", 257)}}, []string{"awaits.paid.key"}},
		"rules":    {map[string]relay.Guard{"paid": {Sender: "pay", Key: "k", Otherwise: "perhaps", Outcomes: []rules.Outcome{{When: "body.", Do: "win"}}}}, []string{"awaits.paid.otherwise", "awaits.paid.outcomes[0].do", "awaits.paid.outcomes[0].when"}},
		"vars":     {map[string]relay.Guard{"paid": {Sender: "pay", Key: "k", Vars: map[string]json.RawMessage{"1": json.RawMessage("1")}, Outcomes: []rules.Outcome{{When: "true", Do: "fail"}}}}, []string{"awaits.paid.vars"}},
		"many":     {many, []string{"awaits"}},
	} {
		_, _, err := r.Create(t.Context(), relay.Registration{
			TaskToken: "task", Links: map[string]relay.LinkRequest{"done": asked(relay.LinkWebhook)}, Awaits: c.awaits,
		})
		var got []string
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range joined.Unwrap() {
				if field := (*relay.InvalidFieldError)(nil); errors.As(one, &field) {
					got = append(got, field.Field)
				}
			}
		}
		if len(c.want) != len(got) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(fmt.Sprint(got), want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
	if keys := r.f.server.Keys(); len(keys) != 1 {
		t.Errorf("stored: %v", keys)
	}
}

// A registration without links that waits for an event gets no link that anybody could
// post to.
func TestAwaitHasNoURL(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	cb := r.register("task", "pi_1")
	if len(cb.Links) != 1 || cb.Links[0].Type != relay.LinkAwait {
		t.Fatalf("links: %+v", cb.Links)
	}
	link := cb.Links[0]
	if got := r.URL(cb, link); got != "" || r.keys.LinkKey(cb.ID, link, cb.Key) != "" {
		t.Errorf("URL: %q", got)
	}
	// Even a key with an authentic MAC does not resolve.
	key := r.keys.ForgeLinkKey(cb.ID, link)
	for _, kinds := range [][]relay.LinkKind{{link.LinkKind}, relay.MachineLinks, relay.PageLinks} {
		if _, err := r.Resolve(key, kinds); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%v: %v", kinds, err)
		}
	}
	for _, kind := range relay.MachineLinks {
		other := link
		other.LinkKind = kind
		ref, err := r.Resolve(r.keys.LinkKey(cb.ID, other, cb.Key).Reveal(), relay.MachineLinks)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Receive(t.Context(), ref, posted(`{}`)); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("its number as a %s: %v", kind, err)
		}
	}
	for field, links := range map[string]map[string]relay.LinkRequest{"links.x.type": {"x": asked(relay.LinkAwait)}} {
		_, _, err := r.Create(t.Context(), relay.Registration{TaskToken: "other", Links: links})
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("asked for as a link: %v", err)
		}
	}
	f.has("nobody answered", "task")
}
