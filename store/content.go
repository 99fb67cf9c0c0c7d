package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"callback-relay/relay"
)

// content is what a registration gave its links to do and to show. It is kept
// sealed in a field of its own, which only the pages and the links with a fixed
// outcome read, and which most callbacks do not have. It goes with the final
// state, as the task token does; a [summary] stays.
type content struct {
	Links    map[string]linkContent `json:"links,omitempty"` // that were registered, by name
	Added    map[int]linkContent    `json:"added,omitempty"` // since then, by number
	Approval *approval              `json:"approval,omitempty"`
}

// linkContent is what one link does. Outputs and causes are texts, since JSON
// within JSON would be written anew.
type linkContent struct {
	Output   string `json:"output,omitempty"`
	Error    string `json:"error,omitempty"`
	Cause    string `json:"cause,omitempty"`
	Text     string `json:"text,omitempty"`
	Redirect string `json:"redirect,omitempty"`
	Title    string `json:"title,omitempty"`
	Message  string `json:"message,omitempty"`
	Button   string `json:"button,omitempty"`
}

// approval is [relay.Approval] as it is stored.
type approval struct {
	Title        string      `json:"title,omitempty"`
	Message      string      `json:"message,omitempty"`
	Details      [][2]string `json:"details,omitempty"` // name and value
	ApproveLabel string      `json:"approveLabel,omitempty"`
	RejectLabel  string      `json:"rejectLabel,omitempty"`
	Comment      string      `json:"comment"`
	Fields       string      `json:"fields,omitempty"` // the schema's text
	OnReject     string      `json:"onReject"`
	Confirm      string      `json:"confirm,omitempty"`
	Required     int         `json:"required"`
	Rejections   int         `json:"rejections"`
	Default      bool        `json:"default,omitempty"` // the release before does not know it
}

func newLinkContent(l relay.LinkRequest) linkContent {
	return linkContent{
		string(l.Output), l.Error, l.Cause, l.Response.Text, l.Response.Redirect, l.Title, l.Message, l.ButtonLabel,
	}
}

// lasting is what stays of it when all is over.
func (l linkContent) lasting() linkContent {
	return linkContent{Text: l.Text, Redirect: l.Redirect, Title: l.Title}
}

// newContent returns nil where there is nothing to keep.
func newContent(r relay.Registration) *content {
	c := content{Links: map[string]linkContent{}}
	for name, link := range r.Links {
		if kept := newLinkContent(link); kept != (linkContent{}) {
			c.Links[name] = kept
		}
	}
	if r.Approval != nil {
		c.Approval = newApproval(*r.Approval)
	}
	if c.Approval == nil && len(c.Links) == 0 {
		return nil
	}
	return &c
}

func newApproval(a relay.Approval) *approval {
	kept := &approval{
		Title: a.Title, Message: a.Message, ApproveLabel: a.ApproveLabel, RejectLabel: a.RejectLabel,
		Comment: string(a.Comment), Fields: string(a.Fields), OnReject: string(a.OnReject),
		Confirm: string(a.Confirm), Required: a.Required, Rejections: a.Rejections, Default: a.Default,
	}
	for _, d := range a.Details {
		kept.Details = append(kept.Details, [2]string{d.Name, d.Value})
	}
	return kept
}

func (a *approval) relay() relay.Approval {
	if a == nil {
		return relay.Approval{}
	}
	full := relay.Approval{
		Title: a.Title, Message: a.Message, ApproveLabel: a.ApproveLabel, RejectLabel: a.RejectLabel,
		Comment: relay.CommentMode(a.Comment), OnReject: relay.OutcomeType(a.OnReject),
		Confirm: relay.Confirm(a.Confirm), Required: a.Required, Rejections: a.Rejections, Default: a.Default,
	}
	if a.Fields != "" {
		full.Fields = []byte(a.Fields)
	}
	for _, d := range a.Details {
		full.Details = append(full.Details, relay.Detail{Name: d[0], Value: d[1]})
	}
	return full
}

// encode returns the content as it is sealed.
func (c *content) encode() string {
	if c == nil {
		return ""
	}
	return encoded(c)
}

// summary is what stays of a content when all is over: what pages show then,
// and by what a repeated registration is recognised. Being sealed, the digest
// needs no key.
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
		if said := kept.lasting(); said != (linkContent{}) {
			s.Responses[int(link.Number)] = said
		}
		kept.Output = compact(kept.Output)
		same.Links[link.Name] = kept
	}
	if c.Approval != nil {
		a := *c.Approval
		s.Title, s.Required, s.Rejections = a.Title, a.Required, a.Rejections
		a.Fields = compact(a.Fields)
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

// content returns what is left of the content, as far as one link shows it.
func (s *summary) content(link relay.Link, added map[int]addedLink) *content {
	left := content{Links: map[string]linkContent{}, Added: map[int]linkContent{}}
	if later, ok := added[int(link.Number)]; ok {
		left.Added[int(link.Number)] = later.linkContent
	}
	if s != nil {
		left.Links[link.Name] = s.Responses[int(link.Number)]
		left.Approval = &approval{Title: s.Title, Required: s.Required, Rejections: s.Rejections}
	}
	return &left
}

// addedLink is what stays of a link that was added after the registration, and
// whose it is.
type addedLink struct {
	Approver string `json:"approver,omitempty"`
	linkContent
}

// response returns what whoever used a link is told. One that cannot be read is
// left out: what was done does not hang on it.
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
	return relay.Response{Text: said.Text, Redirect: said.Redirect}
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
	r := relay.LinkRequest{
		LinkKind: link.LinkKind, Error: kept.Error, Cause: kept.Cause, Approver: link.Approver,
		Title: kept.Title, Message: kept.Message, ButtonLabel: kept.Button,
		Response: relay.Response{Text: kept.Text, Redirect: kept.Redirect},
	}
	if kept.Output != "" {
		r.Output = relay.Payload(kept.Output)
	}
	return r
}

// approvers returns the names of those who have a link, by the link's name.
func approvers(r relay.Registration) map[string]string {
	names := map[string]string{}
	for name, link := range r.Links {
		if link.Approver != "" {
			names[name] = link.Approver
		}
	}
	return names
}

// seal seals a text, and leaves an empty one as it is: there is none.
func (s *Store) seal(id relay.CallbackID, field, text string) []byte {
	if text == "" {
		return []byte{}
	}
	return s.Keys.Seal(id, field, []byte(text))
}

// open reads sealed JSON. One that is absent changes nothing.
func (s *Store) open(id relay.CallbackID, field, sealed string, into any) error {
	if sealed == "" {
		return nil
	}
	text, err := s.Keys.Open(id, field, []byte(sealed))
	if err != nil {
		return unreadable(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return unavailable(fmt.Errorf("callback %s: unreadable %s", id, field))
	}
	return nil
}

// unreadable is of what no key of the ring opens. The operator can put the key
// back, so it is not the caller's fault.
func unreadable(err error) error {
	return fmt.Errorf("%w: %w", relay.ErrUnavailable, err)
}

// encoded returns JSON of what has no way to fail.
func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts, numbers and maps of them
	}
	return string(text)
}
