package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/browser"
	"callback-relay/config"
)

// signedIn is a proxy that signs who is there: a server with its public key, and the tokens
// that it adds to requests.
type signedIn struct {
	t   *testing.T
	key *rsa.PrivateKey
	url string
}

func newSignedIn(t *testing.T) *signedIn {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &signedIn{t: t, key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"RSA","n":%q,"e":"AQAB"}]}`, n)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// configured writes a configuration file that names the proxy.
func (s *signedIn) configured() func(*config.Settings) {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "config.yaml")
	file := fmt.Sprintf("identity: {type: jwt, header: X-Who, issuer: %q, audience: pages, keys: %q}\n", s.url, s.url)
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return func(settings *config.Settings) { settings.ConfigFile = path }
}

// behind starts two replicas behind the proxy.
func (s *signedIn) behind(w *world) {
	s.t.Helper()
	for range 2 {
		w.replicas = append(w.replicas, w.start(s.configured()))
	}
}

// token signs who somebody is.
func (s *signedIn) token(subject, email string) string {
	s.t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"iss":%q,"aud":["pages"],"sub":%q,"email":%q,"exp":%d}`, s.url, subject, email, time.Now().Add(time.Hour).Unix())
	signed := b64([]byte(`{"alg":"RS256"}`)) + "." + b64([]byte(claims))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

// Row 122: a relay behind a proxy that signs who is there lets only the approver decide, on
// every replica, and the workflow learns who it was.
func TestVerifiedApprover(t *testing.T) {
	t.Parallel()
	s := newSignedIn(t)
	w := newWorld(t, startStandalone(t), 0)
	s.behind(w)
	task := w.ask(forSomebody)
	decide := func(replica int, token string) answer {
		t.Helper()
		target := w.at(replica, task, "dana")
		form := url.Values{"decision": {api.DecisionApproved}}
		if found := nonceOf.FindStringSubmatch(w.browse(http.MethodGet, target, nil, "X-Who", token).body); found != nil {
			form.Set("nonce", found[1])
		}
		return w.browse(http.MethodPost, target, form, "X-Who", token)
	}
	for who, token := range map[string]string{
		"nobody": "", "somebody else": s.token("s-lee", "lee@example.com"), "whoever asked": s.token("s-ana", "ana@example.com"),
		"a plain header": "dana@example.com",
	} {
		if got := decide(0, token); got.status != http.StatusForbidden {
			t.Errorf("%s: %d, %s", who, got.status, got.body)
		}
	}
	w.wantNothing(task)
	dana := s.token("s-dana", "dana@example.com")
	if got := decide(1, dana); got.status != http.StatusOK || !strings.Contains(got.body, "You approved this") {
		t.Errorf("%d, %s", got.status, got.body)
	}
	person := fmt.Sprintf(`"verified":{"issuer":%q,"subject":"s-dana","email":"dana@example.com"}`, s.url)
	effects := w.effects(task)
	if len(effects) != 1 || !strings.Contains(string(effects[0].Output), `"by":{"link":"dana","approver":"Dana Okafor","typed":false,`+person+`}`) {
		t.Errorf("the workflow got %s", effects)
	}
	if cb := w.get(task); len(cb.Decisions) != 1 || cb.Decisions[0].By.Verified == nil || cb.Decisions[0].By.Verified.Subject != "s-dana" {
		t.Errorf("decisions: %+v", cb.Decisions)
	}
}

// TestVerifiedPages shows people what they can do, as the proxy signs who they are.
func TestVerifiedPages(t *testing.T) {
	t.Parallel()
	d, s := newDesk(t, 0), newSignedIn(t)
	s.behind(d.world)
	task := d.ask(forSomebody, adding("any", api.LinkRequest{Type: api.LinkApproval}), with(func(a *api.Approval) { a.Required = 2 }))
	as := func(tab *browser.Tab, email string) {
		tab.Header("X-Who", s.token("s-"+email, email))
	}
	tab := d.tab()
	for _, barred := range []struct{ email, link, heading, says string }{
		{"", "dana", "This page could not tell who you are", "Nothing has been decided."},
		{"lee@example.com", "dana", "This is for someone else", "You are signed in as lee@example.com."},
		{"ana@example.com", "dana", "Someone else has to decide this", "You are signed in as ana@example.com."},
		{"ana@example.com", "any", "Someone else has to decide this", "Nothing has been decided."},
	} {
		if barred.email != "" {
			as(tab, barred.email)
		}
		d.wantStatus(tab.Open(d.at(0, task, barred.link)), http.StatusForbidden)
		d.wantHeading(tab, barred.heading)
		d.wantText(tab, barred.says, "Deploy 4.2.0 to production?")
		if tab.Has("form") {
			d.Errorf("%s has a form", barred.email)
		}
	}
	d.wantUntouched(task)

	as(tab, "dana@example.com")
	d.visit(tab, task, "dana")
	d.wantText(tab, "You are deciding as Dana Okafor (dana@example.com).")
	if tab.Has("#approver") {
		d.Error("the page asks who is signed in for a name")
	}
	// She lends the open page to somebody who must not decide.
	as(tab, "ana@example.com")
	d.wantStatus(tab.Click(approveButton), http.StatusForbidden)
	d.wantHeading(tab, "Someone else has to decide this")
	d.wantUntouched(task)
	as(tab, "dana@example.com")
	d.visit(tab, task, "dana")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantHeading(tab, "Your approval has been counted")

	// The other link is for everybody, but nobody decides twice.
	d.wantStatus(tab.Open(d.at(1, task, "any")), http.StatusOK)
	d.wantHeading(tab, "Your approval has been counted")
	as(tab, "lee@example.com")
	d.wantStatus(tab.Open(d.at(1, task, "any")), http.StatusOK)
	d.wantText(tab, "You are deciding as lee@example.com.", "Dana Okafor (dana@example.com) approved")
	d.wantStatus(tab.Click(approveButton), http.StatusOK)
	d.wantHeading(tab, "You approved this")
	person := func(email string) string {
		return fmt.Sprintf(`{"issuer":%q,"subject":"s-%s","email":"%s"}`, s.url, email, email)
	}
	first, second := byDana, decision{link: "any", name: "lee@example.com"}
	first.verified, second.verified = person("dana@example.com"), person("lee@example.com")
	d.wantDecisions(task, first, second)
	d.wantQuiet(tab)
}
