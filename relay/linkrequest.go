package relay

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"callback-relay/names"
)

// LinkRequest is one link as it was requested. The store keeps its JSON, under the
// same rule as that of [Approval], and adds the output, which prints as redacted
// here.
type LinkRequest struct {
	LinkKind `json:"-"`
	Output   Payload `json:"-"`               // of a success; nil is {}
	Error    string  `json:"error,omitempty"` // of a failure
	Cause    string  `json:"cause,omitempty"` // of a failure
	Approver string  `json:"-"`               // of an approval: who decides; "" lets the page ask for a name
	// Email is the approver's mail address, if only that person may decide: see
	// [Approval.Verify].
	Email string `json:"email,omitempty"`
	Response
	// For pages. Title and Message replace the approval's. ButtonLabel is the label of
	// the single button.
	Title       string `json:"title,omitempty"`
	Message     string `json:"message,omitempty"` // Markdown
	ButtonLabel string `json:"button,omitempty"`  // "" for the default of the type
	// Guard says which posts to a webhook link count; nil if all do. The store keeps it
	// in a field of its own.
	Guard *Guard `json:"-"`
}

// Response is what a link's sender or user gets in addition to the status.
type Response struct {
	Text     string `json:"text,omitempty"`     // "" for none
	Redirect string `json:"redirect,omitempty"` // for pages: an https URL to continue to; "" for none
}

// Outcome returns the fixed outcome of a success or failure link.
func (l LinkRequest) Outcome() Outcome {
	if l.Type == LinkFailure {
		return Outcome{Type: OutcomeFailure, Error: l.Error, Cause: l.Cause}
	}
	return Outcome{Type: OutcomeSuccess, Output: l.Output}
}

// normal returns the link with what was left out filled in.
func (l LinkRequest) normal() LinkRequest {
	l.Page = l.Page || l.Type == LinkApproval
	l.Title = strings.TrimSpace(l.Title)
	if l.Type == LinkSuccess && l.Output == nil {
		l.Output = Payload("{}")
	}
	return l
}

func (m *mistakes) checkLinks(links map[string]LinkRequest, maxOutput int) {
	if len(links) > MaxLinks {
		m.add("links", "has %d entries, but at most %d are allowed", len(links), MaxLinks)
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		switch {
		case !linkName.MatchString(name):
			m.add("links", "has a name that is not 1 to 64 characters a-z, 0-9 or - that begin with a letter: choose one such as dana")
		case name == ByExpiry:
			m.add("links."+name, "is a reserved name: choose another one")
		case !slices.Contains(LinkTypes, links[name].Type):
			m.add("links."+name+".type", "%s", mustBeOneOf(LinkTypes))
		default:
			m.checkLink("links."+name+".", links[name], maxOutput)
		}
	}
	if len(links) <= MaxLinks {
		m.checkAlike(links)
	}
}

// checkAdded checks a link that is to be added to a callback with this approval,
// nil for none.
func (m *mistakes) checkAdded(name string, l LinkRequest, cb Callback, a *Approval, maxOutput int) {
	switch {
	case !linkName.MatchString(name):
		m.add("name", "must be 1 to 64 characters a-z, 0-9 or - that begin with a letter, such as dana")
	case name == ByExpiry:
		m.add("name", "is a reserved name: choose another one")
	}
	if slices.ContainsFunc(cb.Links, func(other Link) bool { return other.Name == name && other.Type == LinkAwait }) {
		m.add("name", "is the name of an await of this callback: choose another one")
	}
	if !slices.Contains(LinkTypes, l.Type) {
		m.add("type", "%s", mustBeOneOf(LinkTypes))
		return
	}
	m.checkLink("", l, maxOutput)
	if l.Type == LinkApproval && (a == nil || a.Default) {
		m.add("type", `cannot be approval: the callback was registered without an approval, so there is nothing to decide; use success or failure with "page": true`)
		return
	}
	l.checkVisible(m, "", a)
	m.checkEmail("", l, a)
	m.checkReplaced(name, l, cb, a)
	for _, other := range cb.Links {
		if !other.Closed && other.Name != name && looksLike(l.Approver, other.Approver) {
			m.add("approver", alike, other.Name)
			break
		}
	}
	for _, other := range cb.Links {
		with := LinkRequest{Approver: other.Approver, Email: other.Email}
		if l.Email != "" && !other.Closed && other.Name != name && sameEmail(l.Email, other.Email) && !samePerson(with, l) {
			m.add("approver", sameAddress, other.Name)
			break
		}
	}
}

