package main

import (
	"encoding/json"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// awaitRequests are the exchanges about hooks, on the private listener.
func (c *contract) awaitRequests() []exchange {
	c.Helper()
	register := func(awaits string, want int) exchange {
		return exchange{
			method: "POST", target: "/v1/callbacks", header: asJSON, want: want,
			body: `{"taskToken": "` + c.steps.NewTask(standin.TaskOptions{}) + `", "awaits": ` + awaits + `}`,
		}
	}
	awaits := c.register(func(r *api.CreateRequest) {
		r.Awaits = map[string]api.AwaitRequest{"done": {Sender: "builds", Key: json.RawMessage("42"), Otherwise: api.DoSucceed}}
	})
	kept := c.keptEvents()
	const callbacks, events = "/v1/callbacks", "/v1/senders/builds/events"
	one := events + "/" + kept[0].Key + "/" + kept[0].Event
	rows := []exchange{
		register(`{"done": {"sender": "builds", "key": 43, "vars": {"a": 1}, "outcomes": [{"when": "vars.a == 1", "do": "succeed"}], "otherwise": "succeed", "envelope": {}}}`, 201),
		invalid(register(`{"done": {"sender": "builds", "key": 1.5}}`, 400)),
		invalid(register(`{"done": {"sender": "builds", "key": ""}}`, 400)),
		invalid(register(`{"done": {"sender": "builds"}}`, 400)),
		invalid(register(`{"done": {"sender": {"preset": "stripe"}, "key": "k"}}`, 400)),
		invalid(register(`{"Done": {"sender": "builds", "key": "k"}}`, 400)),
		invalid(register(`{"done": {"sender": "builds", "key": "k", "type": "webhook"}}`, 400)),
		register(`{"done": {"sender": "nobody", "key": "k"}}`, 400),
		{method: "GET", target: callbacks + "/" + awaits.ID, want: 200},
		{method: "GET", target: callbacks + "?await=builds:42", want: 200},
		{method: "GET", target: callbacks + "?await=nobody:42", want: 200},
		{method: "GET", target: callbacks + "?await=no%20body:42", want: 400, invalid: true},
		{method: "GET", target: callbacks + "?await=builds", want: 400, invalid: true},
		{method: "GET", target: callbacks + "?await=builds:42&limit=2&state=pending&tag=a:b", want: 200},
		{method: "DELETE", target: callbacks + "/" + awaits.ID + "/links/done", want: 200},
		{method: "GET", target: "/v1/senders", want: 200},
		stranger(exchange{method: "GET", target: "/v1/senders", want: 401}),
		{method: "GET", target: events, want: 200},
		{method: "GET", target: events + "?limit=1", want: 200},
		{method: "GET", target: events + "?limit=101", want: 400, invalid: true},
		{method: "GET", target: "/v1/senders/nobody/events", want: 404},
		stranger(exchange{method: "GET", target: events, want: 401}),
		stranger(exchange{method: "DELETE", target: one, want: 401}),
		{method: "DELETE", target: one, want: 204},
		{method: "DELETE", target: one, want: 404},
		invalid(exchange{method: "DELETE", target: events + "/x/y", want: 404}),
		stranger(exchange{method: "DELETE", target: events, want: 401}),
		{method: "DELETE", target: events, want: 200},
		{method: "DELETE", target: "/v1/senders/nobody/events", want: 404},
	}
	return rows
}

// keptEvents posts two events that nobody waits for, and returns them.
func (c *contract) keptEvents() []api.KeptEvent {
	c.Helper()
	ctx, relay := c.Context(), c.next().client
	list, err := relay.Senders(ctx)
	c.must(err)
	for _, sender := range list.Senders {
		for _, body := range []string{`{"build": "a"}`, `{"build": "b"}`} {
			if sender.Name == "builds" {
				c.post(sender.Hook.URL, body)
			}
		}
	}
	kept, err := relay.Events(ctx, "builds", 0)
	c.must(err)
	if len(kept.Events) != 2 {
		c.Fatalf("kept: %+v", kept)
	}
	return kept.Events
}
