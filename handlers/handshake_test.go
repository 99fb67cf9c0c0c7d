package handlers_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// handshakes are posts by which senders test a URL, from their documentation or their own
// libraries, each with the reply that its sender expects.
var handshakes = []struct {
	name, query, contentType, body string
	headers                        []string
	status                         int
	wantType, want                 string // "" is our own JSON
	wantHeader                     [2]string
}{
	{name: "GitHub ping", contentType: "application/json", body: `{"zen":"Design for failure.","hook_id":1}`, headers: []string{"X-GitHub-Event", "ping"}},
	{name: "GitHub ping as a form", contentType: formContent, body: "payload=%7B%22zen%22%3A%22x%22%7D", headers: []string{"X-GitHub-Event", "ping"}},
	{
		name: "Slack", contentType: "application/json", body: `{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}`,
		wantType: "text/plain", want: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
	},
	{
		name: "SNS", contentType: "text/plain; charset=UTF-8", headers: []string{"X-Amz-Sns-Message-Type", "SubscriptionConfirmation"},
		body: `{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","SubscribeURL":"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"}`,
	},
	{
		name: "SNS, its header lost", contentType: "text/plain; charset=UTF-8",
		body: `{"Type":"UnsubscribeConfirmation","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","SubscribeURL":"https://sns.us-west-2.amazonaws.com/"}`,
	},
	{
		name: "Event Grid", contentType: "application/json", headers: []string{"Aeg-Event-Type", "SubscriptionValidation"},
		body:     `[{"id":"2d1781af","topic":"/subscriptions/x","data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6","validationUrl":"https://rp.example.net"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]`,
		wantType: "application/json", want: `{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}`,
	},
	{name: "Microsoft Graph", query: "?validationToken=Validation%3a+Testing+%3cb%3e", contentType: "text/plain", wantType: "text/plain", want: "Validation: Testing <b>"},
	{name: "Zoom", contentType: "application/json", body: `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`},
	{
		name: "Asana", headers: []string{"X-Hook-Secret", "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"},
		wantHeader: [2]string{"X-Hook-Secret", "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"},
	},
	{name: "Asana, a sign of life", contentType: "application/json", body: `{"events":[]}`, headers: []string{"X-Hook-Signature", "1d6207a814b8"}},
	{
		name: "Discord interactions", contentType: "application/json", body: `{"id":"1","application_id":"2","type":1,"version":1}`,
		headers: []string{"X-Signature-Ed25519", "00", "X-Signature-Timestamp", "1"}, wantType: "application/json", want: `{"type":1}`,
	},
	{name: "Discord events", contentType: "application/json", body: `{"version":1,"application_id":"2","type":0}`, headers: []string{"X-Signature-Ed25519", "00"}, status: http.StatusNoContent},
	{
		name: "Twitch", contentType: "application/json", body: `{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{}}`,
		headers: []string{"Twitch-Eventsub-Message-Type", "webhook_callback_verification"}, wantType: "text/plain", want: "pogchamp-kappa-360noscope-vohiyo",
	},
	{name: "Twitch revocation", contentType: "application/json", body: `{"subscription":{"status":"authorization_revoked"}}`, headers: []string{"Twitch-Eventsub-Message-Type", "revocation"}},
	{name: "monday", contentType: "application/json", body: `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`, wantType: "application/json", want: `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`},
	{name: "Notion", contentType: "application/json", body: `{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`},
	{
		name: "Dropbox Sign", contentType: multipartType, body: part(`name="json"`, `{"event":{"event_type":"callback_test","event_time":"1669926463","event_hash":"7a1c"}}`) + "--XX--",
		wantType: "text/plain", want: "Hello API Event Received",
	},
	{name: "Xero", contentType: "application/json", body: `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}`, headers: []string{"X-Xero-Signature", "HjkQ=="}, wantType: "-"},
	{name: "PagerDuty", contentType: "application/json", body: `{"event":{"id":"01","event_type":"pagey.ping","data":{"message":"Hello"}}}`, headers: []string{"X-PagerDuty-Signature", "v1=00"}},
	{name: "Intercom", contentType: "application/json", body: `{"type":"notification_event","topic":"ping","data":{"item":{"type":"ping"}}}`},
	{name: "Mandrill", contentType: formContent, body: "mandrill_events=%5B%5D", headers: []string{"X-Mandrill-Signature", "x="}},
}

