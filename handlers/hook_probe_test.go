package handlers_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"callback-relay/senders"
)

// probe sends a request without a body to a hook.
func (n *node) probe(method, name, query string, headers ...string) answer {
	n.t.Helper()
	return n.do(method, "http://"+n.public+n.hook(name)+query, "", headers...)
}

// probed gives a node the hooks of senders that test a URL with other requests than POST.
func probed(t *testing.T) func(*setup) {
	t.Helper()
	return hooked(t,
		hookOf(t, "meta", senders.Spec{Preset: "meta", Secrets: []string{hookSecret}, VerifyToken: "chosen for Meta"}),
		hookOf(t, "untold", senders.Spec{Preset: "meta", Secrets: []string{hookSecret}}),
		hookOf(t, "x", senders.Spec{Preset: "x", Secrets: []string{hookSecret}}),
		hookOf(t, "okta", senders.Spec{Preset: "okta", Secrets: []string{hookSecret}}),
		hookOf(t, "grid", senders.Spec{Preset: "event-grid", Secrets: []string{hookSecret}}),
		hookOf(t, "github", senders.Spec{Preset: "github", Secrets: []string{hookSecret}}),
	)
}

const metaAsks = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="

// A name that the sender gave is not changed at the beginning of a sentence.
func TestHookIsTestedWithAnotherToken(t *testing.T) {
	n := start(t, probed(t))
	for query, want := range map[string]string{
		metaAsks + "another": "The parameter hub.verify_token is not the verify token of this hook.",
		metaAsks:             "The parameter hub.verify_token is missing.",
	} {
		if p := n.probe("GET", "meta", query).isProblem(http.StatusUnauthorized, "unproven"); p.Detail != want {
			t.Errorf("%s: %q, want %q", query, p.Detail, want)
		}
	}
}

// Senders that test the URL of a hook with GET, HEAD or OPTIONS get the reply that they
// expect, and nothing changes.
func TestHookIsTested(t *testing.T) {
	n := start(t, probed(t))
	commands := n.redis.CommandCount()
	signed, err := hex.DecodeString(opensslHMAC(t, hookSecret, "NDQxODc5NDgx"))
	must(t, err)
	for name, c := range map[string]struct {
		got               answer
		body, contentType string
	}{
		"Meta":              {n.probe("GET", "meta", metaAsks+"chosen%20for%20Meta"), "1158201444", "text/plain; charset=utf-8"},
		"X":                 {n.probe("GET", "x", "?crc_token=NDQxODc5NDgx"), `{"response_token":"sha256=` + base64.StdEncoding.EncodeToString(signed) + `"}`, "application/json"},
		"Okta":              {n.probe("GET", "okta", "", "X-Okta-Verification-Challenge", "l3VnBqAxz"), `{"verification":"l3VnBqAxz"}`, "application/json"},
		"Okta, a header":    {n.probe("GET", "pay", "", "X-Okta-Verification-Challenge", "l3VnBqAxz"), `{"verification":"l3VnBqAxz"}`, "application/json"},
		"Okta, open":        {n.probe("GET", "open", "", "X-Okta-Verification-Challenge", "l3VnBqAxz"), `{"verification":"l3VnBqAxz"}`, "application/json"},
		"Mandrill":          {n.probe("HEAD", "pay", ""), "", ""},
		"Event Grid":        {n.probe("OPTIONS", "grid", "", "WebHook-Request-Origin", "eventgrid.azure.net"), "", ""},
		"CloudEvents, open": {n.probe("OPTIONS", "open", "", "WebHook-Request-Origin", "eventgrid.azure.net"), "", ""},
	} {
		if c.got.status != http.StatusOK || string(c.got.body) != c.body || c.got.header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: %d %s, %v; want %s", name, c.got.status, c.got.body, c.got.header, c.body)
		}
		if allowed := c.got.header.Get("WebHook-Allowed-Origin"); (allowed == "eventgrid.azure.net") != (c.contentType == "" && name != "Mandrill") {
			t.Errorf("%s: %v", name, c.got.header)
		}
		if c.got.header.Get("Access-Control-Allow-Origin") != "" || c.got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, c.got.header)
		}
	}
	for _, token := range []string{"", "chosen", hookSecret} {
		n.probe("GET", "meta", metaAsks+strings.ReplaceAll(token, " ", "+")).isProblem(http.StatusUnauthorized, "unproven")
	}
	if now := n.redis.CommandCount(); now != commands {
		t.Errorf("%d commands to Redis", now-commands)
	}
	if log := n.log.String(); strings.Contains(log, "chosen") || strings.Contains(log, "1158201444") || strings.Contains(log, "NDQx") {
		t.Errorf("the log shows what was sent:\n%s", log)
	}
}

// All other requests to a hook get 405, with the other methods that its sender uses.
func TestHookMethods(t *testing.T) {
	n := start(t, probed(t))
	allowed := map[string]string{
		"github": "POST", "untold": "POST", "meta": "GET, POST", "x": "GET, POST", "okta": "GET, POST", "grid": "OPTIONS, POST",
		"pay": "GET, HEAD, OPTIONS, POST", "open": "GET, HEAD, OPTIONS, POST",
	}
	for name, methods := range allowed {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} {
			if method == "HEAD" && strings.Contains(methods, "HEAD") {
				continue
			}
			got := n.probe(method, name, "")
			want := strings.TrimPrefix(strings.Replace(", "+methods, ", "+method, "", 1), ", ")
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != want {
				t.Errorf("%s %s: %d, Allow %q, want %q", method, name, got.status, got.header.Get("Allow"), want)
			}
		}
	}
	n.probe("BREW", "okta", "").isProblem(http.StatusMethodNotAllowed, "method-not-allowed")
	n.probe("GET", "untold", metaAsks+"chosen+for+Meta").isProblem(http.StatusMethodNotAllowed, "method-not-allowed")
	for _, method := range []string{"GET", "OPTIONS", "HEAD"} {
		if got := n.probe(method, "nobody", "", "X-Okta-Verification-Challenge", "a", "WebHook-Request-Origin", "a"); got.status != http.StatusNotFound {
			t.Errorf("%s with a forged key: %d", method, got.status)
		}
	}
	if got := n.probe("GET", "github", "", "Accept", "text/html"); !strings.Contains(string(got.body), "<html") {
		t.Errorf("a person gets %s", got.body)
	}
}

// Row 99 at hooks: every published request is accepted, and refused after one bit was
// changed. Its events are kept, since they all are about something.
func TestPublishedRequestsAtHooks(t *testing.T) {
	text, err := os.ReadFile("../senders/testdata/vectors.json")
	must(t, err)
	var vectors []vector
	must(t, json.Unmarshal(text, &vectors))
	for _, v := range vectors {
		t.Run(v.Sender, func(t *testing.T) {
			hook := hookOf(t, "published", senders.Spec{Preset: v.Sender, Secrets: []string{v.Secret}, URL: v.URL})
			hook.Rule = anything(t, hook.Sender)
			n := start(t, at(v.At), hooked(t, hook))
			var headers []string
			for name, value := range v.Headers {
				headers = append(headers, name, value)
			}
			post := func(body string) answer {
				return n.do(http.MethodPost, "http://"+n.public+n.hook("published"), body, headers...)
			}
			stored := n.redis.Dump()
			if got := post(flipped(v.Body)); got.status != http.StatusUnauthorized || n.redis.Dump() != stored {
				t.Errorf("with another body: %d %s", got.status, got.body)
			}
			post(v.Body).is(http.StatusOK)
			if n.redis.Dump() == stored {
				t.Error("nothing was stored")
			}
		})
	}
}
