package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// add adds a link without objections.
func (r *redisUnderTest) add(cb relay.Callback, name string, l relay.LinkRequest) relay.View {
	r.t.Helper()
	v, err := r.AddLink(r.t.Context(), cb.ID, name, l, func(relay.Callback, *relay.Approval) error { return nil })
	if err != nil {
		r.t.Fatalf("add %s: %v", name, err)
	}
	return v
}

// at resolves a link, as its URL would.
func (r *redisUnderTest) at(cb relay.Callback, link relay.Link) relay.LinkRef {
	r.t.Helper()
	return r.link(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{link}}, link.Name)
}

var (
	webhookLink  = relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}
	approvalLink = relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}}
)

// Row 82: a leaked link is replaced by one of the same name. The old link never
// works again, the new one works immediately, and the others are unchanged.
func testReplaceLink(t *testing.T, r *redisUnderTest) {
	for _, generation := range []bool{true, false} {
		r.must(r.client.Del(t.Context(), "relay:v1:replicas").Err())
		if !generation { // registered while a replica of the previous release is alive
			r.must(r.client.ZAdd(t.Context(), "relay:v1:replicas", redis.Z{Member: "4JZBHC6VK2YQ7PXW3NTL5MRSDA"}).Err())
		}
		r.useKeys(r.keys)
		cb := r.register(relay.TaskToken(fmt.Sprint("task ", generation)), approvals)
		if (cb.Links[0].Generation != "") != generation {
			t.Fatal("registered otherwise")
		}
		old, leaked := r.link(cb, "dana"), r.link(cb, "yes")
		_, err := r.Guess(t.Context(), old, false)
		r.must(err)

		lee := approvalLink
		lee.Approver, lee.Response = "Kim Sato", relay.Response{Text: "Thanks, Kim", Redirect: "https://example.com/kim"}
		v := r.add(cb, "dana", lee)
		if v.Link.Name != "dana" || int(v.Link.Number) != len(cb.Links) || v.Link.Approver != "Kim Sato" || v.Approval.Title != fullApproval.Title {
			t.Errorf("made %+v of %+v", v.Link, v.Approval)
		}
		yes := r.add(cb, "yes", relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkSuccess}, Output: relay.Payload(`{"n":2}`)})
		if got := r.register(relay.TaskToken(fmt.Sprint("task ", generation)), approvals); len(got.Links) != len(cb.Links) || got.Links[4] != v.Link || got.Links[5] != yes.Link {
			t.Errorf("registered again: %+v", got.Links)
		}

		for name, link := range map[string]relay.LinkRef{"dana": old, "yes": leaked} {
			for use, err := range r.uses(link) {
				if !errors.Is(err, relay.ErrLinkClosed) {
					t.Errorf("the old %s, %s: %v, want ErrLinkClosed", name, use, err)
				}
			}
		}
		shown := r.view(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{v.Link}}, "dana")
		if diff := cmp.Diff(lee, shown.Request); diff != "" || shown.Link != v.Link {
			t.Errorf("the new link shows (-want +got)\n%s", diff)
		}
		if left, err := r.Guess(t.Context(), r.at(cb, v.Link), false); err != nil || left != relay.MaxGuesses-1 {
			t.Errorf("after one wrong code of the new link: %d left, %v", left, err)
		}
		if old, now := r.keys.Code(cb.ID, cb.Links[1], cb.Key), r.keys.Code(cb.ID, v.Link, cb.Key); old == now {
			t.Error("both have one code")
		}
		got, err := r.Answer(t.Context(), r.at(cb, v.Link), success(`1`), nil)
		if err != nil || got.Response != lee.Response {
			t.Errorf("answered through the new one: %+v, %v", got.Response, err)
		}
		if got := r.view(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{v.Link}}, "dana"); got.Outcome.By != "dana" || got.Outcome.Number != v.Link.Number {
			t.Errorf("by %s, number %d", got.Outcome.By, got.Outcome.Number)
		}
		r.settle(*got.Delivery, relay.Settlement{State: relay.StateDelivered, Confirmed: true})
		// What the links do is deleted; their titles and responses remain.
		if _, kept := r.hash(cb)["content"]; kept {
			t.Error("the content is kept")
		}
		over := r.view(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{v.Link, yes.Link}}, "dana")
		if over.Request.Response != lee.Response || over.Link.Approver != "Kim Sato" {
			t.Errorf("in the end: %+v, %+v", over.Request, over.Link)
		}
		if over := r.view(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{yes.Link}}, "yes"); over.Request.Output != nil {
			t.Errorf("in the end there is an output: %q", []byte(over.Request.Output))
		}
		if got := fmt.Sprint(r.hash(cb)); strings.Contains(got, "Kim") || strings.Contains(got, `"n":2`) {
			t.Error("a name or an output is stored in the clear")
		}
	}
}

