package store_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// fullApproval has a value in every member that is stored, except those that older replicas
// do not know.
var fullApproval = relay.Approval{
	Title: "Deploy?", Message: "**Now**", Details: []relay.Detail{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}},
	RequestedBy:  "Kim, kim@example.com",
	ApproveLabel: "Deploy", RejectLabel: "Not now", Comment: relay.CommentRequired,
	Fields: []byte(`{"type":"object", "properties":{"n":{"type":"number"}}}`), OnReject: relay.OutcomeFailure,
	Confirm: relay.ConfirmCode, Required: 2, Rejections: 1,
}

// approvals registers links of every kind.
func approvals(reg *relay.Registration) {
	a := fullApproval
	reg.Approval = &a
	page := relay.LinkKind{Type: relay.LinkApproval, Page: true}
	reg.Links = map[string]relay.LinkRequest{
		"dana": {LinkKind: page, Approver: "Dana Okafor", Response: relay.Response{Text: "Thanks", Redirect: "https://example.com/"}},
		"lee":  {LinkKind: page, Approver: "Lee Wong"},
		"open": {LinkKind: page},
		"yes":  {LinkKind: relay.LinkKind{Type: relay.LinkSuccess}, Output: relay.Payload(`{"n": 12345678901234567890123, "n": "<>"}`)},
		"no":   {LinkKind: relay.LinkKind{Type: relay.LinkFailure, Page: true}, Error: "Refused", Cause: "no"},
		"beat": {LinkKind: relay.LinkKind{Type: relay.LinkHeartbeat}},
	}
}

// view returns what the named link shows.
func (r *redisUnderTest) view(cb relay.Callback, name string) relay.View {
	r.t.Helper()
	v, err := r.View(r.t.Context(), r.link(cb, name))
	if err != nil {
		r.t.Fatalf("view of %s: %v", name, err)
	}
	return v
}

// A view shows what was registered, byte for byte, whatever has happened since.
func testView(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", approvals)
	asked := registration("task", approvals)
	check := func(state relay.State) {
		t.Helper()
		for name, want := range asked.Links {
			v := r.view(cb, name)
			if diff := cmp.Diff(want, v.Request); diff != "" || v.Link.Name != name || v.State != state {
				t.Errorf("%s, %s: (-want +got)\n%s", name, v.State, diff)
			}
			if diff := cmp.Diff(fullApproval, v.Approval); diff != "" {
				t.Errorf("approval (-want +got):\n%s", diff)
			}
		}
	}
	check(relay.StatePending)
	if v := r.view(cb, "dana"); v.Now.Before(v.CreatedAt) || v.Link.Approver != "Dana Okafor" {
		t.Errorf("seen at %s, created at %s, for %q", v.Now, v.CreatedAt, v.Link.Approver)
	}
	_, err := r.Answer(t.Context(), r.link(cb, "yes"), success(`1`), nil)
	r.must(err)
	check(relay.StateAnswered)

	plain := r.view(r.register("plain"), "default")
	if plain.Approval.Title != "" || plain.Request.Output != nil {
		t.Errorf("of a callback without content: %+v", plain)
	}
	other := relay.Callback{ID: r.keys.Identify("another")[0].ID, Key: "k1", Links: cb.Links}
	if _, err := r.View(t.Context(), r.link(other, "dana")); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("of no callback: %v, want ErrNotFound", err)
	}
	// The key ring can make valid keys for links that were never registered.
	cb.Links[0].Number = 31
	if _, err := r.View(t.Context(), r.link(cb, cb.Links[0].Name)); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("of no link: %v, want ErrNotFound", err)
	}
}

