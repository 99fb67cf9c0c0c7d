package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"callback-relay/relay"
)

// content is what the links of a callback do and show. It is sealed in a field of
// its own. Only pages and links with a fixed outcome read it, and most callbacks
// have none. It is deleted in a final state, as the task token is; a [summary]
// stays.
type content struct {
	Links    map[string]linkContent `json:"links,omitempty"` // that were registered, by name
	Added    map[int]linkContent    `json:"added,omitempty"` // since then, by number
	Approval *relay.Approval        `json:"approval,omitempty"`
}

// linkContent is what one link does. The output is kept as text: as JSON within
// JSON it would not stay byte for byte, and a [relay.Payload] would be redacted.
type linkContent struct {
	Output string `json:"output,omitempty"`
	relay.LinkRequest
}

func newLinkContent(l relay.LinkRequest) linkContent { return linkContent{string(l.Output), l} }

// lasting is what stays of it in a final state.
func (l linkContent) lasting() linkContent {
	return linkContent{LinkRequest: relay.LinkRequest{Response: l.Response, Title: l.Title}}
}

// empty tells whether there is nothing to keep.
func (l linkContent) empty() bool { return encoded(l) == "{}" }

// newContent returns nil where there is nothing to keep.
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

// approval is the zero approval where there is none.
func (c *content) approval() relay.Approval {
	if c.Approval == nil {
		return relay.Approval{}
	}
	return *c.Approval
}

// encode returns the content as it is sealed.
func (c *content) encode() string {
	if c == nil {
		return ""
	}
	return encoded(c)
}

// summary is what stays of a content in a final state: what pages show then, and
// a digest by which a repeated registration is recognised. The digest needs no key,
// since the summary is sealed.
type summary struct {
	Title      string              `json:"title,omitempty"`
	Required   int                 `json:"required,omitempty"`
	Rejections int                 `json:"rejections,omitempty"`
	Responses  map[int]linkContent `json:"responses,omitempty"` // by the link's number
	Digest     []byte              `json:"digest"`              // SHA-256 of the content, blanks in its JSON aside
}

// summary returns nil where there is no content.
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
		a.Default = false // the same, whether it was asked for or filled in
		same.Approval = &a
	}
	digest := sha256.Sum256([]byte(same.encode()))
	s.Digest = digest[:]
	return &s
}

// encode returns the summary as it is sealed: equal summaries have equal text.
func (s *summary) encode() string {
	if s == nil {
		return ""
	}
	return encoded(s)
}

// content returns what is left of the content for one link.
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

// addedLink is what stays of a link that was added after the registration, and
// the name of its approver.
type addedLink struct {
	Approver string `json:"approver,omitempty"`
	linkContent
}

// response returns what is said to whoever used a link. A response that cannot be
// read is left out: the answer counts without it.
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

// compact takes the blanks out of JSON.
func compact(text string) string {
	var short bytes.Buffer
	if json.Compact(&short, []byte(text)) != nil {
		return text // there is none
	}
	return short.String()
}

// request returns what was asked of a link.
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

// approvers returns the names of those who have a link, by the link's name.
func approvers(links []relay.Link) map[string]string {
	names := map[string]string{}
	for _, link := range links {
		if link.Approver != "" {
			names[link.Name] = link.Approver
		}
	}
	return names
}

// seal seals a text. An empty one stays empty, which means that there is none.
func (s *Store) seal(id relay.CallbackID, field, text string) []byte {
	if text == "" {
		return []byte{}
	}
	return s.keys.Seal(id, field, []byte(text))
}

// open reads sealed JSON into a value, and leaves that as it is if there is none.
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

// unreadable is the error about what no key of the ring opens. It says unavailable,
// since the operator can put the key back.
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
