package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// uses are all uses of a link.
func (r *redisUnderTest) uses(link relay.LinkRef) map[string]error {
	ctx, o := r.t.Context(), success(`{"by":"a thief"}`)
	decisions := []relay.Decision{decision(true, "default", "A Thief")}
	uses := map[string]error{}
	_, uses["answer"] = r.Answer(ctx, link, o, nil)
	_, _, uses["heartbeat"] = r.Waiting(ctx, link, false)
	_, uses["view"] = r.View(ctx, link)
	_, uses["decide"] = r.Decide(ctx, link, decisions, nil)
	_, uses["decide and answer"] = r.Decide(ctx, link, decisions, &o)
	_, uses["a right code"] = r.Guess(ctx, link, true)
	_, uses["a wrong code"] = r.Guess(ctx, link, false)
	uses["a decline"] = r.Decline(ctx, link, relay.Decline{Number: link.Number})
	return uses
}

// worksNot checks that every use of a link fails with 404 and stores nothing.
func (r *redisUnderTest) worksNot(what string, cb relay.Callback, link relay.LinkRef) {
	r.t.Helper()
	before := r.hash(cb)
	for use, err := range r.uses(link) {
		if !errors.Is(err, relay.ErrNotFound) {
			r.t.Errorf("%s, %s: %v, want ErrNotFound", what, use, err)
		}
	}
	if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
		r.t.Errorf("%s: changed:\n%s", what, diff)
	}
}

// forget lets retention end, which deletes the hash and nothing else.
func (r *redisUnderTest) forget(cb relay.Callback) {
	r.t.Helper()
	ctx, past := r.t.Context(), float64(time.Now().Add(-time.Second).UnixMilli())
	if state := r.hash(cb)["state"]; state != "" && relay.State(state).Final() {
		r.must(r.client.ZAddXX(ctx, r.set(cb, state), redis.Z{Score: past, Member: string(cb.ID)}).Err())
	}
	r.must(r.client.Del(ctx, r.key(cb)).Err())
}

// Row 75: a link of an earlier registration of the same task token is not valid for
// the current one, whether that has such a link or not.
func testEarlierRegistration(t *testing.T, r *redisUnderTest) {
	all := func(reg *relay.Registration) {
		approvals(reg)
		reg.Links["default"] = relay.LinkRequest{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}
	}
	approval := func(reg *relay.Registration) {
		approvals(reg)
		reg.Approval.Required = 1
		reg.Links = map[string]relay.LinkRequest{"default": reg.Links["dana"]}
	}
	earlier := map[string]relay.LinkRef{}
	first := r.register("task", all)
	for _, link := range first.Links {
		earlier[link.Name] = r.link(first, link.Name)
	}
	for name, again := range map[string]func(*relay.Registration){"the same": all, "one approval": approval, "plain": func(*relay.Registration) {}} {
		_, err := r.Cancel(t.Context(), first.ID)
		r.must(err)
		r.forget(first)
		cb := r.register("task", again)
		if cb.ID != first.ID {
			t.Fatal("another id for the same task token")
		}
		for old, link := range earlier {
			r.worksNot("registered anew as "+name+", the earlier link "+old, cb, link)
		}
	}
}

