package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"callback-relay/publickeys"
)

// Verifier tells who is there. It is safe for concurrent use.
type Verifier struct {
	spec   Spec
	header string
	list   string // the URL of the keys, or below which they are
	keys   *publickeys.Cache
}

// Bounds of what a token can hold.
const (
	maxToken   = 16 << 10 // bytes; a load balancer's headers have at most 16 KB
	maxKeys    = 100      // of one set
	maxClaim   = 320      // bytes of a claim; the longest mail address
	leeway     = time.Minute
	refetch    = time.Minute // how old a set may be in which no key fits: the proxy may have a new one
	bearerType = "Bearer "
)

// algorithms are those of public keys. With one of a shared key, whoever knows the public
// key could sign.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// claims are what a token says about a person.
type claims struct {
	jwt.Claims
	Email    string `json:"email"`
	Verified any    `json:"email_verified"` // some issuers write a text
	Name     string `json:"name"`
}

// Issuer returns the issuer whose tokens count.
func (v *Verifier) Issuer() string { return v.spec.Issuer }

// Verify returns who is there. Otherwise the error is [ErrNobody], [*RejectedError] or
// [*UnavailableError]. Forged tokens of one account, such as a callback, do not keep keys
// from being fetched for others. now is the relay's time.
func (v *Verifier) Verify(ctx context.Context, header http.Header, account string, now time.Time) (Person, error) {
	tokens := header.Values(v.header)
	if len(tokens) == 0 || len(tokens) == 1 && tokens[0] == "" {
		return Person{}, ErrNobody
	}
	token := tokens[0]
	if len(tokens) > 1 {
		return Person{}, rejected(Malformed, "the header %s is there more than once", v.header)
	}
	if len(token) > maxToken {
		return Person{}, rejected(Malformed, "it has more than %d bytes", maxToken)
	}
	if len(token) > len(bearerType) && strings.EqualFold(token[:len(bearerType)], bearerType) {
		token = token[len(bearerType):]
	}
	var c claims
	var err error
	if v.spec.Type == AWSALB {
		c, err = v.balancerClaims(ctx, token, account)
	} else {
		c, err = v.tokenClaims(ctx, token, account)
	}
	if err != nil {
		return Person{}, err
	}
	return v.person(c, now)
}

// person checks proven claims.
func (v *Verifier) person(c claims, now time.Time) (Person, error) {
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: v.spec.Issuer, AnyAudience: jwt.Audience{v.spec.Audience}, Time: now}, leeway)
	switch {
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return Person{}, rejected(Issuer, "its issuer is not %s", v.spec.Issuer)
	case errors.Is(err, jwt.ErrInvalidAudience):
		return Person{}, rejected(Audience, "it is not for the audience %s", v.spec.Audience)
	case err != nil:
		return Person{}, rejected(Expired, "it has expired, or is not valid yet")
	case c.Expiry == nil:
		return Person{}, rejected(Malformed, "it does not say when it expires")
	case c.Subject == "" || len(c.Subject) > maxClaim:
		return Person{}, rejected(Malformed, "it has no claim sub, or one of more than %d bytes", maxClaim)
	}
	p := Person{Issuer: c.Issuer, Subject: c.Subject}
	if verified := c.Verified == nil || c.Verified == true || c.Verified == "true"; verified && len(c.Email) <= maxClaim {
		p.Email = strings.TrimSpace(c.Email)
	}
	if len(c.Name) <= maxClaim {
		p.Name = c.Name
	}
	return p, nil
}

// tokenClaims returns the claims of a JSON Web Token, once its signature is proven.
func (v *Verifier) tokenClaims(ctx context.Context, token, account string) (claims, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return claims{}, rejected(Malformed, "it is not a JSON Web Token that is signed with a public key")
	}
	list := publickeys.Wanted{
		URL: v.list, Account: account, Expected: true, MaxAge: publickeys.CachedFor, StaleFor: publickeys.StaleFor,
	}
	newer := list
	newer.MaxAge, newer.StaleFor = refetch, 0 // an older one does not say that the key is not the proxy's
	for _, list := range []publickeys.Wanted{list, newer} {
		document, err := v.keys.Document(ctx, list)
		if err != nil {
			return claims{}, &UnavailableError{err}
		}
		all, err := readKeys(document)
		if err != nil {
			return claims{}, &UnavailableError{err}
		}
		for _, key := range all {
			var c claims
			if kid := parsed.Headers[0].KeyID; (kid == "" || kid == key.KeyID) && parsed.Claims(key.Key, &c) == nil {
				return c, nil
			}
		}
	}
	return claims{}, rejected(Signature, "it was signed with another key, or over other bytes")
}

// readKeys reads a JSON Web Key Set. It leaves out keys that it does not know, and those
// that are not public or do not sign.
func readKeys(document []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(document, &set) != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	var all []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.Valid() && key.IsPublic() && key.Use != "enc" {
			all = append(all, key)
		}
	}
	if all == nil {
		return nil, errors.New("a JSON Web Key Set without a public key that signs")
	}
	return all, nil
}