// Links can be added to a callback that has only webhooks, until all numbers are
// used.
func testAddLinks(t *testing.T, r *redisUnderTest) {
	ctx, fine := t.Context(), func(relay.Callback, *relay.Approval) error { return nil }
	cb := r.register("task")
	for n := 2; n < relay.MaxLinks; n++ {
		r.add(cb, fmt.Sprint("l", n), webhookLink)
	}
	if _, err := r.AddLink(ctx, cb.ID, "one-more", webhookLink, fine); !errors.Is(err, relay.ErrTooManyLinks) {
		t.Errorf("the 33rd: %v", err)
	}
	_, err := r.Revoke(ctx, cb.ID, "l7")
	r.must(err)
	r.add(cb, "one-more", webhookLink)
	last := relay.View{}
	for n := relay.MaxLinks + 1; n < relay.MaxLinkNumbers; n++ {
		last = r.add(cb, "one-more", webhookLink)
	}
	if last.Link.Number != 255 {
		t.Errorf("the last number is %d", last.Link.Number)
	}
	if _, err := r.AddLink(ctx, cb.ID, "one-more", webhookLink, fine); !errors.Is(err, relay.ErrLinksUsedUp) {
		t.Errorf("the 257th: %v", err)
	}
	if again := r.register("task"); len(again.Links) != relay.MaxLinks+1 { // l7, which is closed, is one
		t.Errorf("%d links", len(again.Links))
	}
	_, err = r.Answer(ctx, r.at(cb, last.Link), success(`1`), nil)
	r.must(err)
	if got, err := r.Get(ctx, cb.ID); err != nil || got.Outcome.By != "one-more" {
		t.Errorf("by %v, %v", got.Outcome, err)
	}
}

// A callback that cannot get another deadline cannot get another link either, and
// a refused link changes nothing.
func testAddLinkRefused(t *testing.T, r *redisUnderTest) {
	fine := func(relay.Callback, *relay.Approval) error { return nil }
	refused := func(name string, cb relay.Callback, want error, judge func(relay.Callback, *relay.Approval) error) {
		t.Helper()
		before := r.hash(cb)
		if _, err := r.AddLink(t.Context(), cb.ID, "more", webhookLink, judge); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
			t.Errorf("%s: changed\n%s", name, diff)
		}
	}
	object := errors.New("an objection")
	refused("objected to", r.register("objected"), object, func(_ relay.Callback, a *relay.Approval) error {
		if a != nil {
			t.Errorf("an approval of a callback without pages: %v", a)
		}
		return object
	})
	refused("objected to", r.register("with pages", approvals), object, func(_ relay.Callback, a *relay.Approval) error {
		if a == nil || a.Title != fullApproval.Title {
			t.Errorf("the approval is %v", a)
		}
		return object
	})
	answered := r.register("answered")
	r.answer(answered, `1`)
	refused("answered", answered, relay.ErrAlreadyAnswered, fine)
	cancelled := r.register("cancelled", approvals)
	_, err := r.Cancel(t.Context(), cancelled.ID)
	r.must(err)
	refused("cancelled", cancelled, relay.ErrCancelled, func(relay.Callback, *relay.Approval) error { return object })
	overdue := r.register("overdue")
	r.pass(overdue)
	refused("overdue", overdue, relay.ErrExpired, fine)
	_, err = r.Expire(t.Context(), 10)
	r.must(err)
	refused("expired", overdue, relay.ErrExpired, fine)
	if _, err := r.AddLink(t.Context(), r.keys.Identify("another")[0].ID, "more", webhookLink, fine); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("no such callback: %v", err)
	}
}

// Links that several callers add at once get different numbers. A link that is
// replaced at the moment of its answer has either answered or is closed.
func testAddLinksAtOnce(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("task", approvals)
	var all sync.WaitGroup
	for n := range 5 {
		all.Go(func() {
			link := approvalLink
			link.Approver = fmt.Sprint("Person ", n)
			if _, err := r.AddLink(ctx, cb.ID, fmt.Sprint("person-", n), link, func(relay.Callback, *relay.Approval) error { return nil }); err != nil {
				t.Errorf("at once: %v", err)
			}
		})
	}
	all.Wait()
	got, err := r.Get(ctx, cb.ID)
	r.must(err)
	seen := map[byte]bool{}
	for _, link := range got.Links {
		if seen[link.Number] {
			t.Errorf("two links have the number %d", link.Number)
		}
		seen[link.Number] = true
		if n, ok := strings.CutPrefix(link.Name, "person-"); ok && link.Approver != "Person "+n {
			t.Errorf("link %s is for %s", link.Name, link.Approver)
		}
	}
	if len(seen) != len(cb.Links)+5 {
		t.Errorf("%d links", len(seen))
	}
	for n := range 20 {
		cb := r.register(relay.TaskToken(fmt.Sprint("race ", n)))
		old, both := r.link(cb, "default"), sync.WaitGroup{}
		var answered, replaced error
		both.Go(func() { _, answered = r.Answer(ctx, old, success(`1`), nil) })
		both.Go(func() {
			_, replaced = r.AddLink(ctx, cb.ID, "default", webhookLink, func(relay.Callback, *relay.Approval) error { return nil })
		})
		both.Wait()
		switch {
		case answered == nil && errors.Is(replaced, relay.ErrAlreadyAnswered):
		case replaced == nil && errors.Is(answered, relay.ErrLinkClosed):
		default:
			t.Errorf("answered: %v, replaced: %v", answered, replaced)
		}
	}
}

