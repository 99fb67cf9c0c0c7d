package identity_test

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/identity"
	"callback-relay/programs"
	"callback-relay/publickeys"
)

// web is what can be fetched. It counts what is asked for.
type web struct {
	mu    sync.Mutex
	pages map[string]string
	asked []string
}

// RoundTrip implements [http.RoundTripper].
func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r.URL.String())
	page, found := w.pages[r.URL.String()]
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(page)), Request: r}
	if !found {
		resp.StatusCode = http.StatusNotFound
	}
	return resp, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signer signs with openssl, so that nothing is verified by the code that made it.
type signer struct {
	t         *testing.T
	alg, kid  string
	file      string
	publicPEM string
}

func newSigner(t *testing.T, alg, kid string) signer {
	t.Helper()
	programs.Need(t, "openssl")
	s := signer{t: t, alg: alg, kid: kid, file: filepath.Join(t.TempDir(), "key.pem")}
	arguments := []string{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", s.file}
	if alg == "ES256" {
		arguments = []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", s.file}
	}
	s.openssl(nil, arguments...)
	s.publicPEM = string(s.openssl(nil, "pkey", "-in", s.file, "-pubout"))
	return s
}

func (s signer) openssl(stdin []byte, arguments ...string) []byte {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), "openssl", arguments...)
	command.Stdin = strings.NewReader(string(stdin))
	out, err := command.Output()
	must(s.t, err)
	return out
}

// signature signs a text.
func (s signer) signature(text string) []byte {
	s.t.Helper()
	raw := s.openssl([]byte(text), "dgst", "-sha256", "-sign", s.file)
	if s.alg != "ES256" {
		return raw
	}
	var pair struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(raw, &pair)
	must(s.t, err)
	return append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...)
}

type object map[string]any

func (o object) with(name string, value any) object {
	changed := object{}
	for n, v := range o {
		changed[n] = v
	}
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

// token returns a token; encoding is that of its parts.
func (s signer) token(encoding *base64.Encoding, header, claims object) string {
	s.t.Helper()
	part := func(o object) string {
		text, err := json.Marshal(o)
		must(s.t, err)
		return encoding.EncodeToString(text)
	}
	signed := part(header) + "." + part(claims)
	return signed + "." + encoding.EncodeToString(s.signature(signed))
}

// jwk returns the public key as a JSON Web Key, by what openssl says about it.
func (s signer) jwk() string {
	s.t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	if s.alg == "ES256" {
		der := s.openssl(nil, "pkey", "-in", s.file, "-pubout", "-outform", "DER")
		point := der[len(der)-64:] // after the byte that says it is not compressed
		return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"x":%q,"y":%q}`, s.kid, b64(point[:32]), b64(point[32:]))
	}
	_, modulus, _ := strings.Cut(strings.TrimSpace(string(s.openssl(nil, "rsa", "-in", s.file, "-noout", "-modulus"))), "=")
	n, ok := new(big.Int).SetString(modulus, 16)
	if !ok {
		s.t.Fatal("no modulus")
	}
	return fmt.Sprintf(`{"kty":"RSA","use":"sig","kid":%q,"n":%q,"e":"AQAB"}`, s.kid, b64(n.Bytes()))
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

const (
	balancer   = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/pages/50dc6c495c0c9188"
	balancerID = "6b8b2a1e-0c3a-4a55-9d0e-0f4d2f9f3c11"
	publicKeys = "https://public-keys.auth.elb.eu-west-1.amazonaws.com/" + balancerID
	team       = "https://example.cloudflareaccess.com"
	teamKeys   = team + "/cdn-cgi/access/certs"
	loginKeys  = "https://login.example.com/keys.json"
)

var (
	now    = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	padded = base64.URLEncoding
	bare   = base64.RawURLEncoding
)

// proxy is one kind of proxy, with a signer of its own.
type proxy struct {
	spec           identity.Spec
	header         string // in which the token is
	encoding       *base64.Encoding
	signer         signer
	tokens, claims object // the first and the second part of a good token
	keys           string // the URL of the keys
}

func proxies(t *testing.T) map[string]proxy {
	t.Helper()
	ends := now.Add(time.Minute).Unix()
	person := object{"sub": "7f3a", "email": "dana@example.com", "name": "Dana Okafor", "exp": ends}
	token := person.with("aud", []string{"other", "pages"}).with("iat", now.Unix())
	return map[string]proxy{
		"load balancer of AWS": {
			identity.Spec{Type: identity.AWSALB, Issuer: "https://login.example.com", Audience: "client-1", Signer: balancer},
			"X-Amzn-Oidc-Data", padded, newSigner(t, "ES256", balancerID),
			object{"alg": "ES256", "kid": balancerID, "signer": balancer, "iss": "https://login.example.com", "client": "client-1", "exp": ends},
			person.with("email_verified", "true"), publicKeys,
		},
		"Cloudflare Access": {
			identity.Spec{Type: identity.CloudflareAccess, Issuer: team, Audience: "pages"},
			"Cf-Access-Jwt-Assertion", bare, newSigner(t, "RS256", "c1"),
			object{"alg": "RS256", "kid": "c1"}, token.with("iss", team), teamKeys,
		},
		"another proxy": {
			identity.Spec{Type: identity.JWT, Issuer: "https://login.example.com", Audience: "pages", Header: "X-Who", Keys: loginKeys},
			"X-Who", bare, newSigner(t, "ES256", "k1"),
			object{"alg": "ES256", "kid": "k1"}, token.with("iss", "https://login.example.com").with("email_verified", true), loginKeys,
		},
	}
}

// published are the keys as the proxy publishes them.
func (p proxy) published() string {
	if p.spec.Type == identity.AWSALB {
		return p.signer.publicPEM
	}
	return jwks(`{"kty":"later","kid":"x"}`, p.signer.jwk()) // of a type that is not known yet, too
}

func (p proxy) verifier(t *testing.T, w *web) *identity.Verifier {
	t.Helper()
	v, err := identity.New(p.spec, publickeys.New(w))
	must(t, err)
	return v
}

func (p proxy) good() string { return p.signer.token(p.encoding, p.tokens, p.claims) }

func (p proxy) request(token string) http.Header { return http.Header{p.header: {token}} }

// reasonOf returns why a token was rejected, or what else happened.
func reasonOf(err error) string {
	wrong := (*identity.RejectedError)(nil)
	unavailable := (*identity.UnavailableError)(nil)
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, identity.ErrNobody):
		return "nobody"
	case errors.As(err, &wrong):
		return string(wrong.Reason)
	case errors.As(err, &unavailable):
		return "unavailable"
	}
	return err.Error()
}

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
