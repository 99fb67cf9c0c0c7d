package relay

import (
	"crypto/subtle"
	"encoding/base64"
	"regexp"
)

// nonceForm is what a nonce for [KeyRing.Prove] looks like: of bounded length, and
// not to be mistaken for anything else that is signed.
var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// Prove answers a nonce with a proof that only a relay with the same master keys
// can compute. A nonce has 16 to 64 characters A-Z, a-z, 0-9, _ and -; for any
// other text ok is false. Prove needs no look-up, and its key has no other use.
func (r *KeyRing) Prove(nonce string) (proof string, ok bool) {
	if !nonceForm.MatchString(nonce) {
		return "", false
	}
	return r.keys[0].proofOf(nonce), true
}

// Proves tells whether a proof comes from a relay with one of these master keys.
func (r *KeyRing) Proves(nonce, proof string) bool {
	for _, key := range r.keys {
		if subtle.ConstantTimeCompare([]byte(key.proofOf(nonce)), []byte(proof)) == 1 {
			return true
		}
	}
	return false
}

func (k *masterKey) proofOf(nonce string) string {
	return base64.RawURLEncoding.EncodeToString(k.proof.mac([]byte(nonce)))
}
