package handlers_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

func TestAPIKey(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		name, header string
		status       int
	}{
		{"right", "Bearer " + apiKey, 200},
		{"right, scheme in lower case", "bearer  " + apiKey, 200},
		{"the other", "Bearer another key", 200},
		{"missing", "", 401},
		{"empty", "Bearer ", 401},
		{"wrong", "Bearer " + apiKey + "x", 401},
		{"cut", "Bearer " + apiKey[:5], 401},
		{"without scheme", apiKey, 401},
		{"other scheme", "Basic " + apiKey, 401},
		{"the configured hash itself", fmt.Sprintf("Bearer %x", sha256.Sum256([]byte(apiKey))), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := n.redis.CommandCount()
			for _, route := range []string{"GET /v1/callbacks", "POST /v1/callbacks", "GET /v1/callbacks/x", "DELETE /v1/callbacks/x",
				"GET /v1/senders", "GET /v1/senders/x/events", "DELETE /v1/senders/x/events", "DELETE /v1/senders/x/events/y/z"} {
				method, path, _ := strings.Cut(route, " ")
				got := n.on(t).do(method, "http://"+n.private+path, "", "Authorization", c.header)
				if (got.status == http.StatusUnauthorized) != (c.status == http.StatusUnauthorized) {
					t.Errorf("%s: got %d", route, got.status)
				}
				if got.status != http.StatusUnauthorized {
					continue
				}
				if got.isProblem(401, "unauthorized"); got.header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
				}
				if n.redis.CommandCount() != asked {
					t.Error("Redis was asked without a key")
				}
			}
		})
	}
}

func TestOpenRoutes(t *testing.T) {
	n := start(t)
	for url, want := range map[string]string{
		n.private + "/healthz":      `{"status":"ok"}`,
		n.private + "/readyz":       `{"status":"ready"}`,
		n.private + "/metrics":      "metrics",
		n.private + "/openapi.yaml": strings.TrimSpace(string(api.OpenAPI)),
		n.public + "/healthz":       `{"status":"ok"}`,
		n.public + "/robots.txt":    "User-agent: *\nDisallow: /",
	} {
		got := n.do("GET", "http://"+url, "")
		if got.is(200); strings.TrimSpace(string(got.body)) != want {
			t.Errorf("%s: got %.200s", url, got.body)
		}
		if head := n.do("HEAD", "http://"+url, ""); head.status != 200 || len(head.body) > 0 {
			t.Errorf("HEAD %s: got %d with %d bytes", url, head.status, len(head.body))
		}
		post := n.do("POST", "http://"+url, "")
		if post.isProblem(405, "method-not-allowed"); post.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: Allow: %s", url, post.header.Get("Allow"))
		}
	}
	// Only this listener says what keeps the relay from serving.
	n.redis.FlushAll()
	p := n.call("GET", "/readyz", "").isProblem(503, "unavailable")
	if len(p.FailedChecks) != 1 || p.FailedChecks[0].Check != "keyspace" ||
		!strings.Contains(p.FailedChecks[0].Reason, "relay migrate up") || p.RequestID == "" {
		t.Errorf("not ready: %+v", p)
	}
}

