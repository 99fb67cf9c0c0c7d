package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"regexp"
	"strings"

	"github.com/go-jose/go-jose/v4/json" // exact names only, each once
	"github.com/go-jose/go-jose/v4/jwt"

	"callback-relay/publickeys"
)

// balancerHeader is the first part of a token of the load balancer of AWS. What other
// issuers put among the claims is here.
type balancerHeader struct {
	Algorithm string           `json:"alg"`
	KeyID     string           `json:"kid"`
	Signer    string           `json:"signer"`
	Issuer    string           `json:"iss"`
	Client    string           `json:"client"`
	Expiry    *jwt.NumericDate `json:"exp"`
}

// keyID is the form of a key's id, a UUID. It becomes a part of the URL of the key.
var keyID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// balancerClaims returns the claims of a token of the load balancer of AWS, once its
// signature is proven. Such a token has the form of a JSON Web Token, but its parts keep
// the padding of base64, and the signature covers it. Libraries for JSON Web Tokens refuse
// the padding, so the signature is checked here.
func (v *Verifier) balancerClaims(ctx context.Context, token, account string) (claims, error) {
	parts := strings.Split(token, ".")
	errForm := rejected(Malformed, "it is not a token of a load balancer of AWS")
	if len(parts) != 3 {
		return claims{}, errForm
	}
	var h balancerHeader
	signature, err := unpadded(parts[2])
	if err != nil || readPart(parts[0], &h) != nil || h.Algorithm != "ES256" || !keyID.MatchString(h.KeyID) {
		return claims{}, errForm
	}
	// Before anything is fetched: everybody can have a load balancer that signs.
	if h.Signer != v.spec.Signer {
		return claims{}, rejected(Signer, "it was not signed by the load balancer %s", v.spec.Signer)
	}
	public, err := v.balancerKey(ctx, h.KeyID, account)
	if err != nil {
		return claims{}, &UnavailableError{err}
	}
	if !verifyES256(public, parts[0]+"."+parts[1], signature) {
		return claims{}, rejected(Signature, "it was signed with another key, or over other bytes")
	}
	var c claims
	if readPart(parts[1], &c) != nil {
		return claims{}, errForm
	}
	if c.Issuer != "" && c.Issuer != h.Issuer {
		return claims{}, rejected(Issuer, "its two parts have different issuers")
	}
	// The user's claims can have a later end than the token itself.
	c.Issuer, c.Audience, c.Expiry = h.Issuer, jwt.Audience{h.Client}, h.Expiry
	return c, nil
}

// balancerKey returns a public key of load balancers. AWS never changes a key under the
// same id, but a key that it removed must stop to count.
func (v *Verifier) balancerKey(ctx context.Context, id, account string) (*ecdsa.PublicKey, error) {
	document, err := v.keys.Document(ctx, publickeys.Wanted{
		URL: v.list + "/" + id, Account: account, Expected: true, MaxAge: publickeys.CachedFor, StaleFor: publickeys.StaleFor,
	})
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, errors.New("AWS' answer is not a public key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(*ecdsa.PublicKey)
	if err != nil || !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("AWS' answer is not a public key for ES256")
	}
	return public, nil
}

// verifyES256 checks a signature of RFC 7518, section 3.4: two numbers of 32 bytes.
func verifyES256(public *ecdsa.PublicKey, signed string, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(signed))
	return ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// readPart reads the JSON of one part of a token.
func readPart(part string, into any) error {
	text, err := unpadded(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// unpadded decodes base64url, with or without padding.
func unpadded(part string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(part, "="))
}