// Rows 6 and 98: a handshake completes no task on any kind of link. The sender gets the
// reply that it expects, unless that needs a secret.
func TestHandshakes(t *testing.T) {
	n := start(t)
	for _, c := range handshakes {
		t.Run("row 98: "+c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register("links", `{"default":{"type":"webhook"},"done":{"type":"success"},"failed":{"type":"failure","error":"E"},"alive":{"type":"heartbeat"}}`)
			for _, link := range []string{"default", "done", "failed", "alive"} {
				got := n.post(k.path(link)+c.query, c.contentType, c.body, c.headers...)
				if again := n.chunked(k.path(link)+c.query, c.contentType, c.body, c.headers...); again.status != got.status || string(again.body) != string(got.body) {
					t.Errorf("%s: in chunks %d %q, else %d %q", link, again.status, again.body, got.status, got.body)
				}
				if c.status != 0 {
					got.is(c.status)
					continue
				}
				got.is(http.StatusOK)
				if gotType := got.header.Get("Content-Type"); c.wantType != "" && c.wantType != "-" && !strings.HasPrefix(gotType, c.wantType) {
					t.Errorf("%s: Content-Type %q, want %s", link, gotType, c.wantType)
				}
				want := c.want
				if c.wantType == "" {
					want = `{"id":"` + k.ID + `","status":"ignored"}`
				}
				if body := strings.TrimSuffix(string(got.body), "\n"); body != want {
					t.Errorf("%s: %q, want %q", link, body, want)
				}
				if name := c.wantHeader[0]; name != "" && got.header.Get(name) != c.wantHeader[1] {
					t.Errorf("%s: %s: %q", link, name, got.header.Get(name))
				}
			}
			if !n.metrics.told("answer handshake") || !strings.Contains(n.log.String(), "handshake answered") {
				t.Error("the handshake is not noted")
			}
			k.unharmed()
		})
	}
	for name, secret := range map[string]string{"Slack": "3eZbrw1a", "Asana": "b537207f", "Notion": "secret_tMrl"} {
		if strings.Contains(n.log.String(), secret) {
			t.Errorf("%s: what was sent is in the log", name)
		}
	}
}

// Row 98: a post that only resembles a handshake is an answer like any other.
func TestNoHandshakes(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		name, query, body string
		headers           []string
	}{
		{"a challenge among other things", "", `{"challenge":"accepted","by":"dana"}`, nil},
		{"GitHub, another event", "", `{"action":"completed"}`, []string{"X-GitHub-Event", "workflow_job"}},
		{"type 1 without a signature", "", `{"type":1}`, nil},
		{"an event of Discord", "", `{"version":1,"application_id":"1","type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}`, []string{"X-Signature-Ed25519", "00"}},
		{"type 2 of Discord", "", `{"type":2}`, []string{"X-Signature-Ed25519", "00"}},
		{"a text with a mark in it", "", `"url_verification"`, nil},
		{"a list of texts with a mark in it", "", `["url_verification","challenge"]`, nil},
		{"an SNS notification", "", `{"Type":"Notification","TopicArn":"x","SubscribeURL":"y"}`, []string{"X-Amz-Sns-Message-Type", "Notification"}},
		{"a query that says so, with a body", "?validationToken=x", `{"value":[]}`, nil},
		{"an event of Xero", "", `{"events":[{"eventType":"CREATE"}]}`, []string{"X-Xero-Signature", "x"}},
		{"an empty list of events of nobody", "", `{"events":[]}`, nil},
		{"an event of Event Grid", "", `[{"eventType":"x","data":{"validationCode":"1"}}]`, []string{"Aeg-Event-Type", "Notification"}},
		{"longer than any handshake", "", `{"type":"url_verification","challenge":"` + strings.Repeat("x", 20_000) + `"}`, nil},
	} {
		t.Run("row 98: "+c.name, func(t *testing.T) {
			k := n.on(t).register()
			n.on(t).post(k.path("default")+c.query, "application/json", c.body, c.headers...).is(http.StatusOK)
			k.gets(c.body)
		})
	}
}

// Row 98: a handshake after the answer still gets its reply. A handshake on an expired or
// cancelled link gets 410, and 503 if Redis is unavailable.
func TestHandshakeTooLate(t *testing.T) {
	n := start(t)
	k := n.register()
	ping := []string{"X-GitHub-Event", "ping"}
	k.post("application/json", `{}`).is(http.StatusOK)
	n.post(k.path("default"), "application/json", `{"zen":"x"}`, ping...).is(http.StatusOK)
	k.gets(`{}`)
	other := n.register()
	n.call(http.MethodDelete, "/v1/callbacks/"+other.ID, "").is(http.StatusOK)
	n.post(other.path("default"), "application/json", `{"zen":"x"}`, ping...).isProblem(http.StatusGone, "cancelled")
	n.redis.Close()
	n.post(k.path("default"), "application/json", `{"zen":"x"}`, ping...).isProblem(http.StatusServiceUnavailable, "unavailable")
}

// chunked posts a body of unknown length.
func (n *node) chunked(path, contentType, body string, headers ...string) answer {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, "http://"+n.public+path, io.MultiReader(strings.NewReader(body)))
	must(n.t, err)
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := n.client.Do(req)
	must(n.t, err)
	return n.read(resp)
}

// Row 98: a post to a link with a fixed outcome counts only if it is certainly not a
// handshake: not if there is no room to read the body, and not if half of it arrived.
func TestUnreadHandshakePressesNothing(t *testing.T) {
	n := start(t, limited, func(s *setup) { s.inFlight = 100 })
	k := n.register("links", `{"default":{"type":"webhook"},"done":{"type":"success"}}`)
	body := `{"type":"url_verification","challenge":"` + strings.Repeat("x", 200) + `"}`
	n.chunked(k.path("done"), "application/json", body).isProblem(http.StatusServiceUnavailable, "overloaded")
	half := n.open(k.path("done"), body[:50], jsonType, "Content-Length: 90")
	must(t, half.Conn.(*net.TCPConn).CloseWrite())
	half.answer().isProblem(http.StatusBadRequest, "invalid-body")
	if got := k.got(); len(got) != 0 {
		t.Errorf("Step Functions got %q", got)
	}
	// A body that is not a handshake, or cannot be read, is ignored.
	n.post(k.path("done"), "application/json", `{"a":`).is(http.StatusOK)
	k.gets(`{}`)
}
