package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestHeadersOnEveryAnswer(t *testing.T) {
	n := start(t)
	k := n.register()
	bad := n.register()
	for name, got := range map[string]answer{
		"200":        k.post("application/json", "{}"),
		"400":        bad.post("application/json", "{"),
		"404":        n.post("/c/forged", "", ""),
		"404 path":   n.post("/nowhere", "", ""),
		"405":        n.do("GET", "http://"+n.public+k.path("default"), ""),
		"405 HEAD":   n.do("HEAD", "http://"+n.public+k.path("default"), ""),
		"405 BREW":   n.do("BREW", "http://"+n.public+k.path("default"), ""),
		"409":        k.post("application/json", "1"),
		"413":        bad.post("application/json", strings.Repeat("x", 300_000)),
		"415":        bad.post("application/nothing", "x"),
		"robots":     n.do("GET", "http://"+n.public+"/robots.txt", ""),
		"API":        n.call("GET", "/v1/callbacks/"+k.ID, ""),
		"API 401":    n.do("GET", "http://"+n.private+"/v1/callbacks", ""),
		"API 404":    n.call("GET", "/v1/nowhere", ""),
		"metrics":    n.call("GET", "/metrics", ""),
		"OPTIONS *":  n.asterisk(),
		"created":    n.call("POST", "/v1/callbacks", `{"taskToken":"t"}`),
		"not in use": n.call("PUT", "/v1/callbacks", ""),
	} {
		for header, want := range map[string]string{
			"Cache-Control":          "no-store",
			"X-Robots-Tag":           "noindex, nofollow, noarchive",
			"X-Content-Type-Options": "nosniff",
			"Referrer-Policy":        "no-referrer",
		} {
			if values := got.header.Values(header); len(values) != 1 || values[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, header, values, want)
			}
		}
		if got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no X-Request-Id", name)
		}
		if got.header.Get("Server")+got.header.Get("Set-Cookie")+got.header.Get("Location") != "" {
			t.Errorf("%s: headers %v", name, got.header)
		}
	}
}

// asterisk requests "*", which is not a path.
func (n *node) asterisk() answer {
	n.t.Helper()
	w := n.dial()
	w.write("OPTIONS * HTTP/1.1\r\nHost: relay.test\r\n\r\n")
	return w.answer()
}

