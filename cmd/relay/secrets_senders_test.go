package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"callback-relay/api"
)

// provenSenders posts to links with senders and outcomes: what is not proven, not wanted, cannot be
// judged or is too long, and what completes the task. The sender's secret, the vars, the
// expressions and the events stay inside; only the history shows ids of events.
func provenSenders(h *hunt) {
	const secret, wanted, condition = "sender-4711-canary-secret", "order-4711-canary", "condition-4711-canary"
	h.guard("a sender's secret", secret)
	h.guard("a var", wanted)
	h.guard("an expression", condition)
	c := h.register(func(r *api.CreateRequest) {
		r.Links = map[string]api.LinkRequest{"done": {
			Type: api.LinkWebhook, Sender: json.RawMessage(`{"preset":"header-secret","secret":"` + secret + `"}`),
			Vars: map[string]json.RawMessage{"order": json.RawMessage(`"` + wanted + `"`)},
			Outcomes: []api.EventOutcome{
				{When: "body.note == '" + condition + "'", Do: api.DoIgnore},
				{When: "body.order != vars.order", Do: api.DoIgnore},
				{When: "body.n + 1 == 1", Schema: json.RawMessage(`{"properties":{"n":{"const":"` + condition + `"}}}`), Do: api.DoIgnore},
				{Do: api.DoSucceed, Output: json.RawMessage(`"/result"`)},
			},
		}}
	})
	post := func(header, body string, status int) {
		h.Helper()
		got := h.note(h.request(c.Links["done"].URL, http.MethodPost, body, "Content-Type", "application/json", "X-Callback-Secret", header))
		if got.status != status {
			h.Errorf("%.60q: %d %s, want %d", body, got.status, got.body, status)
		}
	}
	post("", c.payload, http.StatusUnauthorized)
	post(secret+"x", c.payload, http.StatusUnauthorized)
	post(c.payload, secret, http.StatusUnauthorized)
	post(secret, c.payload[1:], http.StatusBadRequest)
	post(secret, strings.Repeat(c.payload, 100_000), http.StatusRequestEntityTooLarge)
	post(secret, c.payload, http.StatusUnprocessableEntity) // nothing at /result
	post(secret, `{"order":"another","result":`+c.payload+`}`, http.StatusOK)
	post(secret, `{"order":"`+wanted+`","n":"text","result":`+c.payload+`}`, http.StatusUnprocessableEntity)
	post(secret, `{"order":"`+wanted+`","n":0,"result":`+c.payload+`}`, http.StatusOK)
	post(secret, `{"order":"`+wanted+`","n":1,"result":`+c.payload+`}`, http.StatusOK)
	h.wantOutput(c.task, c.payload)
	for _, path := range []string{"", "/history"} {
		request, err := http.NewRequestWithContext(h.Context(), http.MethodGet,
			"http://"+h.next().ports.private.Addr().String()+"/v1/callbacks/"+c.ID+path, nil)
		h.must(err)
		request.Header.Set("Authorization", "Bearer "+testAPIKey)
		response, err := h.http.RoundTrip(request)
		h.must(err)
		if response.StatusCode != http.StatusOK {
			h.Errorf("%s: %d", path, response.StatusCode)
		}
		h.searchDocument(read(h, response))
	}
}
