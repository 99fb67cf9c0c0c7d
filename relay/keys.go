package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// masterKeyBytes is the size of a master key.
const masterKeyBytes = 32

// masterKeyName is what a master key may be called. The name is stored beside
// what the key sealed, so it is short and never holds the separator.
var masterKeyName = regexp.MustCompile(`^[a-z0-9-]{1,16}$`)

// KeyRing is the relay's master keys, newest first. The newest key makes links and
// seals values; every key of the ring recognises links and opens values. So a
// rotation breaks neither existing links nor waiting callbacks.
type KeyRing struct {
	keys []*masterKey
}

// masterKey is one master key, and the keys derived from it, one for each purpose.
type masterKey struct {
	name   string
	id     *macKey
	link   *macKey
	page   *macKey
	digest *macKey
	proof  *macKey
	secret *macKey
	hook   *macKey
	await  *macKey
	seal   cipher.AEAD
}

// ParseKeyRing reads "name:base64,name:base64", newest first: names of 1 to 16
// characters (a-z, 0-9, -), keys of 32 bytes in standard base64. Its errors
// count the entries from 1 and show no key.
func ParseKeyRing(s string) (*KeyRing, error) {
	ring := &KeyRing{}
	var errs []error
	for i, entry := range strings.Split(s, ",") {
		key, err := parseMasterKey(strings.TrimSpace(entry))
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %d: %w", i+1, err))
			continue
		}
		if _, taken := ring.named(key.name); taken {
			errs = append(errs, fmt.Errorf("entry %d: the name %q is taken by an earlier entry", i+1, key.name))
			continue
		}
		ring.keys = append(ring.keys, key)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return ring, nil
}

func parseMasterKey(entry string) (*masterKey, error) {
	name, encoded, found := strings.Cut(entry, ":")
	if !found {
		return nil, errors.New("want name:base64, found no colon")
	}
	if !masterKeyName.MatchString(name) {
		return nil, errors.New("want a name of 1 to 16 characters a-z, 0-9 or - before the colon")
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("key %q: want standard base64 of %d bytes", name, masterKeyBytes)
	}
	if len(secret) != masterKeyBytes {
		return nil, fmt.Errorf("key %q: want %d bytes, got %d", name, masterKeyBytes, len(secret))
	}
	return deriveKeys(name, secret)
}

// deriveKeys gives each purpose its own key (HKDF-SHA256, RFC 5869), so that using
// one key reveals nothing about another.
func deriveKeys(name string, secret []byte) (*masterKey, error) {
	derive := func(purpose string) []byte {
		key, err := hkdf.Key(sha256.New, secret, nil, "callback-relay v1 "+purpose, masterKeyBytes)
		if err != nil {
			panic(err) // only for lengths that HKDF cannot give
		}
		return key
	}
	macs := func(purpose string) *macKey { return newMACKey(derive(purpose)) }
	block, err := aes.NewCipher(derive("seal"))
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &masterKey{
		name: name, id: macs("id"), link: macs("link"), page: macs("page"), digest: macs("digest"),
		proof: macs("proof"), secret: macs("sender secret"),
		hook: macs("hook"), await: macs("await"), seal: seal,
	}, nil
}

// NewMasterKey makes a random master key in the form that [ParseKeyRing] reads.
func NewMasterKey(name string) (string, error) {
	if !masterKeyName.MatchString(name) {
		return "", fmt.Errorf("key name %q: want 1 to 16 characters a-z, 0-9 or -", name)
	}
	secret := make([]byte, masterKeyBytes)
	rand.Read(secret) // never fails since Go 1.24
	return name + ":" + base64.StdEncoding.EncodeToString(secret), nil
}

// Format implements [fmt.Formatter], so that no verb prints a key.
func (KeyRing) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (KeyRing) LogValue() slog.Value { return slog.StringValue(redacted) }

// Identity is a task token's callback id under one master key.
type Identity struct {
	ID  CallbackID
	Key string // the master key's name
}

// Identify returns the callback id of a task token under each key of the ring,
// newest first. A task token has only one id under each key, which makes
// registration idempotent without an index.
func (r *KeyRing) Identify(t TaskToken) []Identity {
	ids := make([]Identity, len(r.keys))
	for i, key := range r.keys {
		sum := key.id.mac([]byte(t))
		ids[i] = Identity{CallbackID(base32Lower.EncodeToString(sum[:idBytes])), key.name}
	}
	return ids
}

// LinkKey returns the key of a callback's link under the named master key, so
// that a repeated registration gets the same URLs. If that key has left the ring,
// the newest key makes a working link instead. An await has no key: the result is "".
func (r *KeyRing) LinkKey(id CallbackID, link Link, keyName string) LinkKey {
	if link.Type == LinkAwait {
		return ""
	}
	key, ok := r.named(keyName)
	if !ok {
		key = r.keys[0]
	}
	raw, _ := decodeBase32(string(id), idChars)
	raw = append(raw, link.Number)
	raw = append(raw, link.Generation.raw()...)
	raw = append(raw, key.linkMAC(link.LinkKind, id, link.Number, link.Generation)...)
	return LinkKey(base32Lower.EncodeToString(raw))
}

// SenderSecret returns the secret of a callback's link under the named master key: see
// [LinkRef.SenderSecret]. A repeated registration gets the same one.
func (r *KeyRing) SenderSecret(id CallbackID, link Link, keyName string) string {
	key, ok := r.named(keyName)
	if !ok {
		key = r.keys[0]
	}
	return LinkRef{ID: id, LinkKind: link.LinkKind, Number: link.Number, Generation: link.Generation, key: key}.SenderSecret()
}

// Resolve finds out which link a key in a request stands for. kinds are those that
// the requested path serves. Resolve needs no look-up. Malformed keys, forged keys
// and keys of another kind are all [ErrNotFound], and so is every key of an await.
func (r *KeyRing) Resolve(key string, kinds []LinkKind) (LinkRef, error) {
	link, got, ok := parseLinkKey(key)
	if !ok {
		return LinkRef{}, ErrNotFound
	}
	for _, master := range r.keys {
		for _, kind := range kinds {
			if kind.Type == LinkAwait {
				continue
			}
			if subtle.ConstantTimeCompare(got, master.linkMAC(kind, link.ID, link.Number, link.Generation)) == 1 {
				link.LinkKind, link.key = kind, master
				return link, nil
			}
		}
	}
	return LinkRef{}, ErrNotFound
}

func (r *KeyRing) named(name string) (*masterKey, bool) {
	for _, key := range r.keys {
		if key.name == name {
			return key, true
		}
	}
	return nil, false
}

func (k *masterKey) linkMAC(kind LinkKind, id CallbackID, number byte, of Generation) []byte {
	// The zero byte keeps kind and id apart: neither contains one. What follows has
	// one of two fixed lengths: with a generation or without.
	return k.link.mac([]byte(kind.String()), []byte{0}, []byte(id), []byte{number}, of.raw())[:linkMACBytes]
}

func (k *masterKey) digestOf(id CallbackID, o Outcome) string {
	return k.shortDigest([]byte(id), []byte{0}, []byte(o.Type), []byte{0}, []byte(o.Error), []byte{0}, o.Payload())
}

// eventDigest never equals a digest of an outcome, since no outcome has such a type.
func (k *masterKey) eventDigest(id CallbackID, event string) string {
	return k.shortDigest([]byte(id), []byte{0}, []byte("event"), []byte{0}, []byte(event))
}

func (k *masterKey) shortDigest(parts ...[]byte) string {
	return base64.RawStdEncoding.EncodeToString(k.digest.mac(parts...)[:16])
}