// A registration whose links do or show anything else is not a repetition.
func testOtherContent(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", approvals)
	if again := r.register("task", approvals); again.ID != cb.ID {
		t.Fatal("the same registration makes another callback")
	}
	link := func(name string, change func(*relay.LinkRequest)) func(*relay.Registration) {
		return func(reg *relay.Registration) {
			l := reg.Links[name]
			change(&l)
			reg.Links[name] = l
		}
	}
	for name, change := range map[string]func(*relay.Registration){
		"title": func(reg *relay.Registration) { reg.Approval.Title = "Deploy!" },
		"order": func(reg *relay.Registration) {
			reg.Approval.Details = []relay.Detail{{Name: "a", Value: "2"}, {Name: "b", Value: "1"}}
		},
		"required": func(reg *relay.Registration) { reg.Approval.Required = 1 },
		"none":     func(reg *relay.Registration) { reg.Approval = nil },
		"output":   link("yes", func(l *relay.LinkRequest) { l.Output = relay.Payload(`1`) }),
		"cause":    link("no", func(l *relay.LinkRequest) { l.Cause = "" }),
		"approver": link("dana", func(l *relay.LinkRequest) { l.Approver = "Dana" }),
		"text":     link("dana", func(l *relay.LinkRequest) { l.Response.Text = "" }),
		"page":     link("yes", func(l *relay.LinkRequest) { l.Page = true }),
	} {
		if _, _, err := r.Create(t.Context(), registration("task", approvals, change), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
			t.Errorf("another %s: %v, want ErrSettingsDiffer", name, err)
		}
	}
}

func decision(approved bool, link, approver string) relay.Decision {
	return relay.Decision{
		Approved: approved, Link: link, Approver: approver, At: time.UnixMilli(1_700_000_000_123).UTC(),
		Comment: relay.Payload("a remark of " + link), Fields: relay.Payload(`{"n":1.50}`),
	}
}

func testDecide(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	first, second := decision(true, "dana", "Dana Okafor"), decision(false, "open", "Jo")
	second.Typed = true

	got, err := r.Decide(ctx, r.link(cb, "dana"), []relay.Decision{first}, nil)
	if err != nil || got.State != relay.StatePending || got.Delivery != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if v := r.view(cb, "lee"); !cmp.Equal(v.Decisions, []relay.Decision{first}) {
		t.Errorf("after one: %+v", v.Decisions)
	}
	// A decision made without seeing the first one is refused, whether it would end
	// the callback or not.
	outcome := success(`{"both":true}`)
	for _, o := range []*relay.Outcome{nil, &outcome} {
		if _, err := r.Decide(ctx, r.link(cb, "open"), []relay.Decision{second}, o); !errors.Is(err, relay.ErrMeanwhile) {
			t.Errorf("without the first: %v, want ErrMeanwhile", err)
		}
	}
	got, err = r.Decide(ctx, r.link(cb, "open"), []relay.Decision{first, second}, &outcome)
	if err != nil || got.State != relay.StateAnswered || got.Delivery == nil || got.Delivery.TaskToken != "task" {
		t.Fatalf("%+v, %v", got, err)
	}
	// The names of those who decided stay, and their comments; the fields are only in the
	// outcome.
	v := r.view(cb, "lee")
	for _, d := range v.Decisions {
		if string(d.Comment) != "a remark of "+d.Link || d.Fields != nil {
			t.Errorf("of %s there are the comment %q and %d bytes of fields", d.Link, d.Comment, len(d.Fields))
		}
	}
	if len(v.Decisions) != 2 || !v.Decisions[1].Typed || v.Decisions[1].Approver != "Jo" || v.Outcome.By != "open" {
		t.Errorf("decisions %+v, outcome %+v", v.Decisions, v.Outcome)
	}
	if kept := r.hash(cb); kept["remarks"] != "" || kept["decided"] != "2" {
		t.Errorf("remarks of %d bytes, %s decided", len(kept["remarks"]), kept["decided"])
	}
	if _, err := r.Decide(ctx, r.link(cb, "lee"), []relay.Decision{first, second, first}, nil); !errors.Is(err, relay.ErrAlreadyAnswered) {
		t.Errorf("after the end: %v, want ErrAlreadyAnswered", err)
	}

	late := r.register("late", approvals)
	_, err = r.Decide(ctx, r.link(late, "dana"), []relay.Decision{first}, nil)
	r.must(err)
	r.pass(late)
	if _, err := r.Decide(ctx, r.link(late, "lee"), []relay.Decision{first, second}, nil); !errors.Is(err, relay.ErrExpired) {
		t.Errorf("after the deadline: %v, want ErrExpired", err)
	}
	cancelled := r.register("cancelled", approvals)
	_, err = r.Decide(ctx, r.link(cancelled, "dana"), []relay.Decision{first}, nil)
	r.must(err)
	_, err = r.Cancel(ctx, cancelled.ID)
	r.must(err)
	_, err = r.Expire(ctx, 10)
	r.must(err)
	for _, ended := range []relay.Callback{late, cancelled} {
		if kept := r.hash(ended); kept["remarks"] != "" || kept["decisions"] == "" {
			t.Errorf("%s: remarks of %d bytes, decisions of %d", kept["state"], len(kept["remarks"]), len(kept["decisions"]))
		}
	}
}

