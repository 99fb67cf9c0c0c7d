package handlers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/relay"
	"callback-relay/stepfunctions/standin"
)

// withPrefix gives the public URL a path.
func withPrefix(s *setup) {
	s.service.PublicURL = &url.URL{Scheme: "https", Host: "relay.example.com", Path: "/some/prefix"}
}

// Row 2: everything that is not a link gets the same answer, and Redis is asked only if the
// key itself proves that the relay made it.
func TestNotALink(t *testing.T) {
	for _, node := range []struct {
		name, prefix string
		changes      []func(*setup)
	}{
		{name: "without prefix"},
		{"with prefix", "/some/prefix", []func(*setup){withPrefix}},
		{"prefix taken off by a proxy", "", []func(*setup){withPrefix}},
	} {
		n := start(t, node.changes...)
		k := n.register()
		path := k.path("default")
		key := path[strings.LastIndex(path, "/")+1:]
		forged := key[:40] + flip(key[40:41]) + key[41:]
		otherID := n.keys.Identify("a task token that nobody registered")[0].ID
		unknown := n.keys.LinkKey(otherID, relay.Link{LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}, "k1").Reveal()
		otherKind := n.keys.LinkKey(relay.CallbackID(k.ID), relay.Link{LinkKind: relay.LinkKind{Type: "page"}}, "k1").Reveal()
		otherNumber := key[:26] + flip(key[26:27]) + key[27:]

		var want map[string]any
		for _, c := range []struct {
			name, path string
			asks       bool // Redis
		}{
			{"unknown", "/c/" + unknown, true},
			{"forged", "/c/" + forged, false},
			{"other id", "/c/" + flip(key[:1]) + key[1:], false},
			{"other number", "/c/" + otherNumber, false},
			{"wrong kind", "/c/" + otherKind, false},
			{"webhook link as a page", "/a/" + key, false},
			{"short", "/c/" + key[:51], false},
			{"long", "/c/" + key + "a", false},
			{"outside the alphabet", "/c/" + key[:51] + "1", false},
			{"not canonical", "/c/" + key[:51] + flip(key[51:]), false},
			{"an id", "/c/" + k.ID, false},
			{"empty", "/c/", false},
			{"no key", "/c", false},
			{"%2f inside", "/c/" + key[:26] + "%2f" + key[27:], false},
			{"%00", "/c/" + key[:51] + "%00", false},
			{"..", "/c/../c/" + key, false},
			{".. escaped", "/c/%2e%2e/c/" + key, false},
			{".", "/./c/" + key, false},
			{"further segment", "/c/" + key + "/x", false},
			{"private API", "/v1/callbacks", false},
			{"metrics", "/metrics", false},
			{"root", "/", false},
		} {
			t.Run("row 2: "+node.name+": "+c.name, func(t *testing.T) {
				n := n.on(t)
				asked := n.redis.CommandCount()
				got := n.post(node.prefix+c.path, "application/json", "{}")
				got.isProblem(http.StatusNotFound, "not-found")
				if got.header.Get("Location") != "" {
					t.Errorf("redirects to %s", got.header.Get("Location"))
				}
				if (n.redis.CommandCount() > asked) != c.asks {
					t.Errorf("Redis was asked %d times", n.redis.CommandCount()-asked)
				}
				var body map[string]any
				must(t, json.Unmarshal(got.body, &body))
				delete(body, "requestId")
				if want == nil {
					want = body
				}
				if diff := cmp.Diff(want, body); diff != "" {
					t.Errorf("the answer tells what is wrong (-unknown +this):\n%s", diff)
				}
			})
		}
		// The key itself is good, in either case and with or without the prefix.
		k.n.post(node.prefix+"/c/"+strings.ToUpper(key), "application/json", "{}").is(http.StatusOK)
		k.n.post("/c/"+key, "application/json", "{}").is(http.StatusOK)
		k.gets("{}")
	}
}

