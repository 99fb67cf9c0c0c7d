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
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
