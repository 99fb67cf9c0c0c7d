package relay

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// LinkType says what a link does.
type LinkType string

// The types of link. A fixed outcome comes from the registration.
const (
	LinkWebhook   LinkType = "webhook"   // a POST is the answer: its body becomes the output
	LinkSuccess   LinkType = "success"   // a POST completes the task with a fixed output
	LinkFailure   LinkType = "failure"   // a POST fails the task with a fixed error and cause
	LinkHeartbeat LinkType = "heartbeat" // a POST tells Step Functions that work continues
	LinkApproval  LinkType = "approval"  // a page on which a person decides
	// LinkAwait is an await: a link without a URL, through which events of a hook reach
	// the callback. A registration asks for it with awaits, not with links.
	LinkAwait LinkType = "await"
)

// LinkTypes lists the types that a registration can ask for.
var LinkTypes = []LinkType{LinkWebhook, LinkSuccess, LinkFailure, LinkHeartbeat, LinkApproval}

// LinkKind is a link's type, and whether the link opens a page for a person. The
// link's key authenticates the kind, so a link of one kind never works as another.
type LinkKind struct {
	Type LinkType
	Page bool
}

// MachineLinks are the kinds of link that are served under "/c/", and PageLinks
// those that are served under "/a/".
var (
	MachineLinks = []LinkKind{{LinkWebhook, false}, {LinkSuccess, false}, {LinkFailure, false}, {LinkHeartbeat, false}}
	PageLinks    = []LinkKind{{LinkApproval, true}, {LinkSuccess, true}, {LinkFailure, true}, {LinkHeartbeat, true}}
)

// linkKinds lists every kind.
var linkKinds = slices.Concat(MachineLinks, PageLinks)

// pageSuffix marks the pages of link types that machines can also use.
const pageSuffix = "-page"

// String names the kind as it is authenticated and stored: the type, followed by
// "-page" if the link opens a page and machines can use the type too.
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
	return LinkKind{Type: LinkType(s)} // from a later release; this one does not serve it
}

// Path returns where links of the kind are served: "/c/" for machines, "/a/"
// for people.
func (k LinkKind) Path() string {
	if k.Page {
		return "/a/"
	}
	return "/c/"
}

// Link is one URL of a callback, or an await, which has none. In the link's key, Number
// tells the links of one registration apart, and Generation tells several registrations
// apart.
type Link struct {
	Name string
	LinkKind
	Number     byte
	Generation Generation
	Approver   string // "" if the page asks for a name, or the link has no approver
	Sender     string // of an await: by whose hook its events come
	Email      string // of the approver; only [Store.AddLink] reads it
	Guarded    bool   // it has a [Guard]
	Closed     bool   // withdrawn, or closed after too many wrong codes
}

// LinkKey is the last segment of a link's URL, and its only secret: anyone who has
// the key can use the link. It prints as "[redacted]".
type LinkKey string

// Reveal returns the key itself, to be put into a URL.
func (k LinkKey) Reveal() string { return string(k) }

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (LinkKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (LinkKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (LinkKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Generation tells apart the registrations of one task token, which all have the
// same callback id. So a link of an earlier registration does not work for a later
// one. A generation is random, 8 hexadecimal digits, and no secret. It is "" for
// registrations by a release without generations.
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
	raw, _ := hex.DecodeString(string(g)) // an invalid generation makes a key that does not resolve
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

// LinkRef is a link whose key is authentic, or an await. Only [KeyRing.Resolve] and
// [KeyRing.Await] make one. The store checks whether the registration has this link.
type LinkRef struct {
	ID CallbackID
	LinkKind
	Number     byte
	Generation Generation

	key *masterKey
}

// Digest returns a keyed digest of an outcome, to recognise a repeated answer. It is
// the same for every link of the callback. Without the master key, nobody can use
// it to check a guessed payload.
func (r LinkRef) Digest(o Outcome) string { return r.key.digestOf(r.ID, o) }

// SenderSecret returns the value that a sender with a shared value posts to the link,
// unless the registration chose one: 32 characters a-z and 2-7. It is derived from the
// master key, so it is not stored, and it is not in the link: who only sees the URL
// cannot post.
func (r LinkRef) SenderSecret() string {
	sum := r.key.secret.mac([]byte(r.ID), []byte{r.Number}, r.Generation.raw())
	return base32Lower.EncodeToString(sum[:20])
}

// EventDigest returns a keyed digest of the id of an event, to recognise an event that
// is sent again.
func (r LinkRef) EventDigest(id string) string { return r.key.eventDigest(r.ID, id) }

// parseLinkKey splits a key into what it claims and the MAC that must prove the
// claim. Upper case is accepted, since some mail systems change the case.
func parseLinkKey(s string) (claimed LinkRef, mac []byte, ok bool) {
	// Check the length first: two letters outside ASCII become shorter ASCII letters
	// in lower case.
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
