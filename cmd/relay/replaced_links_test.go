package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/relay"
)

// replace replaces a link with another of the same kind.
func (w *world) replace(t task, name string) api.Link {
	w.Helper()
	request := api.CreateRequest{}
	manyKinds(&request)
	link, err := w.next().client.AddLink(w.Context(), t.ID, api.AddLinkRequest{Name: name, LinkRequest: request.Links[name]})
	w.must(err)
	return link
}

// use uses a link as intended: as a sender, or as a person who presses a button on
// its page.
func (w *world) use(t task, name, link, decision string) answer {
	w.Helper()
	if !strings.Contains(link, "/a/") {
		return w.post(link, `{"by":"`+name+`"}`)
	}
	if t.Links[name].Type != api.LinkApproval {
		decision = relay.Confirmed
	}
	t.Links = map[string]api.Link{name: {URL: link, Type: t.Links[name].Type}}
	form := "nonce=" + w.nonce(t, name, 0) + "&decision=" + decision + "&approver=Kim"
	return w.request(link, http.MethodPost, form, asForm...)
}

// Row 82: leaked links are replaced one after another. No old link ever works again,
// whatever happens to the callback; every new one works.
func TestReplacedLinks(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		quorum := func(r *api.CreateRequest) {
			manyKinds(r)
			r.Approval.Required = 2 // no decision ends it
		}
		first := w.register(quorum)
		replaced := map[string]api.Link{}
		for name := range first.Links {
			replaced[name] = w.replace(first, name)
			if got := w.get(first).Links[name]; got != replaced[name] || got.URL == first.Links[name].URL {
				t.Errorf("%s: the relay shows %v, made was %v", name, got, replaced[name])
			}
		}
		deadFrom := func(when string, links map[string]api.Link, status int) {
			t.Helper()
			for name, link := range links {
				got := []answer{w.use(first, name, link.URL, "approved")}
				if strings.Contains(link.URL, "/a/") {
					got = append(got, w.request(link.URL, http.MethodGet, "", asPage...))
				}
				for _, got := range got {
					if got.status != status {
						t.Errorf("%s, link %s: %d %.300s", when, name, got.status, got.body)
					}
				}
			}
		}
		deadFrom("replaced", first.Links, http.StatusGone)
		w.wantNothing(first)
		for _, name := range []string{"beat", "still", "dana"} {
			if got := w.use(first, name, replaced[name].URL, "approved"); got.status != http.StatusOK {
				t.Errorf("the new link %s: %d %.300s", name, got.status, got.body)
			}
		}
		if cb := w.get(first); len(cb.Decisions) != 1 || cb.Decisions[0].By.Link != "dana" {
			t.Errorf("decisions %v", cb.Decisions)
		}
		_, err := w.next().client.Cancel(t.Context(), first.ID)
		w.must(err)
		deadFrom("cancelled", first.Links, http.StatusGone)
		deadFrom("cancelled", replaced, http.StatusGone)

		w.wipe() // as retention would, or worse
		for _, links := range []map[string]api.Link{first.Links, replaced} {
			deadFrom("forgotten", links, http.StatusNotFound)
		}
		_, _, err = w.next().client.Create(t.Context(), again(first, quorum))
		w.must(err)
		for _, links := range []map[string]api.Link{first.Links, replaced} {
			deadFrom("registered anew", links, http.StatusNotFound)
		}
		w.wantNothing(first)
	})
}

// Row 83: after a link was revoked or replaced, its answer or decision can still be
// repeated, but nothing else can be sent through it.
func TestRepeatedAfterRevocation(t *testing.T) {
	w := newWorld(t, startStandalone(t), 2)
	for _, name := range []string{"default", "done", "failed", "yes", "no", "dana"} {
		k := w.register(manyKinds)
		if first := w.use(k, name, k.Links[name].URL, "approved"); first.status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, first.status, first.body)
		}
		effects := w.effects(k)
		_, err := w.next().client.RevokeLink(t.Context(), k.ID, name)
		w.must(err)
		w.repeats(k, name, "You")
		if got := w.effects(k); len(got) != len(effects) {
			t.Errorf("%s: step functions took %v", name, got)
		}
	}
	// A decision that did not end the approval, through a link replaced afterwards.
	k := w.register(func(r *api.CreateRequest) {
		forPeople(r)
		r.Approval.Required = 2
		r.Approval.Message = "The secret of the page"
	})
	if got := w.use(k, "dana", k.Links["dana"].URL, "approved"); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	next, err := w.next().client.AddLink(t.Context(), k.ID, api.AddLinkRequest{
		Name: "dana", LinkRequest: api.LinkRequest{Type: api.LinkApproval, Approver: api.Approver{Name: "Kim Sato"}},
	})
	w.must(err)
	w.repeats(k, "dana", "You")
	if got := w.use(k, "dana", next.URL, "approved"); got.status != http.StatusOK || len(w.effects(k)) != 1 {
		t.Errorf("whoever took over: %d, effects %v", got.status, w.effects(k))
	}
	w.repeats(k, "dana", "You")
}

// repeats checks that the post through a closed link can be repeated.
func (w *world) repeats(k task, name, yours string) {
	w.Helper()
	link := k.Links[name].URL
	repeated := w.use(k, name, link, "approved")
	if strings.Contains(link, "/c/") {
		if repeated.status != http.StatusOK || !repeated.Duplicate {
			w.Errorf("%s repeated: %d %s", name, repeated.status, repeated.body)
		}
	} else if repeated.status != http.StatusOK || !strings.Contains(repeated.body, yours) || strings.Contains(repeated.body, "secret") {
		w.Errorf("%s repeated: %d %.400s", name, repeated.status, repeated.body)
	}
	others := map[string]answer{"looked at": w.request(link, http.MethodGet, "", asPage...)}
	switch name {
	case "default":
		others = map[string]answer{"other bytes": w.post(link, `{"by":"somebody else"}`)}
	case "done", "failed":
		others = nil
	case "dana":
		others["another decision"] = w.use(k, name, link, "rejected")
	}
	for what, got := range maps.All(others) {
		if got.status != http.StatusGone {
			w.Errorf("%s, %s: %d %.300s", name, what, got.status, got.body)
		}
	}
}