// Row 83: an answer or decision can be repeated after its link was closed. Nothing
// else can be done with a closed link.
func testRepeatedAfterRevocation(t *testing.T, r *redisUnderTest) {
	ctx := t.Context()
	cb := r.register("webhook", func(reg *relay.Registration) {
		reg.Links["other"] = webhookLink
		reg.Links["default"] = relay.LinkRequest{LinkKind: webhookLink.LinkKind, Response: relay.Response{Text: "Thanks"}}
	})
	link, other := r.link(cb, "default"), r.link(cb, "other")
	r.answer(cb, `{"a":1}`)
	for _, name := range []string{"default", "other"} {
		_, err := r.Revoke(ctx, cb.ID, name)
		r.must(err)
	}
	if got, err := r.Answer(ctx, link, success(`{"a":1}`), nil); err != nil || !got.Duplicate || got.Response.Text != "Thanks" {
		t.Errorf("repeated: %+v, %v", got, err)
	}
	for name, ask := range map[string]func() error{
		"another answer":     func() error { _, err := r.Answer(ctx, link, success(`{"a":2}`), nil); return err },
		"through the other":  func() error { _, err := r.Answer(ctx, other, success(`{"a":1}`), nil); return err },
		"view of the other":  func() error { _, err := r.View(ctx, other); return err },
		"a heartbeat":        func() error { _, _, err := r.Waiting(ctx, link, false); return err },
		"a code, wrong":      func() error { _, err := r.Guess(ctx, link, false); return err },
		"a code of no worth": func() error { _, err := r.Guess(ctx, link, true); return err },
	} {
		if err := ask(); !errors.Is(err, relay.ErrLinkClosed) {
			t.Errorf("%s: %v, want ErrLinkClosed", name, err)
		}
	}
	refused := r.register("refused")
	link = r.link(refused, "default")
	lease := r.answer(refused, `{"a":1}`)
	_, err := r.Revoke(ctx, refused.ID, "default")
	r.must(err)
	r.settle(lease, relay.Settlement{State: relay.StateRefused, Reason: "InvalidOutput"})
	if _, err := r.Answer(ctx, link, success(`{"a":1}`), nil); !errors.Is(err, relay.ErrRefused) {
		t.Errorf("repeated after it was refused: %v, want ErrRefused", err)
	}

	link = r.link(cb, "default")
	if v, err := r.View(ctx, link); err != nil || !v.Link.Closed || v.Outcome.By != "default" {
		t.Errorf("what it answered: %+v, %v", v, err)
	}

	// A decision that did not end the callback, with a link that was replaced later.
	cb = r.register("quorum", approvals)
	dana := r.link(cb, "dana")
	mine := decision(true, "dana", "Dana Okafor")
	mine.Number = dana.Number
	_, err = r.Decide(ctx, dana, []relay.Decision{mine}, nil)
	r.must(err)
	kim := approvalLink
	kim.Approver = "Kim Sato"
	v := r.add(cb, "dana", kim)
	seen, err := r.View(ctx, dana)
	if got, ok := seen.OwnDecision(); err != nil || !seen.Link.Closed || !ok || got.Approver != "Dana Okafor" {
		t.Errorf("what Dana decided: %+v, %v", seen.Decisions, err)
	}
	if _, ok := r.view(relay.Callback{ID: cb.ID, Key: cb.Key, Links: []relay.Link{v.Link}}, "dana").OwnDecision(); ok {
		t.Error("Dana's decision is taken for Kim's")
	}
	if _, err := r.Decide(ctx, dana, []relay.Decision{mine, mine}, nil); !errors.Is(err, relay.ErrLinkClosed) {
		t.Errorf("another decision: %v", err)
	}
	// The previous release stores only the name of the link.
	old := r.register("old", approvals)
	r.must(r.client.HSet(ctx, r.key(old), "decided", "1", "decisions", r.keys.Seal(old.ID, "decisions",
		[]byte(`[{"approved":true,"link":"dana","approver":"Dana Okafor","at":1700000000123}]`))).Err())
	if got, ok := r.view(old, "dana").OwnDecision(); !ok || got.Number != r.link(old, "dana").Number {
		t.Errorf("decided at the release before: %+v", got)
	}

	// The client repeats a call whose reply was lost: the caller must look.
	if _, err := r.Decide(ctx, dana, []relay.Decision{mine}, nil); !errors.Is(err, relay.ErrMeanwhile) {
		t.Errorf("the same once more: %v", err)
	}
}
