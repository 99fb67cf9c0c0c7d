package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// A few headers, as [exchange] takes them.
var (
	asJSON  = []string{"Content-Type", "application/json"}
	asImage = []string{"Content-Type", "image/png"}
)

// requests are the exchanges while everything works.
func (c *contract) requests() []exchange {
	const callbacks = "/v1/callbacks"
	known := callbacks + "/" + c.pending.ID
	unknown := callbacks + "/" + strings.Repeat("a", 26)
	overAll := strings.Repeat("x", 512<<10)
	task := func() string { return c.steps.NewTask(standin.TaskOptions{}) }
	register := func(body string, want int) exchange {
		return exchange{method: "POST", target: callbacks, header: asJSON, body: body, want: want}
	}
	full := `{"taskToken": "` + task() + `", "expiresIn": "7d", "onExpiry": "ignore", "tags": {"order": "42"},
		"links": {"default": {"type": "webhook"}, "progress": {"type": "heartbeat"}}}`
	rows := []exchange{
		register(full, 201),
		register(full, 200),
		register(`{"taskToken": "`+task()+`", "expiresAt": "`+c.pending.ExpiresAt.Format("2006-01-02T15:04:05-07:00")+`"}`, 201),
		register(strings.Replace(full, "ignore", "fail", 1), 409),
		register(`{"taskToken": "`+strings.Repeat("t", 2048)+`"}`, 201),
		invalid(register(`{"taskToken": "`+strings.Repeat("t", 2049)+`"}`, 400)),
		invalid(register(`{"taskToken": "t", "links": {"expiry": {"type": "webhook"}}}`, 400)),
		invalid(register(`{"taskToken": "t", "links": {"default": {"type": "page"}}}`, 400)),
		invalid(register(`{"taskToken": "t", "links": {"dana": {"type": "approval", "approver": ""}}, "approval": {"confirm": "twice"}}`, 400)),
		register(`{"taskToken": "t", "links": {"dana": {"type": "approval"}}, "approval": {"required": 2}}`, 400),
		invalid(register(`{"taskToken": "t", "links": {"dana": {"type": "approval"}}, "approval": {"title": "?", "choices": [{"value": "Later", "label": "Later"}]}}`, 400)),
		register(`{"taskToken": "t", "links": {"dana": {"type": "approval"}}, "approval": {"title": "?", "choices": [{"value": "a", "label": "A"}, {"value": "b", "label": "a"}]}}`, 400),
		invalid(register(`{"taskToken": "t", "tags": {"a b": ""}}`, 400)),
		invalid(register(`{"taskToken": "t", "expiresIn": "1h", "expiresAt": "2030-01-31T12:00:00Z"}`, 400)),
		invalid(register(`{"taskToken": "t", "priority": 1}`, 400)),
		invalid(register(`{"taskToken": 1}`, 400)),
		invalid(register(`{}`, 400)),
		invalid(register(`{"taskToken"`, 400)),
		invalid(register(`{"taskToken": "`+overAll+`"}`, 413)),
		invalid(exchange{method: "POST", target: callbacks, header: asImage, body: full, want: 415}),
		stranger(register(full, 401)),

		{method: "GET", target: callbacks, want: 200},
		{method: "GET", target: callbacks + "?state=pending&tag=order:42&limit=1", want: 200},
		{method: "GET", target: callbacks + "?limit=101", want: 400, invalid: true},
		{method: "GET", target: callbacks + "?state=sleeping", want: 400, invalid: true},
		{method: "GET", target: callbacks + "?tag=order", want: 400, invalid: true},
		{method: "GET", target: callbacks + "?limit=1&colour=red", want: 400},
		stranger(exchange{method: "GET", target: callbacks, want: 401}),

		{method: "GET", target: known, want: 200},
		{method: "GET", target: callbacks + "/" + c.delivered.ID, want: 200},
		{method: "GET", target: callbacks + "/" + c.cancelled.ID, want: 200},
		{method: "GET", target: callbacks + "/" + c.expired.ID, want: 200},
		{method: "GET", target: unknown, want: 404},
		{method: "GET", target: callbacks + "/pay-4711", want: 404, invalid: true},
		stranger(exchange{method: "GET", target: known, want: 401}),

		{method: "DELETE", target: callbacks + "/" + c.cancelled.ID, want: 200},
		{method: "DELETE", target: callbacks + "/" + c.delivered.ID, want: 409},
		{method: "DELETE", target: callbacks + "/" + c.expired.ID, want: 410},
		{method: "DELETE", target: unknown, want: 404},
		stranger(exchange{method: "DELETE", target: known, want: 401}),

		{method: "GET", target: "/healthz", want: 200},
		{method: "GET", target: publicURL + "/healthz", want: 200},
		{method: "GET", target: publicURL + "/healthz?nonce=0123456789abcdef", want: 200},
		invalid(exchange{method: "GET", target: publicURL + "/healthz?nonce=short", want: 400}),
		{method: "GET", target: "/readyz", want: 200},
		{method: "GET", target: "/metrics", want: 200},
		{method: "GET", target: "/metrics", header: []string{"Accept", "application/openmetrics-text"}, want: 200},
		{method: "GET", target: "/openapi.yaml", want: 200},
		{method: "GET", target: publicURL + "/robots.txt", want: 200},
	}
	rows = append(rows, c.examples()...)
	rows = append(rows, c.referenceRequests()...)
	rows = append(rows, c.changeRequests()...)
	rows = append(rows, c.awaitRequests()...)
	rows = append(rows, c.linkRequests()...)
	rows = append(rows, c.hookRequests()...)
	return append(rows, c.pageRequests()...)
}

