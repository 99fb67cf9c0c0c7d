package relay

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"callback-relay/forms"
)

// NonceLife is how long a page can be open before its form must be confirmed again.
const NonceLife = time.Hour

// A nonce consists of the time when it was made, in seconds, random bytes, and a
// MAC over both and the link. It is not stored.
const (
	nonceTimeBytes   = 8
	nonceRandomBytes = 8
	nonceMACBytes    = 16
	nonceChars       = 52 // of base32
)

// NewNonce returns a nonce for one view of a link's page. now is the time of Redis,
// which all replicas share.
func (r LinkRef) NewNonce(now time.Time) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(now.Unix())) //nolint:gosec // after 1970
	raw = append(raw, make([]byte, nonceRandomBytes)...)
	rand.Read(raw[nonceTimeBytes:]) // never fails since Go 1.24
	return base32Lower.EncodeToString(append(raw, r.nonceMAC(raw)...))
}

// CheckNonce tells whether a nonce was made for this link, within [NonceLife].
func (r LinkRef) CheckNonce(nonce string, now time.Time) bool {
	raw, ok := decodeBase32(nonce, nonceChars)
	if !ok {
		return false
	}
	made, got := raw[:nonceTimeBytes+nonceRandomBytes], raw[nonceTimeBytes+nonceRandomBytes:]
	if subtle.ConstantTimeCompare(got, r.nonceMAC(made)) != 1 {
		return false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(made)), 0)) //nolint:gosec // we made it
	// A failover to a Redis whose clock is slow must not make the nonce invalid.
	return age > -NonceLife && age < NonceLife
}

func (r LinkRef) nonceMAC(made []byte) []byte {
	return r.pageMAC("nonce", made)[:nonceMACBytes]
}

// pageMAC authenticates the parts for one purpose on the page of one link. All
// parts for the same purpose have the same length, so that a generation cannot be
// mistaken for one of them.
func (r LinkRef) pageMAC(purpose string, parts ...[]byte) []byte {
	head := [][]byte{[]byte(purpose), {0}, []byte(r.LinkKind.String()), {0}, []byte(r.ID), {r.Number}, r.Generation.raw()}
	return r.key.page.mac(append(head, parts...)...)
}

// words are easy to type, and the same in most languages.
var words = []string{
	"tiger", "radio", "piano", "panda", "zebra", "winter", "hotel", "museum",
	"kiwi", "mango", "safari", "tempo", "cello", "lotus", "delta", "sonar",
	"salami", "tango", "lama", "moment", "paprika", "opera", "atlas", "dino",
}

// Word returns the word that the page with this nonce asks people to type.
func (r LinkRef) Word(nonce string) string {
	sum := r.pageMAC("word", []byte(nonce))
	return words[int(binary.BigEndian.Uint16(sum))%len(words)]
}

// isWord tells whether the word was typed. Case, blanks and invisible characters do
// not matter.
func (r LinkRef) isWord(nonce, typed string) bool {
	return strings.EqualFold(forms.Trim(typed), r.Word(nonce))
}

// code returns the six digits that a link with confirm=code asks for. They are
// derived, so they are not stored.
func (r LinkRef) code() string {
	sum := r.pageMAC("code")
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum)%1_000_000)
}

// codeDigits are how many digits a code has.
const codeDigits = 6

// isCode tells whether these digits are the code.
func (r LinkRef) isCode(digits string) bool {
	return subtle.ConstantTimeCompare([]byte(digits), []byte(r.code())) == 1
}

// Code returns the six digits for a link of a callback, under the named master
// key, as [KeyRing.LinkKey] does the link's key.
func (r *KeyRing) Code(id CallbackID, link Link, keyName string) string {
	key, ok := r.named(keyName)
	if !ok {
		key = r.keys[0]
	}
	return LinkRef{ID: id, LinkKind: link.LinkKind, Number: link.Number, Generation: link.Generation, key: key}.code()
}
