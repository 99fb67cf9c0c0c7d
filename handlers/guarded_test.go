package handlers_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"callback-relay/relay"
)

// stored is the hash of a callback.
func (k task) stored() map[string]string {
	k.n.t.Helper()
	id := relay.CallbackID(k.ID)
	for _, key := range k.n.redis.Keys() {
		if strings.HasSuffix(key, "cb:"+string(id)) {
			fields, all := map[string]string{}, must1(k.n.redis.HKeys(key))(k.n.t)
			for _, field := range all {
				fields[field] = k.n.redis.HGet(key, field)
			}
			fields["key"] = key
			return fields
		}
	}
	k.n.t.Fatal("the callback is not stored")
	return nil
}

func must1[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		must(t, err)
		return value
	}
}

// During the next rollout this release runs beside one that guards links. Here, nothing
// that is posted through a guarded link ends the callback: the sender is told to try
// again, and then reaches the other release.
func TestGuardedLinks(t *testing.T) {
	n := start(t)
	const links = `{"default":{"type":"webhook"},"yes":{"type":"success"},"no":{"type":"failure","error":"E"},"beat":{"type":"heartbeat"},` +
		`"dana":{"type":"approval","title":"T","approver":"Dana"},"go":{"type":"success","page":true,"title":"T"},` +
		`"stop":{"type":"failure","error":"E","page":true,"title":"T"},"alive":{"type":"heartbeat","page":true,"title":"T"}}`
	k := n.register("links", links)
	pages := map[string]string{"dana": "approved", "go": "confirmed", "stop": "confirmed", "alive": "confirmed"}
	nonces := map[string]string{}
	for link := range pages {
		_, nonces[link] = k.open(link)
	}
	registration := k.stored()["registration"]
	for _, link := range slices.Sorted(maps.Keys(k.Links)) {
		at := strings.Index(registration, `["`+link+`","`)
		end := at + strings.Index(registration[at:], "]")
		registration = registration[:end] + `,"sender"` + registration[end:]
	}
	n.redis.HSet(k.stored()["key"], "registration", registration)
	before, calls := k.stored(), n.aws.Calls().Total()

	for what, headers := range map[string][]string{"an answer": nil, "a handshake": {"X-GitHub-Event", "ping"}} {
		for _, link := range []string{"default", "yes", "no", "beat"} {
			got := n.post(k.path(link), "application/json", `{"a":1}`, headers...)
			if got.isProblem(http.StatusServiceUnavailable, "unavailable"); got.header.Get("Retry-After") == "" {
				t.Errorf("%s through %s: no Retry-After", what, link)
			}
		}
	}
	for link, decision := range pages {
		k.submit(link, url.Values{"nonce": {nonces[link]}, "decision": {decision}}).is(http.StatusServiceUnavailable)
	}
	if after := k.stored(); !maps.Equal(before, after) {
		t.Errorf("was %v, is %v", before, after)
	}
	if made := n.aws.Calls().Total() - calls; made != 0 {
		t.Errorf("%d calls of Step Functions", made)
	}
}
