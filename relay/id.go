package relay

import (
	"encoding/base32"
	"strings"
)

// base32Lower is RFC 4648 base32 without padding, in lower case: it survives
// mail clients, phones read aloud and case-insensitive systems.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const (
	idBytes = 16
	idChars = 26
)

// CallbackID names a callback: 26 characters of lower-case base32. It is
// derived from the task token, is no secret, and gives no access.
type CallbackID string

// ParseCallbackID accepts the one spelling of an id. Anything else is
// [ErrNotFound]: no callback has such an id.
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
	raw, ok := decodeBase32(string(id), idChars)
	if !ok {
		panic("relay: not a callback id: " + string(id))
	}
	return int(raw[0]) % Partitions
}

// decodeBase32 decodes exactly n characters, and only their canonical
// spelling: unused bits at the end must be zero, so one value has one text.
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