func TestRendering(t *testing.T) {
	n := start(t)
	k := n.register("expiresIn", `"7d"`, "tags", `{"order":"42"}`, "links", `{"progress":{"type":"heartbeat"},"default":{"type":"webhook"}}`)
	if k.State != "pending" || k.OnExpiry != "fail" || k.Tags["order"] != "42" || k.Outcome != nil || k.Delivery != nil ||
		k.ExpiresAt.Sub(k.CreatedAt) != 7*24*time.Hour || len(k.Links) != 2 || k.URL == "" || k.URL != k.Links["default"].URL ||
		k.Links["progress"].Type != "heartbeat" || !strings.HasPrefix(k.Links["progress"].URL, "https://relay.example.com/c/") {
		t.Errorf("registered: %+v", k.Callback)
	}
	inspect := func() (cb api.Callback) {
		got := n.call("GET", "/v1/callbacks/"+k.ID, "")
		got.is(http.StatusOK)
		got.decode(&cb)
		if strings.Contains(string(got.body), k.taskToken) || strings.Contains(string(got.body), "CANARY") {
			t.Errorf("shows a secret: %s", got.body)
		}
		return cb
	}
	if diff := cmp.Diff(k.Callback, inspect()); diff != "" {
		t.Errorf("inspected (-registered +inspected):\n%s", diff)
	}

	// Row 72: registered again with the same settings, it is the same callback; with other
	// settings, it is not changed.
	body := `{"taskToken":` + quoted(k.taskToken) + `,"tags":{"order":"42"},"links":{"progress":{"type":"heartbeat"},"default":{"type":"webhook"}},"expiresIn":`
	again := n.call("POST", "/v1/callbacks", body+`"168h"}`)
	again.is(http.StatusOK)
	var cb api.Callback
	if again.decode(&cb); cmp.Diff(k.Callback, cb) != "" {
		t.Errorf("row 72: registered again it differs: %s", cmp.Diff(k.Callback, cb))
	}
	n.call("POST", "/v1/callbacks", body+`"1h"}`).isProblem(http.StatusConflict, "settings-differ")

	// An attempt that failed, then the end.
	n.aws.Inject(standin.Fault{Kind: standin.Throttle})
	k.post("application/json", `"CANARY"`).is(http.StatusOK)
	cb = inspect()
	if cb.State != "answered" || cb.Outcome == nil || cb.Outcome.By != "default" || cb.Outcome.Type != "success" || cb.Delivery == nil ||
		cb.Delivery.Attempts != 1 || cb.Delivery.LastError == "" || cb.Delivery.NextAttemptAt == nil ||
		cb.Delivery.Confirmed != nil || cb.Delivery.DeliveredAt != nil {
		t.Errorf("answered: %+v %+v %+v", cb, cb.Outcome, cb.Delivery)
	}
	k = n.register()
	k.post("application/json", `"CANARY"`).is(http.StatusOK)
	cb = inspect()
	if cb.State != "delivered" || cb.Delivery == nil || cb.Delivery.Confirmed == nil || !*cb.Delivery.Confirmed ||
		cb.Delivery.DeliveredAt == nil || cb.Delivery.NextAttemptAt != nil {
		t.Errorf("delivered: %+v %+v", cb, cb.Delivery)
	}
	n.call("DELETE", "/v1/callbacks/"+k.ID, "").isProblem(http.StatusConflict, "already-answered")

	k = n.register("links", `{"progress":{"type":"heartbeat"}}`)
	if k.URL != "" {
		t.Errorf("without a default link the URL is %q", k.URL)
	}
	for range 2 {
		n.call("DELETE", "/v1/callbacks/"+k.ID, "").is(http.StatusOK)
	}
	if cb = inspect(); cb.State != "cancelled" {
		t.Errorf("cancelled: %+v", cb)
	}
	n.call("POST", "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"links":{"progress":{"type":"heartbeat"}}}`).
		isProblem(http.StatusConflict, "already-cancelled")
	for _, id := range []string{strings.Repeat("a", 26), "short", strings.ToUpper(k.ID), k.ID + "%0a", "%2e%2e"} {
		for _, method := range []string{"GET", "DELETE"} {
			p := n.call(method, "/v1/callbacks/"+id, "").isProblem(http.StatusNotFound, "not-found")
			if p.Detail != "No callback has this id." {
				t.Errorf("%s %s: %s", method, id, p.Detail)
			}
		}
	}
	for _, path := range []string{"/v1/callback", "/v2/callbacks"} {
		if p := n.call("GET", path, "").isProblem(http.StatusNotFound, "not-found"); p.Detail != "There is nothing at this address." {
			t.Errorf("GET %s: %s", path, p.Detail)
		}
	}
}

func TestList(t *testing.T) {
	n := start(t)
	empty := n.call("GET", "/v1/callbacks", "")
	if got := strings.TrimSpace(string(empty.body)); got != `{"callbacks":[],"examined":0}` {
		t.Errorf("an empty list is %s", got)
	}
	first, second := n.register("tags", `{"order":"a:b"}`), n.register()
	second.unharmed()
	ids := func(query string) (ids []string, next string) {
		var page api.CallbackList
		got := n.call("GET", "/v1/callbacks"+query, "")
		got.is(http.StatusOK)
		got.decode(&page)
		for _, cb := range page.Callbacks {
			ids = append(ids, cb.ID)
		}
		return ids, page.NextCursor
	}
	for query, want := range map[string]string{
		"?state=pending":                     first.ID,
		"?state=delivered&limit=100":         second.ID,
		"?tag=order:a:b":                     first.ID,
		"?tag=order:a%3Ab&state=delivered":   "",
		"?tag=order:other&state=&cursor=":    "",
		"?state=pending&tag=order%3Aa%3Ab&&": first.ID,
	} {
		if got, _ := ids(query); strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	one, cursor := ids("?limit=1")
	two, _ := ids("?limit=1&cursor=" + cursor)
	if len(one) != 1 || len(two) != 1 || one[0] == two[0] {
		t.Errorf("pages of one: %q, %q", one, two)
	}
	var page api.CallbackList
	n.call("GET", "/v1/callbacks?tag=no:such", "").decode(&page)
	if page.Examined != 2 || page.ExaminedTo == nil || page.NextCursor != "" {
		t.Errorf("a tag that nobody has: %+v", page)
	}
	for query, want := range map[string]string{
		"?limit=0": "limit", "?state=pending&cursor=" + cursor: "cursor", "?limit=101": "limit", "?limit=x": "limit", "?state=gone": "state", "?tag=order": "tag", "?tag=:x": "tag",
		"?cursor=x": "cursor", "?stat=pending": "query", "?state=pending&state=expired": "state", "?state=%zz": "query",
		"?state=pending;x=1": "query", "?tag=x&limit=0&state=a&state=b": "limit state tag",
	} {
		got := n.call("GET", "/v1/callbacks"+query, "")
		if p := got.isProblem(http.StatusBadRequest, "invalid-request"); fields(p) != want {
			t.Errorf("%s: complains about %q, want %q", query, fields(p), want)
		}
	}
}