func TestRequestID(t *testing.T) {
	n := start(t)
	for _, id := range []string{"a", "5HGWAM2JTDPZ4KXE7QVNCR3YBL", "0d9f-4.x_Y", strings.Repeat("a", 64)} {
		got := n.post("/c/forged", "", "", "X-Request-Id", id)
		if p := got.isProblem(404, "not-found"); got.header.Get("X-Request-Id") != id || p.RequestID != id {
			t.Errorf("id %q became %q, and %q in the body", id, got.header.Get("X-Request-Id"), p.RequestID)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", "", "a b", "a\"b", "<a>", "a\xff", strings.Repeat("a", 65)} {
		got := n.post("/c/forged", "", "", "X-Request-Id", id)
		fresh := got.header.Get("X-Request-Id")
		if p := got.isProblem(404, "not-found"); len(fresh) < 16 || fresh == id || seen[fresh] || p.RequestID != fresh {
			t.Errorf("id %q became %q, and %q in the body", id, fresh, p.RequestID)
		}
		seen[fresh] = true
	}
}

// The log identifies a request by its route's pattern and its callback's id, and contains
// no secret at any level.
func TestAccessLog(t *testing.T) {
	n := start(t, withPrefix)
	k := n.register("links", `{"default":{"type":"webhook"},"progress":{"type":"heartbeat"}}`)
	path := k.path("default")
	n.metrics.forget()

	k.post("application/json", `{"CANARY":`)
	k.post("application/json", `"CANARY"`)
	k.post("application/json", `"CANARY"`)
	k.post("text/plain", `CANARY`)
	n.post(strings.TrimPrefix(path, "/some/prefix"), "multipart/form-data; boundary=CANARY", "CANARY")
	n.post(k.path("progress"), "", "CANARY")
	n.post(path+"/x?CANARY=1", "", "")
	n.post("/CANARY", "", "")
	n.do("CANARY", "http://"+n.public+path, "")
	n.do("GET", "http://"+n.public+path, "", "Referer", "https://relay.example.com"+path, "User-Agent", "CANARY")
	n.call("GET", "/v1/callbacks/"+k.ID, "")
	n.call("GET", "/v1/callbacks?tag=CANARY:1", "")
	n.redis.Close()
	k.post("application/json", `"CANARY"`).isProblem(http.StatusServiceUnavailable, "unavailable")
	n.do("GET", "http://"+n.public+"/some/prefix/healthz", "")

	var told []string
	for range 14 {
		told = append(told, <-n.metrics.done)
	}
	log := n.log.String()
	for name, secret := range map[string]string{
		"the payload": "CANARY", "the link": path[strings.LastIndex(path, "/")+1:], "the task token": k.taskToken, "the API key": apiKey,
	} {
		if strings.Contains(log, secret) || strings.Contains(strings.Join(told, "\n"), secret) {
			t.Errorf("%s is in the log or the metrics", name)
		}
	}

	routes := map[string]int{}
	for line := range strings.Lines(log) {
		var entry struct {
			Level, Msg, Listener, Method, Route, Request string
			Callback, Caller                             *string
			Took                                         float64 `json:"took_ms"`
		}
		must(t, json.Unmarshal([]byte(line), &entry))
		if entry.Msg != "request" {
			continue
		}
		if entry.Request == "" || entry.Took <= 0 || entry.Took > 60_000 {
			t.Errorf("no request id, or no milliseconds: %s", line)
		}
		if (entry.Caller != nil) != (entry.Listener == "private") || entry.Caller != nil && *entry.Caller != "test" {
			t.Errorf("the caller is not the key's name, on the private listener alone: %s", line)
		}
		callback := ""
		switch {
		case entry.Callback == nil:
		case *entry.Callback == k.ID:
			callback = " of the callback"
		default:
			t.Errorf("callback %q: %s", *entry.Callback, line)
		}
		routes[entry.Level+" "+entry.Listener+" "+entry.Method+" "+entry.Route+callback]++
	}
	for want, times := range map[string]int{
		"INFO public POST /some/prefix/c/:key of the callback": 5,
		"WARN public POST /some/prefix/c/:key of the callback": 1,
		"INFO public POST /c/:key of the callback":             1,
		"INFO public POST none":                                1,
		"INFO public POST /some/prefix/c/:key":                 1,
		"INFO public other /some/prefix/c/:key":                1,
		"INFO public GET /some/prefix/c/:key":                  1,
		"INFO private POST /v1/callbacks of the callback":      1,
		"INFO private GET /v1/callbacks/:id of the callback":   1,
		"INFO private GET /v1/callbacks":                       1,
		"DEBUG public GET /some/prefix/healthz":                1,
	} {
		if routes[want] != times {
			t.Errorf("%d entries %q, want %d", routes[want], want, times)
		}
	}
	if t.Failed() {
		t.Logf("entries: %v", routes)
	}
}

// A refused submission is counted once, although its answer is a page. Pages that are only
// shown are not counted.
func TestRefusedFormsAreCounted(t *testing.T) {
	n := start(t)
	k := n.register("links", oneApprover)
	counted := func() (all []string) {
		n.metrics.mu.Lock()
		defer n.metrics.mu.Unlock()
		for _, result := range n.metrics.results {
			if strings.HasPrefix(result, "answer ") {
				all = append(all, result)
			}
		}
		n.metrics.results = nil
		return all
	}
	_, nonce := k.open("open")
	for range 2 { // the registration and the look
		<-n.metrics.done
	}
	for what, c := range map[string]struct {
		do   func()
		want []string
	}{
		"a look":      {func() { k.open("dana") }, nil},
		"an old page": {func() { k.submit("open", url.Values{"nonce": {"old"}}).is(http.StatusBadRequest) }, []string{"answer rejected invalid-request"}},
		"a mistake":   {func() { k.submit("open", url.Values{"nonce": {nonce}}).is(http.StatusBadRequest) }, []string{"answer rejected invalid-request"}},
		"no form":     {func() { n.post(k.path("open"), "text/plain", "x").is(http.StatusUnsupportedMediaType) }, []string{"answer rejected unsupported-media-type"}},
		"redis is missing": {func() {
			n.redis.SetError("LOADING")
			defer n.redis.SetError("")
			k.submit("open", url.Values{"nonce": {nonce}}).is(http.StatusServiceUnavailable)
		}, []string{"answer failed unavailable"}},
	} {
		counted()
		c.do()
		<-n.metrics.done // a page can be read before its request is done
		if got := counted(); !slices.Equal(got, c.want) {
			t.Errorf("%s is counted as %q, want %q", what, got, c.want)
		}
	}
}
