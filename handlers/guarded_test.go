package handlers_test

import (
	"maps"
	"net/http"
	"net/url"
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

// guard guards every link, as a later release stores it.
func (k task) guard() {
	registration := k.stored()["registration"]
	for link := range k.Links {
		at := strings.Index(registration, `["`+link+`","`)
		end := at + strings.Index(registration[at:], "]")
		registration = registration[:end] + `,"sender"` + registration[end:]
	}
	k.n.redis.HSet(k.stored()["key"], "registration", registration)
}

// guardedLinks are all types of link. What they show and tell is "for the sender
// only".
const guardedLinks = `{"default":{"type":"webhook","response":{"text":"for the sender only"}},` +
	`"yes":{"type":"success","response":{"text":"for the sender only"}},` +
	`"no":{"type":"failure","error":"E","response":{"text":"for the sender only"}},` +
	`"beat":{"type":"heartbeat","response":{"text":"for the sender only"}},` +
	`"dana":{"type":"approval","approver":"Dana","response":{"text":"for the sender only"}},` +
	`"lee":{"type":"approval","approver":"Lee"},` +
	`"go":{"type":"success","page":true,"title":"for the sender only"},` +
	`"stop":{"type":"failure","error":"E","page":true},"alive":{"type":"heartbeat","page":true}}`

// During the next rollout this release runs beside one that guards links. Through
// such a link nothing ends the callback here, and nothing is told about it, whatever
// its state, and whatever is posted: the sender is told to come back, and gets to the
// other release.
func TestGuardedLinks(t *testing.T) {
	pages := map[string]string{"dana": "approved", "lee": "approved", "go": "confirmed", "stop": "confirmed", "alive": "confirmed"}
	for state, end := range map[string]func(k task, submit func(link string)){
		"waiting": func(task, func(string)) {},
		"answered by a webhook": func(k task, _ func(string)) {
			k.n.post(k.path("default"), "application/json", `{"a":1}`).is(http.StatusOK)
		},
		"answered by success": func(k task, _ func(string)) { k.n.post(k.path("yes"), "", "").is(http.StatusOK) },
		"answered by failure": func(k task, _ func(string)) { k.n.post(k.path("no"), "", "").is(http.StatusOK) },
		"confirmed on a page": func(_ task, submit func(string)) { submit("go") },
		"failed on a page":    func(_ task, submit func(string)) { submit("stop") },
		"one of two decided":  func(_ task, submit func(string)) { submit("dana") },
		"two of two decided":  func(_ task, submit func(string)) { submit("dana"); submit("lee") },
		"cancelled":           func(k task, _ func(string)) { k.n.call(http.MethodDelete, "/v1/callbacks/"+k.ID, "").is(http.StatusOK) },
		"refused by Step Functions": func(k task, _ func(string)) {
			k.n.redis.HSet(k.stored()["key"], "state", "refused", "reason", "TaskTimedOut")
		},
		"over time": func(k task, _ func(string)) {
			created, rest, _ := strings.Cut(k.stored()["registration"], " ")
			_, spec, _ := strings.Cut(rest, " ")
			k.n.redis.HSet(k.stored()["key"], "registration", created+" "+created+" "+spec)
		},
		"with all links closed": func(k task, _ func(string)) {
			for link := range k.Links {
				k.n.call(http.MethodDelete, "/v1/callbacks/"+k.ID+"/links/"+link, "").is(http.StatusOK)
			}
		},
	} {
		t.Run(state, func(t *testing.T) {
			n := start(t)
			k := n.register("links", guardedLinks, "approval", `{"title":"for the sender only","required":2}`)
			nonces := map[string]string{}
			for link := range pages {
				_, nonces[link] = k.open(link)
			}
			submit := func(link string) answer {
				return k.submit(link, url.Values{"nonce": {nonces[link]}, "decision": {pages[link]}})
			}
			end(k, func(link string) { submit(link).is(http.StatusOK) })
			k.guard()
			before, calls := k.stored(), n.aws.Calls().Total()

			tells := func(what string, got answer) {
				if strings.Contains(string(got.body), "for the sender only") {
					t.Errorf("%s is told of it, with status %d", what, got.status)
				}
			}
			for what, headers := range map[string][]string{"an answer": nil, "a handshake": {"X-GitHub-Event", "ping"}} {
				for _, link := range []string{"default", "yes", "no", "beat"} {
					got := n.post(k.path(link), "application/json", `{"a":1}`, headers...)
					if got.isProblem(http.StatusServiceUnavailable, "unavailable"); got.header.Get("Retry-After") == "" {
						t.Errorf("%s through %s: no Retry-After", what, link)
					}
					tells(what+" through "+link, got)
				}
			}
			for link := range pages {
				got := n.do(http.MethodGet, "http://"+n.public+k.path(link), "", "Accept", "text/html")
				got.is(http.StatusServiceUnavailable)
				tells("who opens "+link, got)
				got = submit(link)
				got.is(http.StatusServiceUnavailable)
				tells("who submits "+link, got)
			}
			if after := k.stored(); !maps.Equal(before, after) {
				t.Errorf("was %v, is %v", before, after)
			}
			if made := n.aws.Calls().Total() - calls; made != 0 {
				t.Errorf("%d calls of Step Functions", made)
			}
		})
	}
}
