package senders

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// falKeys is where fal publishes its public keys.
const falKeys = "https://rest.fal.ai/.well-known/jwks.json"

// fal checks signatures of fal: Ed25519 over the request's id, the user's id, the
// timestamp and the SHA-256 of the body, with one of fal's own keys. So every account of
// fal can make one, and the user's id must be the expected one.
type fal struct {
	user string
	keys *Keys
}

func newFal(s Spec, keys *Keys, m *mistakes) prover {
	if len(s.Secrets) > 0 {
		m.add("secrets", "are not used: fal signs with a key of its own")
	}
	return fal{s.Account, keys}
}

var falTime = Timestamp{Unit: unitSeconds}

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
	public, err := f.public(ctx)
	if err != nil {
		return nil, &UnavailableError{"the list of fal's public keys", err}
	}
	message := strings.Join([]string{values["Request-Id"], values["User-Id"], values["Timestamp"], digestOf(r.Body)}, "\n")
	for _, key := range public {
		if ed25519.Verify(key, []byte(message), signature) {
			if !falTime.isFresh(at, r.Now) {
				return nil, unproven(Stale, "the post was signed more than 5 minutes before or after the relay's time")
			}
			return nil, nil
		}
	}
	return nil, unproven(Signature, "the signature was made with another key or over other bytes")
}

// public returns fal's public keys.
func (f fal) public(ctx context.Context) ([]ed25519.PublicKey, error) {
	document, err := f.keys.document(ctx, falKeys)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct {
			X string `json:"x"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, err
	}
	var all []ed25519.PublicKey
	for _, key := range set.Keys[:min(len(set.Keys), maxPublicSignatures)] {
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(key.X, "=")); err == nil && len(raw) == ed25519.PublicKeySize {
			all = append(all, raw)
		}
	}
	return all, nil
}
