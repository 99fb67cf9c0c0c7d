package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/migrations"
)

// manyKinds has a link of each kind, for machines and for people.
func manyKinds(r *api.CreateRequest) {
	forPeople(r)
	maps.Copy(r.Links, map[string]api.LinkRequest{
		"default": {Type: api.LinkWebhook}, "beat": {Type: api.LinkHeartbeat}, "still": {Type: api.LinkHeartbeat, Page: true},
		"done": {Type: api.LinkSuccess}, "yes": {Type: api.LinkSuccess, Page: true},
		"failed": {Type: api.LinkFailure, Error: "E"}, "no": {Type: api.LinkFailure, Error: "E", Page: true},
	})
}

// Row 75: a task token is registered, cancelled, forgotten, and registered again.
// The earlier links get 404, whether or not there is such a link now.
func TestEarlierRegistration(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		first := w.register(manyKinds)
		_, err := w.next().client.Cancel(t.Context(), first.ID)
		w.must(err)
		for name, change := range map[string]func(*api.CreateRequest){
			"one approval": func(r *api.CreateRequest) {
				forPeople(r)
				r.Links = map[string]api.LinkRequest{"default": r.Links["dana"]}
			},
			"the same": manyKinds,
		} {
			w.wipe()
			cb, created, err := w.next().client.Create(t.Context(), again(first, change))
			if err != nil || !created || cb.ID != first.ID {
				t.Fatalf("registered anew: %s, created %v, %v", cb.ID, created, err)
			}
			before := w.hash(first)
			for link := range first.Links {
				w.leadsNowhere(name+": "+link, first.Links[link].URL)
			}
			if after := w.hash(first); !maps.Equal(before, after) {
				t.Errorf("%s: stored %v, before %v", name, after, before)
			}
			if got := w.effects(first); len(got) != 0 {
				t.Errorf("%s: step functions took %v", name, got)
			}
		}
	})
}

// again registers a task token that was registered before.
func again(first task, change func(*api.CreateRequest)) api.CreateRequest {
	request := api.CreateRequest{TaskToken: first.token}
	change(&request)
	return request
}

// wipe empties Redis, and prepares it again.
func (w *world) wipe() {
	w.Helper()
	w.must(w.redis.FlushAll(w.Context()).Err())
	_, err := migrations.Up(w.Context(), w.redis, nil)
	w.must(err)
}

// hash is everything that Redis holds of a callback.
func (w *world) hash(t task) map[string]string {
	w.Helper()
	keys, err := w.redis.Keys(w.Context(), "*:cb:"+t.ID).Result()
	w.must(err)
	if len(keys) != 1 {
		w.Fatalf("%d hashes of the callback", len(keys))
	}
	fields, err := w.redis.HGetAll(w.Context(), keys[0]).Result()
	w.must(err)
	return fields
}

// leadsNowhere checks that every use of a link gets 404, like a forged link.
func (w *world) leadsNowhere(what, link string) {
	w.Helper()
	page := strings.Contains(link, "/a/")
	calls := []call{{link: link, body: strings.NewReader(`{"by":"a thief"}`)}}
	if page {
		form := "application/x-www-form-urlencoded"
		calls = []call{
			{link: link, method: http.MethodGet, body: http.NoBody},
			{link: link, contentType: form, body: strings.NewReader("decision=approved&approver=Thief&nonce=x")},
		}
	}
	for _, c := range calls {
		if got := w.send(w.next(), c); got.status != http.StatusNotFound || got.problem.Type != api.CodeNotFound {
			w.Errorf("%s, %s: %d %.200s", what, c.method, got.status, got.body)
		}
	}
}
