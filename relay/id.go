package relay

import (
	"encoding/base32"
	"strings"
)

// base32Lower is RFC 4648 base32 without padding, in lower case: it survives mail
// clients, case-insensitive systems and being read out over the phone.
var base32Lower = base32.NewEncoding(base32Digits).WithPadding(base32.NoPadding)

const base32Digits = "abcdefghijklmnopqrstuvwxyz234567"

const (
	idBytes = 16
	idChars = 26
)

// CallbackID names a callback: 26 characters of lower-case base32. It is
// derived from the task token, is no secret, and gives no access.
type CallbackID string

// ParseCallbackID accepts only the canonical spelling of an id. Anything else is
// [ErrNotFound], since no callback has such an id.
func ParseCallbackID(s string) (CallbackID, error) {
	if _, ok := decodeBase32(s, idChars); !ok {
		return "", ErrNotFound
	}
	return CallbackID(s), nil
}

// Partitions is the number of parts into which callbacks are divided, so that
// a Redis Cluster spreads them. It is part of the keyspace: changing it is a
// migration.
const Partitions = 64

// Partition returns the callback's part, 0 to 63.
func (id CallbackID) Partition() int {
	if len(id) != idChars {
		panic("relay: not a callback id: " + string(id))
	}
	return partition(string(id))
}

// partition returns the part of an id. Its first two digits have the first byte, which is
// all that is needed.
func partition(id string) int {
	first, second := strings.IndexByte(base32Digits, id[0]), strings.IndexByte(base32Digits, id[1])
	if first < 0 || second < 0 {
		panic("relay: not a callback id: " + id)
	}
	return (first<<3 | second>>2) % Partitions
}

// In returns the id of the given partition that has the same rank there as this id
// has in its own partition, when ids are sorted as text. So the ids of all
// partitions can be merged into one list that takes turns among the partitions and
// keeps the order within each. A text that is not an id is returned unchanged.
//
// The first two characters hold the partition and, besides, two bits each that
// differ within a partition. In base32, digits stand for the highest values but
// sort first as text, which shifts the order of these bits in some partitions.
func (id CallbackID) In(partition int) CallbackID {
	raw, ok := decodeBase32(string(id), idChars)
	if !ok {
		return id
	}
	own := int(raw[0]) % Partitions
	for i := range 2 {
		place := int(raw[i]>>6) + shift(own, i)
		raw[i] = byte((place-shift(partition, i)+4)%4)<<6 | raw[i]&0x3f //nolint:gosec // 0 to 3
	}
	raw[0] = raw[0]&^0x3f | byte(partition) //nolint:gosec // there are 64
	return CallbackID(base32Lower.EncodeToString(raw))
}

// shift returns how far the order of the two bits in a character is shifted.
func shift(partition, character int) int {
	switch {
	case character == 0 && partition >= 16: // the fourth value is a digit
		return 1
	case character == 1 && partition%8 == 6: // the third and the fourth are
		return 2
	}
	return 0
}

// decodeBase32 decodes exactly n characters in their canonical spelling: unused
// bits at the end must be zero, so each value has only one text.
func decodeBase32(s string, n int) ([]byte, bool) {
	if len(s) != n || strings.ContainsAny(s, "\r\n") {
		return nil, false // the standard decoder skips line ends
	}
	raw, err := base32Lower.DecodeString(s)
	if err != nil || base32Lower.EncodeToString(raw) != s {
		return nil, false
	}
	return raw, true
}
