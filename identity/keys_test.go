package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/identity"
	"callback-relay/publickeys"
)

// The keys of a proxy change. A new one counts at once, but made-up key ids do not make the
// relay fetch all the time; and nothing is fetched for another load balancer, or from a
// path that a token made up.
func TestKeysChange(t *testing.T) {
	p := proxies(t)["Cloudflare Access"]
	next := p
	next.signer, next.tokens = newSigner(t, "RS256", "c2"), p.tokens.with("kid", "c2")
	old, fresh := p.good(), next.good()
	forged := p
	forged.signer = newSigner(t, "RS256", "c3")
	forged.tokens = p.tokens.with("kid", "c3")
	wrong := forged.good()
	synctest.Test(t, func(t *testing.T) {
		w := &web{pages: map[string]string{p.keys: jwks(p.signer.jwk())}}
		v := p.verifier(t, w)
		check := func(token string) string {
			_, err := v.Verify(t.Context(), p.request(token), "cb", now)
			return reasonOf(err)
		}
		if got := check(old); got != "accepted" {
			t.Fatal(got)
		}
		w.pages[p.keys] = jwks(p.signer.jwk(), next.signer.jwk())
		time.Sleep(time.Minute)
		for range 50 {
			if got := check(wrong); got != "signature" {
				t.Fatal(got)
			}
		}
		if got := check(fresh); got != "accepted" || len(w.asked) != 2 {
			t.Errorf("%s, fetched %d times", got, len(w.asked))
		}
		w.pages = nil
		time.Sleep(2 * time.Hour)
		if got := check(fresh); got != "accepted" {
			t.Errorf("while the keys cannot be fetched: %s", got)
		}
		if got := check(wrong); got != "unavailable" {
			t.Errorf("a key that may be new: %s", got)
		}
		time.Sleep(24 * time.Hour)
		if got := check(fresh); got != "unavailable" {
			t.Errorf("a day later: %s", got)
		}
	})
	b := proxies(t)["load balancer of AWS"]
	w := &web{pages: map[string]string{b.keys: b.published()}}
	v := b.verifier(t, w)
	for _, changed := range []object{
		b.tokens.with("signer", strings.Replace(balancer, "123456789012", "210987654321", 1)),
		b.tokens.with("signer", nil),
		b.tokens.with("kid", "../../x"), b.tokens.with("kid", ""), b.tokens.with("kid", balancerID+"?"), b.tokens.with("kid", 1),
	} {
		b.tokens = changed
		if _, err := v.Verify(t.Context(), b.request(b.good()), "cb", now); err == nil {
			t.Errorf("accepted: %v", changed)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("fetched %q", w.asked)
	}
}

// The signatures of RFC 7515, appendices A.2 and A.3, count; that is as far as their claims
// get. Changed by a bit, they do not.
func TestPublishedSignatures(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "rfc7515.json"))
	must(t, err)
	var vectors []struct {
		Name, Token string
		JWK         json.RawMessage
	}
	must(t, json.Unmarshal(raw, &vectors))
	for _, vector := range vectors {
		w := &web{pages: map[string]string{loginKeys: jwks(string(vector.JWK))}}
		v, err := identity.New(identity.Spec{Type: identity.JWT, Issuer: "joe", Audience: "pages", Header: "X-Who", Keys: loginKeys}, publickeys.New(w))
		must(t, err)
		then := time.Unix(1300819380, 0)
		if _, err := v.Verify(t.Context(), http.Header{"X-Who": {vector.Token}}, "cb", then); reasonOf(err) != "audience" {
			t.Errorf("%s: %v", vector.Name, err)
		}
		at := strings.LastIndex(vector.Token, ".") + 10
		changed := vector.Token[:at] + map[bool]string{true: "B", false: "A"}[vector.Token[at] == 'A'] + vector.Token[at+1:]
		if _, err := v.Verify(t.Context(), http.Header{"X-Who": {changed}}, "cb", then); reasonOf(err) != "signature" {
			t.Errorf("%s, changed: %v", vector.Name, err)
		}
	}
	if len(vectors) != 2 {
		t.Errorf("%d vectors", len(vectors))
	}
}

// A key that its publisher made for encryption, or published with its private part, does
// not sign.
func TestOtherKeys(t *testing.T) {
	p := proxies(t)["Cloudflare Access"]
	key := p.signer.jwk()
	for name, published := range map[string]string{
		"for encryption": strings.Replace(key, `"use":"sig"`, `"use":"enc"`, 1),
		"shared":         fmt.Sprintf(`{"kty":"oct","kid":%q,"k":"c2VjcmV0"}`, p.signer.kid),
		"none":           "",
	} {
		v := p.verifier(t, &web{pages: map[string]string{p.keys: jwks(published)}})
		if _, err := v.Verify(t.Context(), p.request(p.good()), "cb", now); reasonOf(err) != "unavailable" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Forged tokens of one account stop only their own keys from being fetched: a genuine token of
// another account counts meanwhile.
func TestForgedTokensStopNoOthers(t *testing.T) {
	p := proxies(t)["load balancer of AWS"]
	good := p.good()
	w := &web{pages: map[string]string{p.keys: p.published()}}
	v := p.verifier(t, w)
	for i := range 50 {
		forged := p
		forged.tokens = p.tokens.with("kid", fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
		if _, err := v.Verify(t.Context(), p.request(forged.good()), "forger", now); reasonOf(err) != "unavailable" {
			t.Fatal(err)
		}
	}
	if len(w.asked) > 16 {
		t.Errorf("%d keys were asked for", len(w.asked))
	}
	if _, err := v.Verify(t.Context(), p.request(good), "another", now); err != nil {
		t.Error(err)
	}
}

// Only the exact name of a claim counts: other spellings, which some decoders of JSON take for
// the same, can be attributes that people choose themselves.
func TestClaimsAreExact(t *testing.T) {
	for name, p := range proxies(t) {
		for _, spelling := range []string{"SUB", "Sub", "\u017fub"} {
			p.claims = p.claims.with(spelling, "s-dana")
		}
		p.claims = p.claims.with("EMAIL", "lee@example.com").with("Name", "Lee")
		v := p.verifier(t, &web{pages: map[string]string{p.keys: p.published()}})
		got, err := v.Verify(t.Context(), p.request(p.good()), "cb", now)
		if err != nil || got.Subject != "7f3a" || got.Email != "dana@example.com" || got.Name != "Dana Okafor" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