// However many people decide at the same instant, every decision is stored once,
// and only one is the last.
func testDecideAtOnce(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", func(reg *relay.Registration) {
		approvals(reg)
		for c := 'a'; c < 'i'; c++ {
			reg.Links[string(c)] = relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}}
		}
	})
	var all sync.WaitGroup
	ended := make(chan string, 8)
	for c := 'a'; c < 'i'; c++ {
		link, name := r.link(cb, string(c)), string(c)
		all.Go(func() {
			for {
				v, err := r.View(t.Context(), link)
				if err != nil || v.State != relay.StatePending {
					return
				}
				decisions := append(slices.Clip(v.Decisions), decision(true, name, name))
				var o *relay.Outcome
				if len(decisions) == 5 {
					outcome := success(`5`)
					o = &outcome
				}
				if _, err = r.Decide(t.Context(), link, decisions, o); err == nil && o != nil {
					ended <- name
				}
				if !errors.Is(err, relay.ErrMeanwhile) {
					return
				}
			}
		})
	}
	all.Wait()
	close(ended)
	var last []string
	for name := range ended {
		last = append(last, name)
	}
	v := r.view(cb, "dana")
	seen := map[string]bool{}
	for _, d := range v.Decisions {
		seen[d.Link] = true
	}
	if len(last) != 1 || len(v.Decisions) != 5 || len(seen) != 5 || v.Outcome.By != last[0] {
		t.Errorf("ended by %q, decisions %+v", last, v.Decisions)
	}
}

// Five wrong codes close a link, even if other links get wrong codes in between.
func testGuess(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	dana, lee := r.link(cb, "dana"), r.link(cb, "lee")
	for want := 4; want > 0; want-- {
		if left, err := r.Guess(ctx, dana, false); left != want || err != nil {
			t.Fatalf("%d left, %v, want %d", left, err, want)
		}
		if left, err := r.Guess(ctx, dana, true); left != want || err != nil {
			t.Errorf("a right one costs: %d left, %v", left, err)
		}
	}
	if left, err := r.Guess(ctx, lee, false); left != 4 || err != nil {
		t.Errorf("at another link %d left, %v", left, err)
	}
	for range 2 {
		if _, err := r.Guess(ctx, dana, false); !errors.Is(err, relay.ErrLinkClosed) {
			t.Errorf("the fifth wrong one: %v, want ErrLinkClosed", err)
		}
	}
	if _, err := r.Guess(ctx, dana, true); !errors.Is(err, relay.ErrLinkClosed) {
		t.Errorf("a right one after that: %v, want ErrLinkClosed", err)
	}
	if _, err := r.Guess(ctx, lee, true); err != nil {
		t.Errorf("the other link: %v", err)
	}
	if kept := r.hash(cb); strings.Count(kept["wrong"], " ") != 12 {
		t.Errorf("wrong codes are kept as %q", kept["wrong"])
	}
}