// examples are the registrations in the document, each for its own task. Authors of
// workflows copy them.
func (c *contract) examples() []exchange {
	c.Helper()
	var rows []exchange
	shown := c.doc.Paths.Value("/v1/callbacks").Post.RequestBody.Value.Content["application/json"].Examples
	for name, example := range shown {
		request := example.Value.Value.(map[string]any)
		request["taskToken"] = c.steps.NewTask(standin.TaskOptions{})
		if request["expiresAt"] != nil {
			request["expiresAt"] = c.pending.ExpiresAt // whatever is written there will have passed one day
		}
		body, err := json.Marshal(request)
		c.must(err)
		if len(body) < 50 {
			c.Errorf("example %s is %s", name, body)
		}
		rows = append(rows, exchange{
			method: "POST", target: "/v1/callbacks", header: asJSON, body: string(body), want: http.StatusCreated,
		})
	}
	return rows
}

// changeRequests are the exchanges that change a callback.
func (c *contract) changeRequests() []exchange {
	at := func(t task, below string) string { return "/v1/callbacks/" + t.ID + below }
	unknown := task{Callback: api.Callback{ID: strings.Repeat("a", 26)}}
	update := func(t task, body string, want int) exchange {
		return exchange{method: "PATCH", target: at(t, ""), header: asJSON, body: body, want: want}
	}
	revoke := func(t task, name string, want int) exchange {
		return exchange{method: "DELETE", target: at(t, "/links/"+name), want: want}
	}
	add := func(t task, body string, want int) exchange {
		return exchange{method: "POST", target: at(t, "/links"), header: asJSON, body: body, want: want}
	}
	const kim = `{"name": "kim", "type": "approval", "approver": "Kim Sato"}`
	const longer = `{"expiresIn": "2d"}`
	later := `{"expiresAt": "` + c.pending.ExpiresAt.Add(time.Hour).Format(time.RFC3339) + `"}`
	return []exchange{
		{method: "GET", target: at(c.pending, "/history"), want: 200},
		{method: "GET", target: at(unknown, "/history"), want: 404},
		stranger(exchange{method: "GET", target: at(c.pending, "/history"), want: 401}),
		update(c.pending, longer, 200),
		update(c.asked, later, 200),
		update(c.pending, `{"expiresIn": "9999d"}`, 400),
		update(c.pending, `{"expiresAt": "2001-01-01T00:00:00Z"}`, 400),
		invalid(update(c.pending, `{"expiresIn": "1h", "expiresAt": "2099-01-31T12:00:00Z"}`, 400)),
		invalid(update(c.pending, `{}`, 400)),
		invalid(update(c.pending, `{"onExpiry": "ignore"}`, 400)),
		invalid(update(c.pending, `{`, 400)),
		stranger(update(c.pending, longer, 401)),
		update(unknown, longer, 404),
		update(c.delivered, longer, 409),
		update(c.cancelled, longer, 410),
		update(c.expired, longer, 410),
		update(c.pending, `{"expiresIn": "`+strings.Repeat("x", 512<<10)+`"}`, 413),
		invalid(exchange{method: "PATCH", target: at(c.pending, ""), header: asImage, body: longer, want: 415}),

		add(c.asked, kim, 201),
		add(c.asked, kim, 201),
		add(c.pending, `{"name": "failed", "type": "failure", "error": "Import.Failed"}`, 201),
		add(c.pending, kim, 400), // was registered without an approval
		invalid(add(c.asked, `{"name": "Kim!", "type": "approval"}`, 400)),
		invalid(add(c.asked, `{"name": "expiry", "type": "webhook"}`, 400)),
		invalid(add(c.asked, `{"name": "kim"}`, 400)),
		invalid(add(c.asked, `{`, 400)),
		stranger(add(c.asked, kim, 401)),
		add(unknown, kim, 404),
		add(c.delivered, kim, 409),
		add(c.cancelled, kim, 410),
		add(c.expired, kim, 410),
		invalid(add(c.asked, `{"name": "kim", "type": "approval", "approver": "`+strings.Repeat("x", 512<<10)+`"}`, 413)),
		invalid(exchange{method: "POST", target: at(c.asked, "/links"), header: asImage, body: kim, want: 415}),

		revoke(c.asked, "kim", 200),
		revoke(c.asked, "kim", 200),
		revoke(c.delivered, "progress", 200),
		revoke(c.asked, "nobody", 404),
		invalid(revoke(c.asked, "No-Body", 404)),
		revoke(unknown, "kim", 404),
		stranger(revoke(c.asked, "dana", 401)),
	}
}

