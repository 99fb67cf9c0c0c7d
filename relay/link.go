package relay

import (
	"fmt"
	"log/slog"
	"strings"
)

// LinkType says what calling a link does. It is part of what the link's key
// authenticates, so a link of one type never works as another.
type LinkType string

// The types of link.
const (
	LinkWebhook   LinkType = "webhook"   // a POST is the answer: its body becomes the output
	LinkHeartbeat LinkType = "heartbeat" // a POST tells Step Functions that work goes on
)

// LinkTypes lists the types that a registration can ask for.
var LinkTypes = []LinkType{LinkWebhook, LinkHeartbeat}

// Path returns where links of the type are served: "/c/" for machines.
func (t LinkType) Path() string { return "/c/" }

// Link is one URL of a callback. Number tells the callback's links apart
// inside their keys.
type Link struct {
	Name   string
	Type   LinkType
	Number byte
}

// LinkKey is the last segment of a link's URL, and the whole of its secret: who
// has it can use the link. It prints as "[redacted]".
type LinkKey string

// Reveal returns the key itself, to be put into a URL.
func (k LinkKey) Reveal() string { return string(k) }

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (LinkKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (LinkKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (LinkKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// A link key is 32 bytes, and so 52 characters: the callback id, the link's
// number, and the first 15 bytes of a MAC over both and the type.
const (
	linkMACBytes = 15
	linkKeyChars = 52
)

// LinkRef is a link whose key was found authentic. Only [KeyRing.Resolve]
// makes one.
type LinkRef struct {
	ID     CallbackID
	Type   LinkType
	Number byte

	key *masterKey
}

// Digest returns a keyed digest of an outcome, by which a repeated answer is
// recognised. It is the same for every link of the callback, and cannot be
// computed from a guessed payload without the master key.
func (r LinkRef) Digest(o Outcome) string { return r.key.digestOf(r.ID, o) }

// parseLinkKey takes a key apart. Upper case is accepted, as some mail systems
// rewrite it.
func parseLinkKey(s string) (id CallbackID, number byte, mac []byte, ok bool) {
	// Two letters outside of ASCII have lower case inside of it, and get shorter.
	if len(s) != linkKeyChars {
		return "", 0, nil, false
	}
	raw, ok := decodeBase32(strings.ToLower(s), linkKeyChars)
	if !ok {
		return "", 0, nil, false
	}
	id = CallbackID(base32Lower.EncodeToString(raw[:idBytes]))
	return id, raw[idBytes], raw[idBytes+1:], true
}
