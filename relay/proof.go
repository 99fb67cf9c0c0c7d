package relay

import (
	"crypto/subtle"
	"encoding/base64"
	"regexp"
)

// nonceForm is what a relay proves itself by: text that cannot be mistaken for
// anything else that is signed, and is of bounded length.
var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// Prove answers a nonce with what only a relay of the same master keys can say,
// and false for what is no nonce: 16 to 64 characters A-Z, a-z, 0-9, _ and -. It
// costs arithmetic only, and its key serves nothing else.
func (r *KeyRing) Prove(nonce string) (proof string, ok bool) {
	if !nonceForm.MatchString(nonce) {
		return "", false
	}
	return r.keys[0].proofOf(nonce), true
}

// Proves tells whether a proof is that of a relay with one of these master keys.
func (r *KeyRing) Proves(nonce, proof string) bool {
	for _, key := range r.keys {
		if subtle.ConstantTimeCompare([]byte(key.proofOf(nonce)), []byte(proof)) == 1 {
			return true
		}
	}
	return false
}

func (k *masterKey) proofOf(nonce string) string {
	return base64.RawURLEncoding.EncodeToString(mac(k.proof, []byte(nonce)))
}