// A callback that the previous release created has no generation. Its links, and
// the codes of its pages, do not change.
func testWithoutGeneration(t *testing.T, r *redisUnderTest) {
	beside := func() { // a replica of that release, as it names itself
		r.must(r.client.ZAdd(t.Context(), "relay:v1:replicas", redis.Z{Score: float64(time.Now().UnixMilli()), Member: "4JZBHC6VK2YQ7PXW3NTL5MRSDA"}).Err())
	}
	beside()
	cb := r.register("task", approvals)
	if strings.Contains(r.hash(cb)["registration"], "generation") {
		t.Fatalf("made beside a replica that knows no generations: %s", r.hash(cb)["registration"])
	}
	if again := r.register("task", approvals); !cmp.Equal(again.Links, cb.Links) {
		t.Errorf("registered again: %v, want %v", again.Links, cb.Links)
	}
	for _, link := range cb.Links {
		if n := len(r.keys.LinkKey(cb.ID, link, cb.Key).Reveal()); n != 52 {
			t.Errorf("link %s has a key of %d characters", link.Name, n)
		}
	}
	r.view(cb, "dana")
	_, err := r.Answer(t.Context(), r.link(cb, "yes"), success(`1`), nil)
	r.must(err)

	// If neither has a generation, kind and number still distinguish links.
	r.forget(cb)
	pages := r.register("task", func(reg *relay.Registration) {
		approvals(reg)
		reg.Approval.Required = 1
		reg.Links = map[string]relay.LinkRequest{"dana": reg.Links["dana"]}
	})
	for _, link := range cb.Links {
		if link.Number != 0 || link.LinkKind != pages.Links[0].LinkKind {
			r.worksNot("of an earlier registration, link "+link.Name, pages, r.link(cb, link.Name))
		}
	}

	// After a new registration with a generation, none of these links is valid.
	r.forget(cb)
	r.must(r.client.Del(t.Context(), "relay:v1:replicas").Err())
	r.useKeys(r.keys)
	next := r.register("task", approvals)
	for _, link := range cb.Links {
		r.worksNot("made without a generation, link "+link.Name, next, r.link(cb, link.Name))
	}
	// The same in the other direction, as when a rollout is reversed.
	r.forget(next)
	beside()
	r.useKeys(r.keys)
	last := r.register("task", approvals)
	for _, link := range next.Links {
		r.worksNot("made with a generation, link "+link.Name, last, r.link(next, link.Name))
	}
}

// Registrations have a generation while every live replica knows generations: from
// the beginning if all do, otherwise as soon as the last older replica is gone.
func testGenerationsInARollout(t *testing.T, r *redisUnderTest) {
	ctx, made := t.Context(), 0
	check := func(when string, want bool) {
		t.Helper()
		made++
		cb := r.register(relay.TaskToken(fmt.Sprint("task", made)))
		for _, link := range cb.Links {
			if got := link.Generation != ""; got != want {
				t.Errorf("%s: link %s has the generation %q", when, link.Name, link.Generation)
			}
		}
	}
	old := func(at time.Time) {
		r.must(r.client.ZAdd(ctx, "relay:v1:replicas", redis.Z{Score: float64(at.UnixMilli()), Member: "4JZBHC6VK2YQ7PXW3NTL5MRSDA"}).Err())
	}
	announce := func(name string, want int) {
		t.Helper()
		if n, err := r.Announce(ctx, name, time.Minute); n != want || err != nil {
			t.Errorf("%d replicas, want %d (%v)", n, want, err)
		}
	}
	check("at the first start of all", true)
	announce("A", 1)
	announce("B", 2)
	check("all of this release", true)
	old(time.Now())
	announce("A", 3)
	check("beside one of the release before", false)
	r.useKeys(r.keys)
	check("just started beside it", false)
	r.must(r.client.ZRem(ctx, "relay:v1:replicas", "4JZBHC6VK2YQ7PXW3NTL5MRSDA").Err())
	announce("A", 2)
	check("after it has left", true)
	old(time.Now().Add(-2 * time.Minute))
	r.useKeys(r.keys)
	announce("A", 2)
	check("after it has gone silent", true)
	r.must(r.Leave(ctx, "B"))
	announce("A", 1)
	if names := r.client.ZRange(ctx, "relay:v1:replicas", 0, -1).Val(); len(names) != 1 || names[0] != "A+keyspace2+guards1+guards2+awaits1+approvals2+generations" {
		t.Errorf("replicas %q", names)
	}
}

// A key proves the kind of a link along with its number. A key of another kind is
// not valid for this registration, whatever its use, and shows no page.
func testOtherKind(_ *testing.T, r *redisUnderTest) {
	cb := r.register("task", approvals)
	for _, link := range cb.Links {
		for _, kind := range slices.Concat(relay.MachineLinks, relay.PageLinks) {
			if other := link; kind != link.LinkKind {
				other.LinkKind = kind
				r.worksNot(fmt.Sprintf("link %s as %s", link.Name, kind), cb, r.at(cb, other))
			}
		}
	}
}
