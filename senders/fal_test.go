package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/programs"
	"callback-relay/publickeys"
	"callback-relay/senders"
)

const (
	falKeys = "https://rest.fal.ai/.well-known/jwks.json"
	falUser = "google-oauth2|107"
)

// falKey is a key pair of fal.
type falKey struct {
	t    *testing.T
	file string
	x    string
}

func newFalKey(t *testing.T) falKey {
	t.Helper()
	file, public := opensslKey(t, "-algorithm", "ed25519")
	return falKey{t, file, base64.RawURLEncoding.EncodeToString(public[len(public)-32:])}
}

// jwks is a key set with Ed25519 keys.
func jwks(keys ...falKey) string {
	var all []string
	for _, key := range keys {
		all = append(all, `{"kty":"OKP","crv":"Ed25519","use":"sig","x":"`+key.x+`"}`)
	}
	return `{"keys":[` + strings.Join(all, ",") + `]}`
}

// post is a signed post of fal.
func (k falKey) post(body string) senders.Request {
	k.t.Helper()
	digest := hex.EncodeToString(openssl(k.t, body, "dgst", "-sha256", "-binary"))
	signature := opensslEd25519(k.t, k.file, strings.Join([]string{"req_1", falUser, "1700000000", digest}, "\n"))
	r := senders.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), Now: time.Unix(signedAt, 0)}
	for name, value := range map[string]string{"Request-Id": "req_1", "User-Id": falUser, "Timestamp": "1700000000", "Signature": hex.EncodeToString(signature)} {
		r.Header.Set("X-Fal-Webhook-"+name, value)
	}
	return r
}

func falSender(t *testing.T, w *web) *senders.Sender {
	t.Helper()
	sender, err := senders.New(senders.Spec{Preset: "fal", Account: falUser}, senders.WithKeys(publickeys.New(w)))
	must(t, err)
	return sender
}

// Row 99: posts of fal are proven by its published keys, for one user only.
func TestFal(t *testing.T) {
	programs.Need(t, "openssl")
	w, one, two, stranger := newWeb(), newFalKey(t), newFalKey(t), newFalKey(t)
	w.put(falKeys, jwks(one, two))
	sender := falSender(t, w)
	for name, c := range map[string]struct {
		key    falKey
		change func(*senders.Request)
		want   senders.Reason
	}{
		"the first key":    {one, func(*senders.Request) {}, ""},
		"the second key":   {two, func(*senders.Request) {}, ""},
		"another key":      {stranger, func(*senders.Request) {}, senders.Signature},
		"another body":     {one, func(r *senders.Request) { r.Body[0] ^= 1 }, senders.Signature},
		"another request":  {one, func(r *senders.Request) { r.Header.Set("X-Fal-Webhook-Request-Id", "req_2") }, senders.Signature},
		"another time":     {one, func(r *senders.Request) { r.Header.Set("X-Fal-Webhook-Timestamp", "1700000001") }, senders.Signature},
		"another user":     {one, func(r *senders.Request) { r.Header.Set("X-Fal-Webhook-User-Id", "github|1") }, senders.Account},
		"no user":          {one, func(r *senders.Request) { r.Header.Del("X-Fal-Webhook-User-Id") }, senders.Missing},
		"two users":        {one, func(r *senders.Request) { r.Header.Add("X-Fal-Webhook-User-Id", "github|1") }, senders.Malformed},
		"half a signature": {one, func(r *senders.Request) { r.Header.Set("X-Fal-Webhook-Signature", "00") }, senders.Malformed},
		"at the limit":     {one, func(r *senders.Request) { r.Now = r.Now.Add(300 * time.Second) }, ""},
		"too late":         {one, func(r *senders.Request) { r.Now = r.Now.Add(301 * time.Second) }, senders.Stale},
		"too early":        {one, func(r *senders.Request) { r.Now = r.Now.Add(-301 * time.Second) }, senders.Stale},
	} {
		r := c.key.post(`{"request_id":"req_1","status":"OK"}`)
		c.change(&r)
		if got := reasonOf(t, sender.Check(t.Context(), r)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if n := w.times(""); n != 1 {
		t.Errorf("%d fetches; the keys are kept, and fetched again at most once a minute", n)
	}
}

// Row 99: only keys of the kind that fal signs with count, and what cannot be checked now is
// not refused for good.
func TestFalKeySets(t *testing.T) {
	programs.Need(t, "openssl")
	key := newFalKey(t)
	for name, c := range map[string]struct {
		page      string
		available bool
	}{
		"good":          {jwks(key), true},
		"another type":  {strings.Replace(jwks(key), "OKP", "EC", 1), false},
		"another curve": {strings.Replace(jwks(key), "Ed25519", "X25519", 1), false},
		"no keys":       {`{"keys":[]}`, false},
		"no JSON":       {"<html>", false},
		"too long":      {strings.Repeat(" ", 70_000) + jwks(key), false},
	} {
		w := newWeb()
		w.put(falKeys, c.page)
		err := falSender(t, w).Check(t.Context(), key.post("{}"))
		if _, is := errors.AsType[*senders.UnavailableError](err); is == c.available || c.available && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWeb()
	w.put(falKeys, jwks(key))
	w.moved = "https://stranger.example/keys"
	if _, is := errors.AsType[*senders.UnavailableError](falSender(t, w).Check(t.Context(), key.post("{}"))); !is || len(w.strangers("rest.fal.ai")) > 0 {
		t.Errorf("a redirect is followed to %v", w.strangers("rest.fal.ai"))
	}
}

// Row 99: a new key of fal counts within a minute, and forged posts do not make the relay
// call out more often than that.
func TestFalKeyIsReplaced(t *testing.T) {
	programs.Need(t, "openssl")
	before, after := newFalKey(t), newFalKey(t)
	old, fresh := before.post("{}"), after.post("{}")
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		w.put(falKeys, jwks(before))
		sender := falSender(t, w)
		check := func(r senders.Request, want senders.Reason, fetches int) {
			t.Helper()
			if got := reasonOf(t, sender.Check(t.Context(), r)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if got := w.times(""); got != fetches {
				t.Errorf("%d fetches, want %d", got, fetches)
			}
		}
		check(old, "", 1)
		w.put(falKeys, jwks(after))
		for range 10 {
			check(fresh, senders.Signature, 1)
		}
		time.Sleep(time.Minute)
		check(fresh, "", 2)
		for range 10 {
			check(old, senders.Signature, 2)
		}
		time.Sleep(time.Hour)
		check(fresh, "", 3)
	})
}
