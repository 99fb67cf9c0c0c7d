package identity_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"callback-relay/identity"
)

// Row 122: only a signature of the proxy says who is there, and only for this relay and now.
func TestVerify(t *testing.T) {
	for name, p := range proxies(t) {
		t.Run(name, func(t *testing.T) {
			w := &web{pages: map[string]string{p.keys: p.published()}}
			v := p.verifier(t, w)
			want := identity.Person{Issuer: p.spec.Issuer, Subject: "7f3a", Email: "dana@example.com", Name: "Dana Okafor"}
			token := p.good()
			for _, header := range []string{token, "Bearer " + token, "bearer " + token} {
				if got, err := v.Verify(t.Context(), p.request(header), "cb", now); got != want || err != nil {
					t.Fatalf("%+v, %v", got, err)
				}
			}
			stranger := newSigner(t, p.signer.alg, p.signer.kid)
			where := map[bool]string{true: "tokens", false: "claims"}[p.spec.Type == identity.AWSALB]
			change := func(part, member string, value any) string {
				changed := p
				if part == "tokens" {
					changed.tokens = p.tokens.with(member, value)
				} else {
					changed.claims = p.claims.with(member, value)
				}
				return changed.good()
			}
			client := map[bool]string{true: "client", false: "aud"}[p.spec.Type == identity.AWSALB]
			ago, soon := now.Add(-time.Minute-time.Second).Unix(), now.Add(time.Minute+time.Second).Unix()
			for what, c := range map[string]struct{ token, want string }{
				"none":             {"", "nobody"},
				"another key":      {stranger.token(p.encoding, p.tokens, p.claims), "signature"},
				"another issuer":   {change(where, "iss", "https://login.example.com/"), "issuer"},
				"another audience": {change(where, client, "page"), "audience"},
				"no audience":      {change(where, client, nil), "audience"},
				"expired":          {change(where, "exp", ago), "expired"},
				"without an end":   {change(where, "exp", nil), "malformed"},
				"too early":        {change("claims", "nbf", soon), "expired"},
				"no subject":       {change("claims", "sub", nil), "malformed"},
				"an endless one":   {change("claims", "sub", strings.Repeat("x", 321)), "malformed"},
				"too long":         {change("claims", "filler", strings.Repeat("x", 16<<10)), "malformed"},
				"no token":         {"dana@example.com", "malformed"},
				"two parts":        {token[:strings.LastIndex(token, ".")], "malformed"},
				"not signed":       {unsigned(t, p, "none"), "malformed"},
				"a shared secret":  {unsigned(t, p, "HS256"), "malformed"},
			} {
				got, err := v.Verify(t.Context(), p.request(c.token), "cb", now)
				if reasonOf(err) != c.want || got != (identity.Person{}) {
					t.Errorf("%s: %+v, %v, want %s", what, got, err, c.want)
				}
				if err != nil && len(c.token) > 20 && strings.Contains(err.Error(), c.token[:20]) {
					t.Errorf("%s: the error shows the token", what)
				}
			}
			if _, err := v.Verify(t.Context(), http.Header{p.header: {token, token}}, "cb", now); reasonOf(err) != "malformed" {
				t.Errorf("twice: %v", err)
			}
			if _, err := v.Verify(t.Context(), http.Header{"X-User": {"dana"}}, "cb", now); reasonOf(err) != "nobody" {
				t.Errorf("an unsigned header: %v", err)
			}
			for at := range len(token) { // each character
				changed := token[:at] + map[bool]string{true: "B", false: "A"}[token[at] == 'A'] + token[at+1:]
				got, err := v.Verify(t.Context(), p.request(changed), "cb", now)
				if err == nil && !sameBits(token, changed) {
					t.Fatalf("accepted with character %d changed: %+v", at, got)
				}
			}
		})
	}
}

// sameBits tells whether two tokens differ only in bits that base64 leaves unused, or in
// padding.
func sameBits(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y), 3) {
		p, errP := base64.RawURLEncoding.DecodeString(strings.TrimRight(x[i], "="))
		q, errQ := base64.RawURLEncoding.DecodeString(strings.TrimRight(y[i], "="))
		if errP != nil || errQ != nil || string(p) != string(q) {
			return false
		}
	}
	return len(x) == len(y)
}

// unsigned returns a token that says that it needs no key, or a shared one.
func unsigned(t *testing.T, p proxy, alg string) string {
	t.Helper()
	changed := p
	changed.tokens = p.tokens.with("alg", alg)
	token := changed.good()
	if alg == "none" {
		token = token[:strings.LastIndex(token, ".")+1]
	}
	return token
}

// A mail address that the issuer has not verified, or a name of any length, says nothing.
func TestUnverifiedMail(t *testing.T) {
	p := proxies(t)["another proxy"]
	v := p.verifier(t, &web{pages: map[string]string{p.keys: p.published()}})
	for _, verified := range []any{false, "false", 0, "yes"} {
		p.claims = p.claims.with("email_verified", verified).with("name", strings.Repeat("x", 321))
		got, err := v.Verify(t.Context(), p.request(p.good()), "cb", now)
		if err != nil || got.Email != "" || got.Name != "" || got.Subject != "7f3a" {
			t.Errorf("%v: %+v, %v", verified, got, err)
		}
	}
	p.claims = p.claims.with("email_verified", nil)
	if got, err := v.Verify(t.Context(), p.request(p.good()), "cb", now); err != nil || got.Email != "dana@example.com" {
		t.Errorf("an issuer that does not say: %+v, %v", got, err)
	}
}
