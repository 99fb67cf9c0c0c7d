package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"callback-relay/config"
)

// hookSecret proves posts to the hook "proven", and Meta shows verifyToken.
const hookSecret, verifyToken = "the secret of a hook", "chosen for Meta"

// hooked gives a replica a configuration file with hooks.
func (w *world) hooked() func(*config.Settings) {
	w.Helper()
	folder := w.TempDir()
	path := filepath.Join(folder, "config.yaml")
	w.must(os.WriteFile(filepath.Join(folder, "secret"), []byte(hookSecret), 0o600))
	w.must(os.WriteFile(filepath.Join(folder, "token"), []byte(verifyToken), 0o600))
	w.must(os.WriteFile(path, []byte(`
senders:
  stripe: {preset: stripe, secrets: [{file: secret}], hook: {key: body.data.object.id}}
  builds: {proof: none, hook: {key: body.build, keep: 1h}}
  open: {proof: none, hook: {key: body.id}}
  proven: {preset: header-secret, secrets: [{file: secret}], hook: {key: body.id}}
  github: {preset: github, secrets: [{file: secret}], hook: {key: body.id}}
  meta: {preset: meta, secrets: [{file: secret}], hook: {key: body.id, verifyToken: {file: token}}}
identity: {type: cloudflare-access, issuer: "https://example.cloudflareaccess.com", audience: pages}
`), 0o600))
	return func(s *config.Settings) { s.ConfigFile = path }
}

// hookURL is the URL of a hook.
func (w *world) hookURL(sender string) string { return w.next().service.HookURL(sender) }

// noHook is like the URL of a hook.
func (w *world) noHook() string { return w.hookURL("nobody") }

// hookRequests are the exchanges with hooks.
func (c *contract) hookRequests() []exchange {
	post := func(hook, body string, want int, header ...string) exchange {
		return stranger(exchange{
			method: "POST", target: c.hookURL(hook), body: body, want: want, header: append(header, asJSON...),
		})
	}
	test := func(method, hook, query string, want int, header ...string) exchange {
		return stranger(exchange{method: method, target: c.hookURL(hook) + query, want: want, header: header})
	}
	const meta = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
	return []exchange{
		post("open", `{"id": "k"}`, 200),
		post("open", `{"id": "k"}`, 200),
		post("open", `{"other": "k"}`, 200),
		post("open", `{"id": []}`, 200),
		stranger(exchange{method: "POST", target: c.hookURL("open"), body: `<a/>`, want: 200, header: []string{"Content-Type", "application/xml"}}),
		post("proven", `{"id": "k"}`, 200, "X-Callback-Secret", hookSecret),
		post("proven", `{"id": "k"}`, 401),
		post("nobody", `{"id": "k"}`, 404),
		post("open", `"`+strings.Repeat("x", 1<<20)+`"`, 413),
		test("GET", "meta", meta+"chosen%20for%20Meta", 200),
		test("GET", "meta", meta+"guessed", 401),
		test("GET", "open", "", 200, "X-Okta-Verification-Challenge", "l3VnBqAxz"),
		test("HEAD", "open", "", 200),
		test("OPTIONS", "open", "", 200, "WebHook-Request-Origin", "eventgrid.azure.net"),
		test("GET", "github", "", http.StatusMethodNotAllowed),
		test("HEAD", "github", "", http.StatusMethodNotAllowed),
		test("OPTIONS", "github", "", http.StatusMethodNotAllowed),
		test("GET", "nobody", "", http.StatusNotFound),
		test("HEAD", "nobody", "", http.StatusNotFound),
		test("OPTIONS", "nobody", "", http.StatusNotFound),
	}
}
