package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"callback-relay/api"
)

// hooksAndAwaits posts to hooks and awaits their events: what is not proven, kept, given,
// ignored or too long, and requests that test a URL or seem to. The secrets of the sender,
// the URLs, the keys and the events stay inside.
func hooksAndAwaits(h *hunt) {
	const key, later = "await-4711-canary-key", "await-4712-canary-key"
	h.replicas = []*replica{h.serve(nil, h.hooked())}
	h.guard("a sender's secret", hookSecret)
	h.guard("a verify token", verifyToken)
	h.guard("the key of an await", key)
	h.guard("the key of an await", later)
	for _, hook := range []string{"open", "proven", "meta"} {
		h.guard("the URL of a hook", linkKey(h.hookURL(hook)))
	}
	awaits := func(key string) canary {
		return h.register(func(r *api.CreateRequest) {
			r.Links = map[string]api.LinkRequest{"other": {Type: api.LinkWebhook}}
			r.Awaits = map[string]api.AwaitRequest{"paid": {
				Sender: "proven", Key: json.RawMessage(`"` + key + `"`),
				Outcomes: []api.EventOutcome{{When: "has(body.paid)", Do: api.DoSucceed, Output: json.RawMessage(`"/paid"`)}},
			}}
		})
	}
	post := func(secret, body string, status int) {
		h.Helper()
		got := h.note(h.request(h.hookURL("proven"), http.MethodPost, body, "Content-Type", "application/json", "X-Callback-Secret", secret))
		if got.status != status {
			h.Errorf("%.60q: %d %s, want %d", body, got.status, got.body, status)
		}
	}
	first := awaits(key)
	event := func(key, member string, c canary) string {
		return `{"id":"` + key + `","` + member + `":` + c.payload + `}`
	}
	post("", event(key, "paid", first), http.StatusUnauthorized)
	post(hookSecret+"x", event(key, "paid", first), http.StatusUnauthorized)
	post(hookSecret, event(key, "paid", first)[1:], http.StatusOK)                 // no JSON
	post(hookSecret, `{"id":["`+key+`"],"paid":`+first.payload+`}`, http.StatusOK) // no key
	post(hookSecret, event(key, "other", first), http.StatusOK)
	post(hookSecret, strings.Repeat(first.payload, 10_000), http.StatusOK) // too large for an event
	post(hookSecret, strings.Repeat(first.payload, 40_000), http.StatusRequestEntityTooLarge)
	post(hookSecret, event(key, "paid", first), http.StatusOK)
	h.eventually("the event is given", func() bool { return h.get(first.task).State == "delivered" })
	h.wantOutput(first.task, first.payload)

	second := awaits(key + "-of-nobody")
	post(hookSecret, event(later, "paid", second), http.StatusOK) // kept
	h.search("redis", h.dump())
	kept, err := h.next().client.Events(h.Context(), "proven", 10)
	h.must(err)
	if kept.Total != 2 {
		h.Errorf("kept events: %+v", kept)
	}
	listed, err := json.Marshal(kept)
	h.must(err)
	h.search("the list of kept events", string(listed))

	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
		for _, hook := range []string{"open", "proven", "meta", "nobody"} {
			h.note(h.request(h.hookURL(hook)+"?hub.mode=subscribe&hub.verify_token="+later+"&hub.challenge=1", method, ""))
		}
	}
	got := h.note(h.request(h.hookURL("meta")+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token="+strings.ReplaceAll(verifyToken, " ", "+"), "GET", ""))
	if got.status != http.StatusOK {
		h.Errorf("meta: %d %s", got.status, got.body)
	}
}