// linkRequests are the exchanges with the links of callbacks.
func (c *contract) linkRequests() []exchange {
	post := func(link, contentType, body string, want int) exchange {
		return stranger(exchange{
			method: "POST", target: link, body: body, want: want,
			header: []string{"Content-Type", contentType},
		})
	}
	answer := func(contentType, body string) exchange { return post(c.register().URL, contentType, body, 200) }
	pending := c.pending.URL
	fixed := c.register(func(r *api.CreateRequest) {
		r.Links = map[string]api.LinkRequest{
			"done":   {Type: api.LinkSuccess, Response: &api.LinkResponse{Text: "Thank you."}},
			"failed": {Type: api.LinkFailure, Error: "Import.Failed"},
			"closed": {Type: api.LinkSuccess},
		}
	})
	_, err := c.next().client.RevokeLink(c.Context(), fixed.ID, "closed")
	c.must(err)
	events := c.register(payments, func(r *api.CreateRequest) {
		r.Links["adds"] = api.LinkRequest{Type: api.LinkWebhook, Outcomes: []api.EventOutcome{{When: "body.a + 1 == 2", Do: api.DoSucceed}}}
	})
	press := func(link, accept string, want int) exchange {
		return stranger(exchange{method: "POST", target: fixed.Links[link].URL, header: []string{"Accept", accept}, want: want})
	}
	rows := []exchange{
		post(events.Links["paid"].URL, "application/json", `{"a": 1}`, 401),
		post(events.Links["adds"].URL, "application/json", `{"a": "text"}`, 422),
		post(events.Links["adds"].URL, "application/json", `{"a": 2}`, 200),
		press("done", "application/json", 200),
		press("done", "text/html", 200),
		press("done", "text/plain", 200),
		press("failed", "*/*", 409),
		press("closed", "*/*", 410),
		answer("application/json", `{"n": 12345678901234567890123}`),
		// The library reads no pattern such as application/*+json.
		answer("application/cloudevents+json", `{"specversion": "1.0"}`),
		answer("text/plain", `approved by telephone`),
		answer("application/x-www-form-urlencoded", `a=1&a=2&b=`),
		answer("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n"),
		answer("application/xml", `<a/>`),
		stranger(exchange{method: "POST", target: c.register().URL, want: 200}), // no body at all
		post(c.pending.Links["progress"].URL, "text/plain", ``, 200),
		post(c.delivered.URL, "application/json", `{}`, 200),
		post(c.delivered.URL, "application/json", `{"other": 1}`, 409),
		post(c.expired.URL, "application/json", `{}`, 410),
		post(c.cancelled.URL, "application/json", `{}`, 410),
		post(c.closed.URL, "application/json", `{}`, 410),
		post(forged(pending), "application/json", `{}`, 404),
		invalid(post(publicURL+"/c/guessed", "application/json", `{}`, 404)),
		invalid(post(pending, "application/json", `{"a": }`, 400)),
		post(pending, "application/json", `"`+strings.Repeat("x", 262_143)+`"`, 413),
		invalid(post(pending, "image/png", "\x89PNG", 415)),
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} {
		rows = append(rows, stranger(exchange{method: method, target: pending, want: http.StatusMethodNotAllowed}))
	}
	return rows
}

