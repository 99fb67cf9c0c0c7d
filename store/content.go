package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"callback-relay/relay"
)

// content is what the links of a callback do and show. It has its own sealed
// field, since most callbacks have none, and only pages and links with a fixed
// outcome read it. Like the task token, it is deleted in a final state; a
// [summary] remains.
type content struct {
	Links    map[string]linkContent `json:"links,omitempty"` // registered links, by name
	Added    map[int]linkContent    `json:"added,omitempty"` // links added later, by number
	Approval *relay.Approval        `json:"approval,omitempty"`
}

// linkContent is what one link does. The output is stored as text: JSON within
// JSON would not keep every byte, and a [relay.Payload] would be redacted.
type linkContent struct {
	Output string `json:"output,omitempty"`
	relay.LinkRequest
}

func newLinkContent(l relay.LinkRequest) linkContent { return linkContent{string(l.Output), l} }

// lasting returns what remains in a final state.
func (l linkContent) lasting() linkContent {
	return linkContent{LinkRequest: relay.LinkRequest{Response: l.Response, Title: l.Title}}
}

// empty returns whether there is nothing to store.
func (l linkContent) empty() bool { return encoded(l) == "{}" }

// newContent returns nil if there is nothing to store.
func newContent(n relay.NewCallback) *content {
	c := content{Links: map[string]linkContent{}, Approval: n.Asked.Approval}
	for name, link := range n.Asked.Links {
		if kept := newLinkContent(link); !kept.empty() {
			c.Links[name] = kept
		}
	}
	if c.Approval == nil && len(c.Links) == 0 {
		return nil
	}
	return &c
}

// approval returns the zero approval if there is none.
func (c *content) approval() relay.Approval {
	if c.Approval == nil {
		return relay.Approval{}
	}
	return *c.Approval
}

// encode returns the text that is sealed.
func (c *content) encode() string {
	if c == nil {
		return ""
	}
	return encoded(c)
}

// summary is what remains of a content in a final state: what pages then show,
// and a digest that recognises a repeated registration. The digest needs no key,
// since the summary is sealed.
type summary struct {
	Title      string              `json:"title,omitempty"`
	Required   int                 `json:"required,omitempty"`
	Rejections int                 `json:"rejections,omitempty"`
	Responses  map[int]linkContent `json:"responses,omitempty"` // by the link's number
	Digest     []byte              `json:"digest"`              // SHA-256 of the content, ignoring blanks in its JSON
}

// summary returns nil if there is no content.
func (c *content) summary(links []relay.Link) *summary {
	if c == nil {
		return nil
	}
	same := content{Links: map[string]linkContent{}}
	s := summary{Responses: map[int]linkContent{}}
	for _, link := range links {
		kept := c.Links[link.Name]
		if said := kept.lasting(); !said.empty() {
			s.Responses[int(link.Number)] = said
		}
		kept.Output = compact(kept.Output)
		same.Links[link.Name] = kept
	}
	if c.Approval != nil {
		a := *c.Approval
		s.Title, s.Required, s.Rejections = a.Title, a.Required, a.Rejections
		a.Fields = relay.SchemaText(compact(string(a.Fields)))
		a.Default = false // an approval by default equals the same one asked for
		same.Approval = &a
	}
	digest := sha256.Sum256([]byte(same.encode()))
	s.Digest = digest[:]
	return &s
}

// encode returns the text that is sealed. Equal summaries have equal texts.
func (s *summary) encode() string {
	if s == nil {
		return ""
	}
	return encoded(s)
}

// content returns what remains of the content for one link.
func (s *summary) content(link relay.Link, added map[int]addedLink) *content {
	left := content{Links: map[string]linkContent{}, Added: map[int]linkContent{}}
	if later, ok := added[int(link.Number)]; ok {
		left.Added[int(link.Number)] = later.linkContent
	}
	if s != nil {
		left.Links[link.Name] = s.Responses[int(link.Number)]
		left.Approval = &relay.Approval{Title: s.Title, Required: s.Required, Rejections: s.Rejections}
	}
	return &left
}

// addedLink is what remains of a link that was added after the registration, and
// the name of its approver.
type addedLink struct {
	Approver string `json:"approver,omitempty"`
	linkContent
}

// response returns the response to the sender that used a link. It is empty if it
// cannot be read, since the answer counts without it.
func (s *Store) response(link relay.LinkRef, got reply) relay.Response {
	var left summary
	var added map[int]addedLink
	if s.open(link.ID, summaryField, got.text(summaryField), &left) != nil || s.open(link.ID, addedField, got.text(addedField), &added) != nil {
		return relay.Response{}
	}
	said := left.Responses[int(link.Number)]
	if later, ok := added[int(link.Number)]; ok {
		said = later.linkContent
	}
	return said.Response
}

// compact removes the blanks from JSON.
func compact(text string) string {
	var short bytes.Buffer
	if json.Compact(&short, []byte(text)) != nil {
		return text // it is not JSON
	}
	return short.String()
}

// request returns what was registered for a link.
func (c *content) request(link relay.Link) relay.LinkRequest {
	kept, ok := c.Added[int(link.Number)]
	if !ok {
		kept = c.Links[link.Name]
	}
	r := kept.LinkRequest
	r.LinkKind, r.Approver = link.LinkKind, link.Approver
	if kept.Output != "" {
		r.Output = relay.Payload(kept.Output)
	}
	return r
}

// approvers returns who acts through links, by the name of the link: the approver of an
// approval, and the sender of an await.
func approvers(links []relay.Link) map[string]string {
	names := map[string]string{}
	for _, link := range links {
		if name := cmp.Or(link.Approver, link.Sender); name != "" { // a link has at most one
			names[link.Name] = name
		}
	}
	return names
}

// seal seals a text. An empty text stays empty and means that there is none.
func (s *Store) seal(id relay.CallbackID, field, text string) []byte {
	if text == "" {
		return []byte{}
	}
	return s.keys.Seal(id, field, []byte(text))
}

// open reads sealed JSON into a value. It leaves the value as it is if there is no
// JSON.
func (s *Store) open(id relay.CallbackID, field, sealed string, into any) error {
	if sealed == "" {
		return nil
	}
	text, err := s.keys.Open(id, field, []byte(sealed))
	if err != nil {
		return unreadable(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return unavailable(fmt.Errorf("callback %s: unreadable %s", id, field))
	}
	return nil
}

// unreadable wraps the error for data that no key of the ring opens. It counts as
// unavailable, since an operator can put the key back.
func unreadable(err error) error {
	return fmt.Errorf("%w: %w", relay.ErrUnavailable, err)
}

// encoded returns the JSON of a value that can always be written as JSON.
func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts, numbers and maps of them
	}
	return string(text)
}
