package senders

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"callback-relay/publickeys"
)

// falKeys is where fal publishes its public keys.
const falKeys = "https://rest.fal.ai/.well-known/jwks.json"

// fal checks signatures of fal: Ed25519 over the request's id, the user's id, the
// timestamp and the SHA-256 of the body, with one of fal's own keys. So every account of
// fal can make one, and the user's id must be the expected one.
type fal struct {
	user string
	keys *publickeys.Cache
}

func newFal(s Spec, keys *publickeys.Cache, m *mistakes) prover {
	if len(s.Secrets) > 0 {
		m.add("secrets", "are not used: fal signs with a key of its own")
	}
	return fal{s.Account, keys}
}

var falTime = Timestamp{Unit: unitSeconds}

// falRefetch is how old the list of keys may be when none of them fits: fal may have a new
// one. Forged posts do not cause more calls than that.
const falRefetch = time.Minute

// prove implements [prover].
func (f fal) prove(ctx context.Context, r Request) ([]byte, error) {
	const prefix = "X-Fal-Webhook-"
	values := map[string]string{}
	for _, name := range []string{"Request-Id", "User-Id", "Timestamp", "Signature"} {
		value, failure := single(r.Header, prefix+name)
		if failure != nil {
			return nil, failure
		}
		values[name] = value
	}
	signature, err := decode(asHex, values["Signature"])
	at, ok := falTime.parse(values["Timestamp"])
	if err != nil || len(signature) != ed25519.SignatureSize || !ok {
		return nil, unproven(Malformed, "the signature or the timestamp is not one of fal")
	}
	if values["User-Id"] != f.user {
		return nil, unproven(Account, "the event is of another user of fal")
	}
	message := strings.Join([]string{values["Request-Id"], values["User-Id"], values["Timestamp"], digestOf(r.Body)}, "\n")
	list := publickeys.Wanted{
		URL: falKeys, Account: f.user, Expected: true, MaxAge: publickeys.CachedFor, StaleFor: publickeys.StaleFor,
	}
	newer := list
	newer.MaxAge, newer.StaleFor = falRefetch, 0 // an older one does not say that the key is not fal's
	for _, list := range []publickeys.Wanted{list, newer} {
		signed, err := f.signed(ctx, []byte(message), signature, list)
		if err != nil {
			return nil, &UnavailableError{"the list of fal's public keys", err}
		}
		if signed && !falTime.isFresh(at, r.Now) {
			return nil, unproven(Stale, "the post was signed more than 5 minutes before or after the relay's time")
		}
		if signed {
			return nil, nil
		}
	}
	return nil, unproven(Signature, "the signature was made with another key or over other bytes")
}

// digestOf is the SHA-256 of a body in hex.
func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// signed tells whether one of the keys in a list made a signature.
func (f fal) signed(ctx context.Context, message, signature []byte, list publickeys.Wanted) (bool, error) {
	document, err := f.keys.Document(ctx, list)
	if err != nil {
		return false, err
	}
	public, err := ed25519Keys(document)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(public, func(key ed25519.PublicKey) bool { return ed25519.Verify(key, message, signature) }), nil
}

// ed25519Keys returns the Ed25519 keys of a JSON Web Key Set (RFC 7517, RFC 8037).
func ed25519Keys(document []byte) ([]ed25519.PublicKey, error) {
	var set struct {
		Keys []struct {
			Type  string `json:"kty"`
			Curve string `json:"crv"`
			X     string `json:"x"`
		} `json:"keys"`
	}
	if json.Unmarshal(document, &set) != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	var all []ed25519.PublicKey
	for _, key := range set.Keys {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(key.X, "="))
		if err == nil && key.Type == "OKP" && key.Curve == "Ed25519" && len(raw) == ed25519.PublicKeySize && len(all) < maxPublicSignatures {
			all = append(all, raw)
		}
	}
	if all == nil {
		return nil, errors.New("a JSON Web Key Set without an Ed25519 key")
	}
	return all, nil
}
