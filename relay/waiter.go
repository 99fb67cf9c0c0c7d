package relay

import (
	"fmt"
	"strconv"
	"strings"
)

// AwaitDigest names what a callback can wait for: a sender and a key, under one master
// key. It is 26 characters of lower-case base32, like a [CallbackID]. Nobody can compute
// it from a guessed key without the master key.
type AwaitDigest string

// ParseAwaitDigest accepts only the canonical spelling of a digest. Anything else is
// [ErrNotFound], since nothing has such a digest.
func ParseAwaitDigest(text string) (AwaitDigest, error) {
	id, err := ParseCallbackID(text)
	return AwaitDigest(id), err
}

// Partition returns the digest's part of the keyspace, 0 to 63.
func (d AwaitDigest) Partition() int { return CallbackID(d).Partition() }

// AwaitRef is where the store keeps who waits for a key, and the events for them.
type AwaitRef struct {
	Sender string
	Digest AwaitDigest
}

// AwaitKey is an [AwaitRef] of which the key is known, under one master key. Only
// [KeyRing.AwaitKeys] makes one.
type AwaitKey struct {
	AwaitRef

	key *masterKey
}

// AwaitKeys returns what waits for, and brings, the events of a sender about a key: one
// for each master key, newest first. Waiters and events use all of them, so those that
// were stored before a rotation and those that come after it find each other.
func (r *KeyRing) AwaitKeys(sender, key string) []AwaitKey {
	keys := make([]AwaitKey, len(r.keys))
	for i, master := range r.keys {
		// No name of a sender has a zero byte.
		sum := master.await.mac([]byte(sender), []byte{0}, []byte(key))
		keys[i] = AwaitKey{AwaitRef{sender, AwaitDigest(base32Lower.EncodeToString(sum[:idBytes]))}, master}
	}
	return keys
}

// EventDigest returns a keyed digest of the id of an event, to recognise an event that
// is sent again.
func (k AwaitKey) EventDigest(id string) string {
	return k.key.shortDigest([]byte(k.Digest), []byte{0}, []byte("hook event"), []byte{0}, []byte(id))
}

// SealFor encrypts a value with the newest key for the place where it is stored: the
// digest and the field are authenticated too. See [KeyRing.Seal].
func (r *KeyRing) SealFor(d AwaitDigest, field string, plain []byte) []byte {
	return r.Seal(CallbackID(d), awaitField+field, plain)
}

// OpenFor decrypts what [KeyRing.SealFor] encrypted with any key of the ring. Otherwise
// it reports [ErrSealed].
func (r *KeyRing) OpenFor(d AwaitDigest, field string, sealed []byte) ([]byte, error) {
	return r.Open(CallbackID(d), awaitField+field, sealed)
}

// awaitField keeps the fields of digests apart from those of callbacks, although no id
// of a callback can equal a digest, except by guessing 128 bits.
const awaitField = "await/"

// Waiter is one callback that waits for events: which of its awaits, and for which
// registration of the task token.
type Waiter struct {
	ID         CallbackID
	Number     byte
	Generation Generation
	Key        string // name of the master key that made the id
}

// String returns the waiter as the store keeps it.
func (w Waiter) String() string {
	generation := string(w.Generation)
	if generation == "" {
		generation = "-"
	}
	return fmt.Sprintf("%s %d %s %s", w.ID, w.Number, generation, w.Key)
}

// ParseWaiter reads what [Waiter.String] wrote.
func ParseWaiter(text string) (Waiter, error) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 {
		return Waiter{}, fmt.Errorf("a waiter has %d parts, want 4", len(parts))
	}
	id, err := ParseCallbackID(parts[0])
	if err != nil {
		return Waiter{}, fmt.Errorf("a waiter: %w", err)
	}
	number, err := strconv.ParseUint(parts[1], 10, 8)
	if err != nil {
		return Waiter{}, fmt.Errorf("a waiter's number: %w", err)
	}
	return Waiter{id, byte(number), Generation(strings.TrimPrefix(parts[2], "-")), parts[3]}, nil
}

// Await returns the link inside the callback through which events reach the waiter. No
// URL stands for it, so nothing else can use it.
func (r *KeyRing) Await(w Waiter) LinkRef {
	key, ok := r.named(w.Key)
	if !ok {
		key = r.keys[0]
	}
	return LinkRef{ID: w.ID, LinkKind: LinkKind{Type: LinkAwait}, Number: w.Number, Generation: w.Generation, key: key}
}