// Row 95: links that were damaged on their way. Their key is complete, so they work.
func TestDamagedLinks(t *testing.T) {
	for _, node := range []struct {
		prefix  string
		changes []func(*setup)
	}{{"", nil}, {"/some/prefix", []func(*setup){withPrefix}}} {
		n := start(t, node.changes...)
		k := n.register("links", `{"default":{"type":"webhook"},"page":{"type":"success","page":true,"title":"Done?"}}`)
		path := node.prefix + strings.TrimPrefix(k.path("default"), node.prefix)
		key := path[strings.LastIndex(path, "/")+1:]
		page := strings.ToUpper(k.path("page"))
		got := n.do(http.MethodGet, "http://"+n.public+page+"%C2%A0", "", "Accept", "text/html")
		if got.is(http.StatusOK); !strings.Contains(string(got.body), "<form") {
			t.Errorf("a page at a damaged link: %.200s", got.body)
		}
		for _, damaged := range []string{
			path + "/", path + ".", path + ")", path + ",", path + ">", path + "%3E", path + "...", path + ".)", path + "/.", path + "%2f",
			path + "%22", path + "'", path + "*", path + ";", path + "!?", path + "%C2%BB.", path + "%E3%80%82", path + "&gt;", path + "&quot;)", path + "&%2339;",
			path + "%C2%A0", path + "%A0", path + "%E2%80%8B", path + "%EF%BB%BF", path + "%E2%81%A0", path + "%20", path + "%0a", path + "%0D%0A", path + "%E3%80%80",
			node.prefix + "/c/" + key[:20] + "%C2%AD" + key[20:], node.prefix + "/c/" + key[:20] + "%0a%20" + key[20:],
			node.prefix + "/%63/" + fmt.Sprintf("%%%02x", key[0]) + key[1:], node.prefix + "/c%2f" + key, node.prefix + "//c//" + key, "/" + path,
			path + ".Thanks!", path + ";a=b", path + "<br>", path + "&utm_source=x", path + "%EF%B8%8F", path + "%E3%85%A4", path + "](http:", path + "%20and%20then", path + strings.Repeat(".", 500),
			node.prefix + "/c/%3C" + key + "%3E", node.prefix + "/c/%22" + key,
			strings.ToUpper(path), node.prefix + "/C/" + key, path + "?utm_source=mail", path + ".?x=y",
		} {
			if strings.HasSuffix(damaged, "/.") {
				n.post(damaged, "application/json", "{}").isProblem(http.StatusNotFound, "not-found") // a dot segment
				continue
			}
			got := n.post(damaged, "application/json", "{}")
			if got.status != http.StatusOK {
				t.Errorf("%q: got %d", damaged, got.status)
			}
		}
		k.gets("{}")
		for _, other := range []string{path + "a", path + "2.", path + "/x", path + "//x", path + "9", node.prefix + "/c/-" + key, path + strings.Repeat(".", 2000)} {
			n.post(other, "application/json", "{}").isProblem(http.StatusNotFound, "not-found")
		}
		forged := path[:len(path)-20] + flip(path[len(path)-20:len(path)-19]) + path[len(path)-19:]
		asked := n.redis.CommandCount()
		n.post(forged+".", "application/json", "{}").isProblem(http.StatusNotFound, "not-found")
		if n.redis.CommandCount() != asked {
			t.Error("Redis was asked for a forged link that was damaged, too")
		}
	}
}

// A person who opens a link for programs gets a page that explains it. Programs get the
// problem document, and HEAD and OPTIONS get no page.
func TestProgramsLinkInABrowser(t *testing.T) {
	n := start(t)
	k := n.register()
	got := n.do(http.MethodGet, "http://"+n.public+k.path("default"), "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	got.is(http.StatusMethodNotAllowed)
	if body := string(got.body); !strings.Contains(body, "This link is for programs") || got.header.Get("Allow") != "POST" {
		t.Errorf("a browser gets %.300s, Allow: %s", body, got.header.Get("Allow"))
	}
	n.do(http.MethodGet, "http://"+n.public+k.path("default"), "", "Accept", "*/*").isProblem(http.StatusMethodNotAllowed, "method-not-allowed")
	n.do(http.MethodGet, "http://"+n.public+"/elsewhere", "", "Accept", "text/html").isProblem(http.StatusNotFound, "not-found")
	k.unharmed()
}

// flip returns another character of base32.
func flip(c string) string {
	if c == "b" {
		return "c"
	}
	return "b"
}

// Rows 3 and 5: only a POST changes anything, and no browser is allowed to read answers
// from another site.
func TestOtherMethods(t *testing.T) {
	n := start(t, withPrefix)
	k := n.register("links", `{"default":{"type":"webhook"},"progress":{"type":"heartbeat"}}`)
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW", "post"} {
		for _, path := range []string{k.path("default"), k.path("progress"), strings.TrimPrefix(k.path("default"), "/some/prefix"), "/c/forged"} {
			t.Run("rows 3 and 5: "+method, func(t *testing.T) {
				asked := n.redis.CommandCount()
				got := n.on(t).do(method, "http://"+n.public+path, "",
					"Origin", "https://elsewhere.example", "Access-Control-Request-Method", "POST")
				got.is(http.StatusMethodNotAllowed)
				if got.header.Get("Allow") != "POST" {
					t.Errorf("Allow: %s, want POST", got.header.Get("Allow"))
				}
				if method != http.MethodHead {
					got.isProblem(http.StatusMethodNotAllowed, "method-not-allowed")
				}
				for name := range maps.Keys(got.header) {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("CORS header %s", name)
					}
				}
				if n.redis.CommandCount() != asked {
					t.Error("Redis was asked")
				}
			})
		}
	}
	k.unharmed()
}

