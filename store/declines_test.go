package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// notFor is what somebody says who got a link that is not for them.
func notFor(link relay.Link, note string) relay.Decline {
	d := relay.Decline{Link: link.Name, Number: link.Number, Approver: link.Approver, At: time.UnixMilli(1_700_000_000_123).UTC()}
	if note != "" {
		d.Note = relay.Payload(note)
	}
	return d
}

// said returns what was said about the links, as the callback shows it: each link with its
// note.
func (r *redisUnderTest) said(cb relay.Callback) (all []string) {
	r.t.Helper()
	got, err := r.Get(r.t.Context(), cb.ID)
	r.must(err)
	for _, d := range got.Declined {
		all = append(all, d.Link+": "+string(d.Note))
	}
	return all
}

// Row 120: what is said through a link replaces what was said through it before. It is in the
// history, counted, and readable nowhere in Redis. The callback waits as before.
func testDecline(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	dana, lee := r.view(cb, "dana").Link, r.view(cb, "lee").Link
	for _, d := range []relay.Decline{notFor(dana, "Ask Ada."), notFor(lee, ""), notFor(dana, "Ask Kim."), notFor(lee, "")} {
		r.must(r.Decline(ctx, r.link(cb, d.Link), d))
	}
	got, err := r.Get(ctx, cb.ID)
	r.must(err)
	if diff := cmp.Diff([]relay.Decline{notFor(dana, "Ask Kim."), notFor(lee, "")}, got.Declined); diff != "" || got.State != relay.StatePending {
		t.Errorf("%s, declined (-want +got)\n%s", got.State, diff)
	}
	entries, err := r.History(ctx, cb.ID)
	r.must(err)
	var history []string
	for _, e := range entries {
		history = append(history, fmt.Sprintf("%s %s %d %s%s", e.Link, e.Verdict, e.Count, string(e.Text), e.EventID))
	}
	if want := []string{"dana not-for-me 2 Ask Kim.", "lee not-for-me 2 "}; !slices.Equal(history, want) {
		t.Errorf("history %q, want %q", history, want)
	}
	for field, value := range r.hash(cb) {
		if strings.Contains(value, "Ask") {
			t.Errorf("%s holds %q", field, value)
		}
	}
}

// Whoever decides after all has not declined, and neither is there anything left to do about
// a link that was closed or replaced. The rest is still known after the end.
func testDeclineEnds(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	for _, name := range []string{"dana", "lee", "no", "open"} {
		r.must(r.Decline(ctx, r.link(cb, name), notFor(r.view(cb, name).Link, "")))
	}
	mine := decision(true, "dana", "Dana Okafor")
	mine.Number = r.link(cb, "dana").Number
	_, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{mine}, nil)
	r.must(err)
	_, err = r.Revoke(ctx, cb.ID, "no")
	r.must(err)
	r.add(cb, "lee", relay.LinkRequest{LinkKind: cb.Links[0].LinkKind, Approver: "Kim Sato"})
	_, err = r.Cancel(ctx, cb.ID)
	r.must(err)
	if got := r.said(cb); !slices.Equal(got, []string{"open: "}) {
		t.Errorf("left: %q", got)
	}
	if entries, err := r.History(ctx, cb.ID); err != nil || len(entries) != 4 {
		t.Errorf("history: %+v, %v", entries, err)
	}
}

// Row 120: nothing is recorded through a link that takes no answer.
func testDeclineRefused(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	ended := map[string]relay.Callback{}
	for _, name := range []string{"answered", "cancelled", "late", "closed"} {
		ended[name] = r.register(relay.TaskToken(name), approvals)
	}
	_, err := r.Answer(ctx, r.link(ended["answered"], "yes"), success(`1`), nil)
	r.must(err)
	_, err = r.Cancel(ctx, ended["cancelled"].ID)
	r.must(err)
	r.pass(ended["late"])
	_, err = r.Revoke(ctx, ended["closed"].ID, "dana")
	r.must(err)
	for name, want := range map[string]error{
		"answered": relay.ErrAlreadyAnswered, "cancelled": relay.ErrCancelled, "late": relay.ErrExpired, "closed": relay.ErrLinkClosed,
	} {
		cb := ended[name]
		before := r.hash(cb)
		if err := r.Decline(ctx, r.link(cb, "dana"), notFor(cb.Links[0], "x")); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("%s: changed\n%s", name, diff)
		}
	}
	nobody := relay.Callback{ID: r.keys.Identify("nobody")[0].ID, Key: "k1", Links: ended["late"].Links}
	if err := r.Decline(ctx, r.link(nobody, "dana"), relay.Decline{}); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("of no callback: %v, want ErrNotFound", err)
	}
}

// Row 120: however many people say so at the same instant, all of it is kept.
func testDeclineAtOnce(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", approvals)
	var all sync.WaitGroup
	for _, link := range cb.Links {
		if link.Page {
			all.Go(func() {
				if err := r.Decline(t.Context(), r.at(cb, link), notFor(link, link.Name)); err != nil {
					t.Errorf("%s: %v", link.Name, err)
				}
			})
		}
	}
	all.Wait()
	got := r.said(cb)
	slices.Sort(got)
	if want := []string{"dana: dana", "lee: lee", "no: no", "open: open"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// As many are kept as a callback has open links; then the oldest goes.
func testManyDeclines(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", func(reg *relay.Registration) {
		approvals(reg)
		page := reg.Links["open"]
		clear(reg.Links)
		for i := range relay.MaxLinks {
			reg.Links[fmt.Sprintf("l%02d", i)] = page
		}
	})
	for _, link := range cb.Links {
		r.must(r.Decline(t.Context(), r.at(cb, link), notFor(link, "")))
	}
	another := r.add(cb, "l05", relay.LinkRequest{LinkKind: cb.Links[0].LinkKind})
	r.must(r.Decline(t.Context(), r.at(cb, another.Link), notFor(another.Link, "again")))
	got := r.said(cb)
	if len(got) != relay.MaxDeclines-1 || got[0] != "l01: " || got[len(got)-1] != "l05: again" { // without that of the link that was replaced
		t.Errorf("kept %q", got)
	}
}

// Those who run workflows find what somebody declined, beside the other filters.
func testListOfDeclined(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	var want []relay.CallbackID
	for i := range 5 {
		cb := r.register(relay.TaskToken(fmt.Sprint("task", i)), approvals)
		if i%2 == 1 {
			r.must(r.Decline(ctx, r.link(cb, "lee"), notFor(cb.Links[0], "")))
			want = append(want, cb.ID)
		}
	}
	ended := r.register("ended", approvals)
	r.must(r.Decline(ctx, r.link(ended, "lee"), notFor(ended.Links[0], "")))
	_, err := r.Cancel(ctx, ended.ID)
	r.must(err)
	for state, want := range map[relay.State][]relay.CallbackID{relay.StatePending: want, relay.StateCancelled: {ended.ID}, "": append(want, ended.ID)} {
		got := r.listAll(relay.Query{State: state, Declined: true, Limit: 1})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", state, got, want)
		}
	}
}