// RoomForLink says why no link with the name can be added to a callback:
// [ErrTooManyLinks] or [ErrLinksUsedUp]. links are all that the callback has had,
// including closed ones. Links that the new one replaces do not count as open.
func RoomForLink(links []Link, name string) error {
	open := 0
	for _, link := range links {
		if !link.Closed && link.Name != name {
			open++
		}
	}
	switch {
	case open >= MaxLinks:
		return ErrTooManyLinks
	case len(links) >= MaxLinkNumbers:
		return ErrLinksUsedUp
	}
	return nil
}

// checkLink checks the fields of a link of a known type; at is the prefix of their
// names. A field that the type does not use is a mistake: it would be silently
// lost.
func (m *mistakes) checkLink(at string, l LinkRequest, maxOutput int) {
	if l.Page && l.Type == LinkWebhook {
		m.add(at+"page", "is only allowed for links of type success, failure and heartbeat: a webhook needs a body")
	}
	switch l.Type {
	case LinkSuccess:
		if err := CheckOutput(l.Output, maxOutput); err != nil {
			m.add(at+"output", "cannot be sent: %v", err)
		}
	case LinkFailure:
		if l.Error == "" {
			m.add(at+"error", "is required: it is the name by which the workflow catches the failure")
		}
		m.text(at+"error", l.Error, MaxErrorChars)
		m.text(at+"cause", l.Cause, MaxCauseChars)
	}
	if l.Output != nil && l.Type != LinkSuccess {
		m.add(at+"output", "is only allowed for links of type success")
	}
	if (l.Error != "" || l.Cause != "") && l.Type != LinkFailure {
		m.add(at+"error", "and cause are only allowed for links of type failure")
	}
	if (l.Approver != "" || l.Email != "") && l.Type != LinkApproval {
		m.add(at+"approver", "is only allowed for links of type approval")
	}
	m.checkApprover(at+"approver", l.Approver)
	m.checkPage(at, l)
	m.text(at+"response.text", l.Response.Text, MaxResponseChars)
	if l.Response.Redirect != "" {
		m.checkRedirect(at+"response.redirect", l)
	}
}

// checkPage checks the fields of a link that concern its page.
func (m *mistakes) checkPage(at string, l LinkRequest) {
	for _, text := range []struct {
		field, text string
		most        int
	}{{"title", l.Title, MaxTitleChars}, {"message", l.Message, MaxMessageChars}, {"buttonLabel", l.ButtonLabel, MaxLabelChars}} {
		m.text(at+text.field, text.text, text.most)
		if text.text != "" && !l.Page {
			m.add(at+text.field, "is only allowed for links that open a page")
		}
	}
	if l.ButtonLabel != "" && l.Type == LinkApproval {
		m.add(at+"buttonLabel", "is only allowed for pages with one button: for an approval, set approval.approveLabel and approval.rejectLabel")
	}
}

// checkVisible refuses a text that is given but has no visible characters.
func (m *mistakes) checkVisible(field, text string) {
	if text != "" && names.Blank(text) {
		m.add(field, "has no visible characters: give a text, or leave it out")
	}
}

// checkVisible refuses a page without a visible title, and a button label without
// visible characters.
func (l LinkRequest) checkVisible(m *mistakes, at string, a *Approval) {
	m.checkVisible(at+"title", l.Title)
	m.checkVisible(at+"buttonLabel", l.ButtonLabel)
	if l.Page && l.Type != LinkWebhook && l.Title == "" && (a == nil || names.Blank(a.Title)) {
		m.add(at+"title", `is required, here or as approval.title, since the link opens a page: say what it is about, such as "Deploy 4.2.0 to production?"`)
	}
}

func (m *mistakes) checkRedirect(field string, l LinkRequest) {
	m.text(field, l.Response.Redirect, MaxRedirectChars)
	to, err := url.Parse(l.Response.Redirect)
	switch {
	case !l.Page:
		m.add(field, "is only allowed for pages: senders of webhooks do not follow redirects")
	case err != nil || to.Scheme != "https" || to.Hostname() == "" || to.User != nil:
		m.add(field, "must be an https URL such as https://example.com/done, without a user name")
	}
}
