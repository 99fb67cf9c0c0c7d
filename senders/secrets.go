package senders

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // senders sign with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"slices"
	"strings"
)

// key checks signatures with one secret or public key.
type key interface {
	// signed tells whether one of the signatures is the key's, over the parts in order.
	signed(parts, signatures [][]byte) bool
	// fits tells whether a signature could be the key's, judged by its length.
	fits(signature []byte) bool
}

// newKey reads a secret as the proof says.
func (p *Proof) newKey(secret string) (key, error) {
	raw, err := decode(cmpOr(p.SecretEncoding, asText), strings.TrimPrefix(secret, p.SecretPrefix))
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, errors.New("empty but for its prefix")
	}
	switch p.Algorithm {
	case hmacSHA1:
		return hmacKey{raw, sha1.New}, nil
	case hmacSHA256:
		return hmacKey{raw, sha256.New}, nil
	case hmacSHA512:
		return hmacKey{raw, sha512.New}, nil
	case ed25519Sig:
		if len(raw) != ed25519.PublicKeySize {
			return nil, errors.New("not an Ed25519 public key, which has 32 bytes")
		}
		return ed25519Key(raw), nil
	case ecdsaP256:
		return newECDSAKey(raw)
	}
	return sharedKey(sha256.Sum256(raw)), nil
}

// cmpOr returns the text, or another one for "".
func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// decode decodes a secret or a signature. It takes each only in the form in which
// senders write it, so that there is one text for each value: base64 with padding and
// without spare bits, and hex in one case.
func decode(encoding, text string) ([]byte, error) {
	switch encoding {
	case asText:
		return []byte(text), nil
	case asHex:
		if text != strings.ToLower(text) && text != strings.ToUpper(text) {
			return nil, errors.New("not hex: the letters are of both cases")
		}
		raw, err := hex.DecodeString(text)
		if err != nil {
			return nil, errors.New("not hex") // the cause would show a character
		}
		return raw, nil
	}
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return nil, errors.New("not base64")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return raw, nil
}

// hmacKey is a key of HMAC.
type hmacKey struct {
	secret []byte
	hash   func() hash.Hash
}

// signed implements [key].
func (k hmacKey) signed(parts, signatures [][]byte) bool {
	mac := k.sum(parts...)
	found := false
	for _, signature := range signatures {
		found = hmac.Equal(mac, signature) || found
	}
	return found
}

// sum returns the HMAC of the parts.
func (k hmacKey) sum(parts ...[]byte) []byte {
	mac := hmac.New(k.hash, k.secret)
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// fits implements [key].
func (k hmacKey) fits(signature []byte) bool { return len(signature) == k.hash().Size() }

// ed25519Key is a public key of Ed25519.
type ed25519Key ed25519.PublicKey

// signed implements [key].
func (k ed25519Key) signed(parts, signatures [][]byte) bool {
	message := slices.Concat(parts...)
	return slices.ContainsFunc(signatures, func(signature []byte) bool {
		return ed25519.Verify(ed25519.PublicKey(k), message, signature)
	})
}

// fits implements [key].
func (ed25519Key) fits(signature []byte) bool { return len(signature) == ed25519.SignatureSize }

// ecdsaKey is a public key of ECDSA on P-256, used with SHA-256.
type ecdsaKey struct{ public *ecdsa.PublicKey }

// newECDSAKey reads a SubjectPublicKeyInfo.
func newECDSAKey(der []byte) (key, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	public, isECDSA := parsed.(*ecdsa.PublicKey)
	if err != nil || !isECDSA || public.Curve != elliptic.P256() {
		return nil, errors.New("not a public key on P-256 (SubjectPublicKeyInfo in DER)")
	}
	return ecdsaKey{public}, nil
}

// signed implements [key].
func (k ecdsaKey) signed(parts, signatures [][]byte) bool {
	digest := sha256.New()
	for _, part := range parts {
		digest.Write(part)
	}
	sum := digest.Sum(nil)
	return slices.ContainsFunc(signatures, func(signature []byte) bool {
		return ecdsa.VerifyASN1(k.public, sum, signature)
	})
}

// fits implements [key]. A signature is a sequence of two numbers of up to 33 bytes.
func (ecdsaKey) fits(signature []byte) bool { return len(signature) >= 8 && len(signature) <= 72 }

// sharedKey is the digest of a secret that the sender posts. Digests have one length, so
// comparing them does not tell how long the secret is.
type sharedKey [sha256.Size]byte

// signed implements [key]. Here the signatures are what was posted as the secret.
func (k sharedKey) signed(_, signatures [][]byte) bool {
	found := false
	for _, posted := range signatures {
		digest := sha256.Sum256(posted)
		found = hmac.Equal(k[:], digest[:]) || found
	}
	return found
}

// fits implements [key].
func (sharedKey) fits(posted []byte) bool { return len(posted) > 0 }
