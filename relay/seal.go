package relay

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrSealed reports a value that no key of the ring opens: its master key was
// removed too early, or the stored value has been changed.
var ErrSealed = errors.New("sealed with a key that is not in the ring")

// sealSeparator ends the key's name in front of what the key sealed.
const sealSeparator = ':'

// Seal encrypts a value with the newest key (AES-256-GCM, random nonce). It also
// authenticates the callback and the field that the value belongs to, so a sealed
// value that is moved elsewhere does not open. The result is binary: the key's
// name, a colon, the nonce and the ciphertext.
func (r *KeyRing) Seal(id CallbackID, field string, plain []byte) []byte {
	key := r.keys[0]
	out := make([]byte, 0, len(key.name)+1+key.seal.Overhead()+len(plain))
	out = append(out, key.name...)
	out = append(out, sealSeparator)
	return key.seal.Seal(out, nil, plain, sealContext(id, field)) //nolint:gosec // this AEAD makes its own random nonce
}

// Open decrypts what [KeyRing.Seal] encrypted with any key of the ring. Otherwise
// it reports [ErrSealed].
func (r *KeyRing) Open(id CallbackID, field string, sealed []byte) ([]byte, error) {
	name, box, _ := bytes.Cut(sealed, []byte{sealSeparator})
	key, ok := r.named(string(name))
	if !ok {
		return nil, fmt.Errorf("callback %s, %s: %w", id, field, ErrSealed)
	}
	plain, err := key.seal.Open(nil, nil, box, sealContext(id, field))
	if err != nil {
		return nil, fmt.Errorf("callback %s, %s: %w", id, field, ErrSealed)
	}
	return plain, nil
}

func sealContext(id CallbackID, field string) []byte {
	return []byte(string(id) + "/" + field)
}
