package relay

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// LinkType says what calling a link does.
type LinkType string

// The types of link. A link's outcome, where it has a fixed one, was given with
// the registration.
const (
	LinkWebhook   LinkType = "webhook"   // a POST is the answer: its body becomes the output
	LinkSuccess   LinkType = "success"   // a POST completes the task with a fixed output
	LinkFailure   LinkType = "failure"   // a POST fails the task with a fixed error and cause
	LinkHeartbeat LinkType = "heartbeat" // a POST tells Step Functions that work goes on
	LinkApproval  LinkType = "approval"  // a page on which a person decides
)

// LinkTypes lists the types that a registration can ask for.
var LinkTypes = []LinkType{LinkWebhook, LinkSuccess, LinkFailure, LinkHeartbeat, LinkApproval}

// LinkKind is a link's type, and whether it opens a page for a person. It is
// part of what the link's key authenticates, so a link of one kind never works
// as another.
type LinkKind struct {
	Type LinkType
	Page bool
}

// MachineLinks and PageLinks are the kinds of link that are served in the two
// places, under "/c/" and under "/a/".
var (
	MachineLinks = []LinkKind{{LinkWebhook, false}, {LinkSuccess, false}, {LinkFailure, false}, {LinkHeartbeat, false}}
	PageLinks    = []LinkKind{{LinkApproval, true}, {LinkSuccess, true}, {LinkFailure, true}, {LinkHeartbeat, true}}
)

// linkKinds lists every kind.
var linkKinds = slices.Concat(MachineLinks, PageLinks)

// pageSuffix marks the pages of types that machines can call as well.
const pageSuffix = "-page"

// String names the kind, as it is authenticated and stored: the type, with
// "-page" behind it where machines could call the type as well.
func (k LinkKind) String() string {
	if k.Page && k.Type != LinkApproval {
		return string(k.Type) + pageSuffix
	}
	return string(k.Type)
}

// ParseLinkKind reads what [LinkKind.String] wrote.
func ParseLinkKind(s string) LinkKind {
	for _, kind := range linkKinds {
		if kind.String() == s {
			return kind
		}
	}
	return LinkKind{Type: LinkType(s)} // of a later release; nothing serves it
}

// Path returns where links of the kind are served: "/c/" for machines, "/a/"
// for people.
func (k LinkKind) Path() string {
	if k.Page {
		return "/a/"
	}
	return "/c/"
}

// Link is one URL of a callback. Number tells the links of one registration
// apart inside their keys, and Generation those of several registrations.
type Link struct {
	Name string
	LinkKind
	Number     byte
	Generation Generation
	Approver   string // whose link it is; "" where the page asks for a name, or there is none
	Closed     bool   // withdrawn, or closed after too many wrong codes
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

// Generation tells the registrations of one task token apart, which all have
// one callback id: a link of an earlier one is no link of a later one. It is
// random, 8 hexadecimal digits, and no secret. "" is that of registrations made
// by a release that knew none.
type Generation string

const generationBytes = 4

// NewGeneration makes a random generation.
func NewGeneration() Generation {
	raw := make([]byte, generationBytes)
	rand.Read(raw) // never fails since Go 1.24
	return Generation(hex.EncodeToString(raw))
}

// raw returns the bytes of a generation, none for "".
func (g Generation) raw() []byte {
	raw, _ := hex.DecodeString(string(g)) // what is no generation makes a key that resolves to nothing
	return raw
}

// A link key is 36 bytes, and so 58 characters: the callback id, the link's
// number, the registration's generation, and the first 15 bytes of a MAC over
// these and the kind. Without a generation it is 32 bytes, 52 characters.
const (
	LinkKeyChars      = 58
	ShortLinkKeyChars = 52

	linkMACBytes = 15
)

// LinkRef is a link whose key was found authentic. Only [KeyRing.Resolve]
// makes one. That a registration has such a link is for the store to find out.
type LinkRef struct {
	ID CallbackID
	LinkKind
	Number     byte
	Generation Generation

	key *masterKey
}

// Digest returns a keyed digest of an outcome, by which a repeated answer is
// recognised. It is the same for every link of the callback, and cannot be
// computed from a guessed payload without the master key.
func (r LinkRef) Digest(o Outcome) string { return r.key.digestOf(r.ID, o) }

// parseLinkKey takes a key apart: what it says of itself, and the MAC that has
// to prove it. Upper case is accepted, as some mail systems rewrite it.
func parseLinkKey(s string) (claimed LinkRef, mac []byte, ok bool) {
	// Two letters outside of ASCII have lower case inside of it, and get shorter.
	if len(s) != LinkKeyChars && len(s) != ShortLinkKeyChars {
		return LinkRef{}, nil, false
	}
	raw, ok := decodeBase32(strings.ToLower(s), len(s))
	if !ok {
		return LinkRef{}, nil, false
	}
	head, mac := raw[:len(raw)-linkMACBytes], raw[len(raw)-linkMACBytes:]
	claimed = LinkRef{
		ID: CallbackID(base32Lower.EncodeToString(head[:idBytes])), Number: head[idBytes],
		Generation: Generation(hex.EncodeToString(head[idBytes+1:])),
	}
	return claimed, mac, true
}