// Row 9: a fault of Redis never looks like a link that does not exist.
func TestRedisAway(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"default":{"type":"webhook"},"progress":{"type":"heartbeat"}}`)
	n.redis.Close()
	for name, ask := range map[string]func() answer{
		"row 9: answer":    func() answer { return k.post("application/json", "{}") },
		"row 9: heartbeat": func() answer { return n.post(k.path("progress"), "", "") },
		"row 9: register":  func() answer { return n.call("POST", "/v1/callbacks", `{"taskToken":"t"}`) },
		"row 9: inspect":   func() answer { return n.call("GET", "/v1/callbacks/"+k.ID, "") },
		"row 9: list":      func() answer { return n.call("GET", "/v1/callbacks", "") },
		"row 9: cancel":    func() answer { return n.call("DELETE", "/v1/callbacks/"+k.ID, "") },
		"row 9: readiness": func() answer { return n.call("GET", "/readyz", "") },
	} {
		t.Run(name, func(t *testing.T) {
			got := ask()
			got.isProblem(http.StatusServiceUnavailable, "unavailable")
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
	n.do("GET", "http://"+n.public+"/healthz", "").is(http.StatusOK)
	n.call("GET", "/healthz", "").is(http.StatusOK)

	must(t, n.redis.Restart())
	k.unharmed()
	if !strings.Contains(n.log.String(), `"msg":"request failed"`) {
		t.Error("the log does not say what failed")
	}
}

func TestAnswers(t *testing.T) {
	n := start(t)
	same := func(t *testing.T, got answer, want api.AnswerResponse) {
		t.Helper()
		got.is(http.StatusOK)
		var body api.AnswerResponse
		got.decode(&body)
		if diff := cmp.Diff(want, body); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	}
	t.Run("rows 1, 12 and 13", func(t *testing.T) {
		k := n.on(t).register()
		same(t, k.post("application/json", `{"a":1}`), api.AnswerResponse{ID: k.ID, Status: "delivered"})
		same(t, k.post("application/json", `{"a":1}`), api.AnswerResponse{ID: k.ID, Status: "delivered", Duplicate: true})
		got := k.post("application/json", `{"a": 1}`)
		got.isProblem(http.StatusConflict, "already-answered")
		k.gets(`{"a":1}`)
	})
	t.Run("row 1: accepted", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		n.aws.Inject(standin.Fault{Kind: standin.Throttle})
		same(t, k.post("application/json", `1`), api.AnswerResponse{ID: k.ID, Status: "accepted"})
		same(t, k.post("application/json", `1`), api.AnswerResponse{ID: k.ID, Status: "accepted", Duplicate: true})
	})
	t.Run("row 36: expired", func(t *testing.T) {
		n := n.on(t)
		k := n.register("expiresIn", `"1h"`)
		n.redis.SetTime(time.Now().Add(2 * time.Hour))
		defer n.redis.SetTime(time.Now())
		k.post("application/json", `1`).isProblem(http.StatusGone, "expired")
	})
	t.Run("row 39: task closed", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		n.aws.Close(k.taskToken)
		k.post("application/json", `1`).isProblem(http.StatusGone, "task-closed")
	})
	t.Run("row 49: refused", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		n.aws.Inject(standin.Fault{Kind: standin.Refuse, Code: "InvalidOutput"})
		k.post("application/json", `1`).isProblem(http.StatusGone, "refused")
	})
	t.Run("cancelled", func(t *testing.T) {
		n := n.on(t)
		k := n.register()
		n.call(http.MethodDelete, "/v1/callbacks/"+k.ID, "").is(http.StatusOK)
		k.post("application/json", `1`).isProblem(http.StatusGone, "cancelled")
	})
	t.Run("heartbeat", func(t *testing.T) {
		n := n.on(t)
		k := n.register("links", `{"default":{"type":"webhook"},"progress":{"type":"heartbeat"}}`)
		same(t, n.post(k.path("progress"), "application/json", `not {JSON`), api.AnswerResponse{ID: k.ID, Status: "alive"})
		if beats := n.aws.Heartbeats(); len(beats) != 1 || beats[0].TaskToken != k.taskToken {
			t.Errorf("Step Functions got %d heartbeats", len(beats))
		}
		n.aws.Inject(standin.Fault{Kind: standin.Throttle})
		n.post(k.path("progress"), "", "").isProblem(http.StatusServiceUnavailable, "unavailable")
		k.unharmed()
		n.post(k.path("progress"), "", "").isProblem(http.StatusConflict, "already-answered")
	})
	for _, want := range []string{
		"answer delivered", "answer duplicate", "answer accepted", "answer alive", "answer failed unavailable",
		"answer rejected already-answered", "answer rejected expired", "answer rejected cancelled",
		"answer rejected task-closed", "answer rejected refused", "registration created", "cancellation",
	} {
		if !n.metrics.told(want) {
			t.Errorf("the metrics were not told of %q", want)
		}
	}
}
