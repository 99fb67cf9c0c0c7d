package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macKey makes MACs with one key (HMAC-SHA256). It keeps hashes for further use, because a
// new one takes longer than the MAC of a short text.
type macKey struct {
	hashes sync.Pool
}

func newMACKey(key []byte) *macKey {
	return &macKey{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// mac returns the MAC of the parts, one after the other.
func (k *macKey) mac(parts ...[]byte) []byte {
	h := k.hashes.Get().(hash.Hash)
	defer k.hashes.Put(h)
	h.Reset()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}