// forged changes a link in one character.
func forged(link string) string {
	at := len(link) - 2
	return link[:at] + string(otherThan(link[at])) + link[at+1:]
}

// requestsWithoutRedis are the exchanges while Redis is unavailable.
func (c *contract) requestsWithoutRedis() []exchange {
	known := "/v1/callbacks/" + c.pending.ID
	return []exchange{
		{method: "POST", target: "/v1/callbacks", header: asJSON, body: `{"taskToken": "t"}`, want: 503},
		{method: "GET", target: "/v1/callbacks", want: 503},
		{method: "GET", target: known, want: 503},
		{method: "GET", target: known + "/history", want: 503},
		{method: "GET", target: "/v1/callbacks?await=stripe:pi_3N", want: 503},
		{method: "GET", target: "/v1/senders", want: 200},
		{method: "GET", target: "/v1/senders/stripe/events", want: 503},
		{method: "DELETE", target: "/v1/senders/stripe/events", want: 503},
		{method: "DELETE", target: "/v1/senders/stripe/events/" + strings.Repeat("a", 26) + "/" + strings.Repeat("A", 26), want: 503},
		{method: "DELETE", target: known, want: 503},
		{method: "PATCH", target: known, header: asJSON, body: `{"expiresIn": "2d"}`, want: 503},
		{method: "DELETE", target: known + "/links/progress", want: 503},
		{method: "POST", target: known + "/links", header: asJSON, body: `{"name": "more", "type": "webhook"}`, want: 503},
		stranger(exchange{method: "GET", target: c.asked.Links["lee"].URL, header: asPage, want: 503}),
		stranger(exchange{method: "HEAD", target: c.asked.Links["lee"].URL, want: 503}),
		c.submit(c.asked, "lee", "nonce=x&decision=approved", 503),
		{method: "POST", target: c.pending.URL, header: asJSON, body: `{}`, want: 503},
		stranger(exchange{method: "POST", target: c.hookURL("open"), header: asJSON, body: `{"id": "k"}`, want: 503}),
		{method: "GET", target: "/readyz", want: 503},
		{method: "GET", target: "/healthz", want: 200},
	}
}

// invalid marks a request that breaks the document.
func invalid(x exchange) exchange { x.invalid = true; return x }

// stranger marks a request without an API key.
func stranger(x exchange) exchange { x.stranger = true; return x }
