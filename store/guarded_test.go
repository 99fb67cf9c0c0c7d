package store_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/relay"
)

// guards are examples of what a later release may write after the name and the
// kind of a link. With any of them, the link is guarded.
var guards = []string{`"sender"`, `{"sender":"stripe","outcomes":2}`, `["a",1]`, `true`, `false`, `0`, `""`, `3`, `1.5`, `"1"`, `"approval3"`}

// guard rewrites a registration as a later release would, with the named link
// guarded.
func (r *redisUnderTest) guard(cb relay.Callback, name, guard string) {
	r.t.Helper()
	before := r.hash(cb)["registration"]
	at := strings.Index(before, `["`+name+`","`)
	if at < 0 {
		r.t.Fatalf("no link %s in %s", name, before)
	}
	end := at + strings.Index(before[at:], "]")
	r.must(r.client.HSet(r.t.Context(), r.key(cb), "registration", before[:end]+","+guard+before[end:]).Err())
}

// This release cannot check the guard of a link that a later release has guarded.
// So it refuses every use of the link as unavailable, and stores and shows nothing. The
// sender tries again, until it reaches a replica of the later release.
func testGuardedLink(t *testing.T, r *redisUnderTest) {
	all := func(reg *relay.Registration) {
		approvals(reg)
		reg.Links["done"] = webhookLink
	}
	ended := map[string]func(cb relay.Callback){
		"waiting": func(relay.Callback) {},
		"answered through this very link": func(cb relay.Callback) {
			_, err := r.Answer(t.Context(), r.link(cb, "done"), success(`{"by":"a thief"}`), nil)
			r.must(err)
		},
		"cancelled": func(cb relay.Callback) { _, err := r.Cancel(t.Context(), cb.ID); r.must(err) },
		"over time": func(cb relay.Callback) { r.pass(cb) },
	}
	for state, end := range ended {
		for _, guard := range guards {
			cb := r.register(relay.TaskToken("task "+state+guard), all)
			end(cb)
			for _, link := range cb.Links {
				r.guard(cb, link.Name, guard)
			}
			before := r.hash(cb)
			for _, link := range cb.Links {
				for use, err := range r.uses(r.link(cb, link.Name)) {
					if !errors.Is(err, relay.ErrUnavailable) {
						t.Errorf("%s, guard %s, %s of %s: %v, want ErrUnavailable", state, guard, use, link.Name, err)
					}
				}
			}
			if diff := cmp.Diff(before, r.hash(cb)); diff != "" {
				t.Errorf("%s, guard %s: changed:\n%s", state, guard, diff)
			}
		}
	}
}

// Only the link is guarded, not its callback: other links work as before, and so
// does a link whose third element is null.
func testUnguardedBesideGuarded(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", func(reg *relay.Registration) {
		reg.Links = map[string]relay.LinkRequest{"a": webhookLink, "b": webhookLink, "c": webhookLink}
	})
	r.guard(cb, "b", `"sender"`)
	r.guard(cb, "c", `null`)
	if _, err := r.Answer(t.Context(), r.link(cb, "b"), success(`1`), nil); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("guarded: %v", err)
	}
	if got, err := r.Answer(t.Context(), r.link(cb, "c"), success(`1`), nil); err != nil || got.Delivery == nil {
		t.Errorf("not guarded: %+v, %v", got, err)
	}
}

// A guard stays when this release rewrites the registration with another deadline
// or one more link, even if the guarded link itself was added later.
func testGuardStays(t *testing.T, r *redisUnderTest) {
	cb := r.register("task", approvals)
	added, err := r.AddLink(t.Context(), cb.ID, "done", webhookLink, func(relay.Callback, *relay.Approval) error { return nil })
	r.must(err)
	r.guard(cb, "yes", `{"sender":"x"},null,["more"]`)
	r.guard(cb, "dana", `null`)
	r.guard(cb, "done", `"y",null,["more"]`)
	_, err = r.AddLink(t.Context(), cb.ID, "more", webhookLink, func(relay.Callback, *relay.Approval) error { return nil })
	r.must(err)
	_, err = r.Reschedule(t.Context(), cb.ID, relay.Expires{In: maxExpiry / 2}, maxExpiry)
	r.must(err)
	var kept struct{ Links, Added [][]json.RawMessage }
	_, text, _ := strings.Cut(r.hash(cb)["registration"], "{")
	r.must(json.Unmarshal([]byte("{"+text), &kept))
	found := map[string]string{}
	for _, link := range append(kept.Links, kept.Added...) {
		if len(link) > 2 {
			for _, element := range link[2:] {
				found[string(link[0])] += string(element) + ";"
			}
		}
	}
	if diff := cmp.Diff(map[string]string{`"yes"`: `{"sender":"x"};null;["more"];`, `"dana"`: "null;", `"done"`: `"y";null;["more"];`}, found); diff != "" {
		t.Errorf("the guards (-want +got):\n%s", diff)
	}
	if _, err := r.Answer(t.Context(), r.at(cb, added.Link), success(`1`), nil); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("guarded: %v", err)
	}
	// A registration without the guard is not a repetition of one with the guard.
	if _, _, err := r.Create(t.Context(), registration("task", approvals), maxExpiry); !errors.Is(err, relay.ErrSettingsDiffer) {
		t.Errorf("registered again, without the guard: %v", err)
	}
}