// A closed link does nothing and shows nothing; the other links still work.
func testRevoke(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	for range 2 {
		got, err := r.Revoke(ctx, cb.ID, "dana")
		r.must(err)
		for _, link := range got.Links {
			if link.Closed != (link.Name == "dana") {
				t.Errorf("%s closed: %v", link.Name, link.Closed)
			}
		}
	}
	for _, name := range []string{"yes", "beat"} {
		_, err := r.Revoke(ctx, cb.ID, name)
		r.must(err)
	}
	d := []relay.Decision{decision(true, "dana", "Dana")}
	outcome := success(`1`)
	for name, use := range map[string]func() error{
		"view":    func() error { _, err := r.View(ctx, r.link(cb, "dana")); return err },
		"decide":  func() error { _, err := r.Decide(ctx, r.link(cb, "dana"), d, nil); return err },
		"end":     func() error { _, err := r.Decide(ctx, r.link(cb, "dana"), d, &outcome); return err },
		"guess":   func() error { _, err := r.Guess(ctx, r.link(cb, "dana"), true); return err },
		"decline": func() error { return r.Decline(ctx, r.link(cb, "dana"), relay.Decline{}) },
		"answer":  func() error { _, err := r.Answer(ctx, r.link(cb, "yes"), outcome, nil); return err },
		"beat":    func() error { _, _, err := r.Waiting(ctx, r.link(cb, "beat"), false); return err },
	} {
		if err := use(); !errors.Is(err, relay.ErrLinkClosed) {
			t.Errorf("%s: %v, want ErrLinkClosed", name, err)
		}
	}
	for _, id := range []relay.CallbackID{cb.ID, r.keys.Identify("nobody")[0].ID} {
		if _, err := r.Revoke(ctx, id, "nobody"); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("no such link: %v, want ErrNotFound", err)
		}
	}
	if _, err := r.Decide(ctx, r.link(cb, "lee"), d, &outcome); err != nil {
		t.Errorf("another link: %v", err)
	}
}

func testReschedule(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task")
	for _, in := range []time.Duration{2 * time.Hour, time.Minute} {
		got, err := r.Reschedule(ctx, cb.ID, relay.Expires{In: in}, maxExpiry)
		r.must(err)
		if d := got.ExpiresAt.Sub(got.CreatedAt); d < in || d > in+time.Minute || !got.CreatedAt.Equal(cb.CreatedAt) {
			t.Errorf("expires after %s, want %s", d, in)
		}
	}
	at := cb.CreatedAt.Add(3 * time.Hour)
	got, err := r.Reschedule(ctx, cb.ID, relay.Expires{At: at}, maxExpiry)
	if err != nil || !got.ExpiresAt.Equal(at) {
		t.Errorf("%s, %v, want %s", got.ExpiresAt, err, at)
	}
	// The registration still asks for the same.
	if again := r.register("task"); !again.ExpiresAt.Equal(at) {
		t.Errorf("registered again it expires at %s", again.ExpiresAt)
	}
	for name, e := range map[string]relay.Expires{"past": {At: cb.CreatedAt}, "far": {In: maxExpiry + time.Hour}} {
		var field *relay.InvalidFieldError
		if _, err := r.Reschedule(ctx, cb.ID, e, maxExpiry); !errors.As(err, &field) {
			t.Errorf("%s: %v, want a mistake in a field", name, err)
		}
	}
	// The deadline watch uses the new deadline.
	early := r.register("early")
	_, err = r.Reschedule(ctx, early.ID, relay.Expires{In: time.Millisecond}, maxExpiry)
	r.must(err)
	for n := 0; n == 0; { // until the millisecond has passed by the clock of Redis
		n, err = r.Expire(ctx, 10)
		r.must(err)
	}
	if got, err := r.Get(ctx, early.ID); err != nil || got.State != relay.StateAnswered {
		t.Errorf("%s, %v", got.State, err)
	}
	r.pass(cb)
	_, cancelErr := r.Cancel(ctx, r.register("gone").ID)
	r.must(cancelErr)
	for want, id := range map[error]relay.CallbackID{
		relay.ErrExpired: cb.ID, relay.ErrCancelled: r.keys.Identify("gone")[0].ID, relay.ErrNotFound: r.keys.Identify("nobody")[0].ID,
	} {
		if _, err := r.Reschedule(ctx, id, relay.Expires{In: time.Hour}, maxExpiry); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
