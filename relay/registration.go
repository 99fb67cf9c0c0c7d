package relay

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"callback-relay/names"
)

// Expires is a deadline as it was asked for: after a time, or at a time. The
// zero value asks for the default.
type Expires struct {
	In time.Duration
	At time.Time
	// Default says that In was filled in and not asked for. A registration
	// repeated after the default has changed is still the same.
	Default bool
}

// Registration is what a workflow asks for: a callback for one task token.
type Registration struct {
	TaskToken TaskToken
	Expires   Expires
	OnExpiry  OnExpiry
	Tags      map[string]string
	Links     map[string]LinkRequest
	Approval  *Approval // what the pages show and ask; nil for a callback without pages
	// Refused says why no callback may be made of it, while one that the release
	// before made of it is still found: it let pages have no title. It can go
	// when none of these can be waiting any more.
	Refused error
}

// LinkRequest is what is asked of one link.
type LinkRequest struct {
	LinkKind
	Output   Payload // of a success; nil is {}
	Error    string  // of a failure
	Cause    string  // of a failure
	Approver string  // of an approval: who decides there; "" lets the page ask for a name
	// Of a page. Title and Message are in place of the approval's, ButtonLabel is
	// what the one button says.
	Title       string
	Message     string // Markdown
	ButtonLabel string // "" is what the type says
	Response    Response
}

// Response is what whoever used a link is told besides the status.
type Response struct {
	Text     string // "" for none
	Redirect string // of a page: an https URL to go on to; "" for none
}

// Outcome returns the fixed outcome of a success or failure link.
func (l LinkRequest) Outcome() Outcome {
	if l.Type == LinkFailure {
		return Outcome{Type: OutcomeFailure, Error: l.Error, Cause: l.Cause}
	}
	return Outcome{Type: OutcomeSuccess, Output: l.Output}
}

// The bounds of a registration. Those of the task token, of a failure's error
// and of its cause are AWS' own.
const (
	MaxTaskTokenChars = 2048
	MaxErrorChars     = 256
	MaxCauseChars     = 32_768
	MaxLinks          = 32  // that are open at a time
	MaxLinkNumbers    = 256 // of one callback, closed links included
	MaxTags           = 16
	MaxTagValueChars  = 256
	MaxApproverChars  = 100
	MaxResponseChars  = 1000
	MaxRedirectChars  = 2048
)

var (
	linkName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)
	tagKey   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// DefaultLink names the link that a registration without links gets, and
// whose URL is the callback's own.
const DefaultLink = "default"

// normalize fills in what was left out.
func (r *Registration) normalize(defaultExpiry time.Duration) {
	if r.Expires == (Expires{}) {
		r.Expires = Expires{In: defaultExpiry, Default: true}
	}
	if r.OnExpiry == "" {
		r.OnExpiry = OnExpiryFail
	}
	if len(r.Links) == 0 {
		r.Links = map[string]LinkRequest{DefaultLink: {LinkKind: LinkKind{Type: LinkWebhook}}}
	}
	r.Links = maps.Clone(r.Links)
	for name, link := range r.Links {
		r.Links[name] = link.normal()
	}
	if r.Approval != nil || len(r.pages()) > 0 {
		r.Approval = r.Approval.normal()
	}
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

// pages returns the names of the links that open a page, sorted.
func (r *Registration) pages() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.Links)), func(name string) bool { return !r.Links[name].Page })
}

// mistakes collects what is wrong with a registration.
type mistakes []error

func (m *mistakes) add(field, format string, args ...any) {
	*m = append(*m, &InvalidFieldError{field, fmt.Sprintf(format, args...)})
}

// text checks a text that people read.
func (m *mistakes) text(field, text string, most int) {
	if !utf8.ValidString(text) {
		m.add(field, "is not valid UTF-8")
	} else if n := utf8.RuneCountInString(text); n > most {
		m.add(field, "has %d characters, at most %d are allowed", n, most)
	}
}

// check returns every mistake in the registration, each an *InvalidFieldError.
// Whether a deadline given as a time is still to come is for the store to
// judge, by the clock of Redis.
func (r *Registration) check(maxExpiry time.Duration, maxOutput int, schemas Schemas) []error {
	var m mistakes
	if problem := r.TaskToken.check(); problem != "" {
		m.add("taskToken", "%s", problem)
	}
	m = append(m, r.Expires.check(maxExpiry)...)
	if r.OnExpiry != OnExpiryFail && r.OnExpiry != OnExpiryIgnore {
		m.add("onExpiry", "must be fail or ignore")
	}
	m.checkTags(r.Tags)
	m.checkLinks(r.Links, maxOutput)
	if r.Approval != nil {
		m.checkApproval(r, maxOutput, schemas)
	}
	return m
}

// check returns what is wrong with a deadline, apart from what the store judges.
func (e Expires) check(most time.Duration) []error {
	var m mistakes
	switch in := e.In; {
	case in != 0 && !e.At.IsZero():
		m.add("expiresIn", "excludes expiresAt: give one of them")
	case in < 0, in > 0 && in < time.Millisecond:
		m.add("expiresIn", "must be a duration of at least 1ms, such as 90m, 24h or 7d")
	case in > most:
		m.add("expiresIn", "is %s, at most %s is allowed", in, most)
	}
	return m
}

func (m *mistakes) checkTags(tags map[string]string) {
	if len(tags) > MaxTags {
		m.add("tags", "has %d entries, at most %d are allowed", len(tags), MaxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if !tagKey.MatchString(key) {
			m.add("tags", "has a key that is not 1 to 64 characters of A-Z a-z 0-9 _ . -")
		} else if value := tags[key]; !utf8.ValidString(value) || utf8.RuneCountInString(value) > MaxTagValueChars {
			m.add("tags."+key, "must be valid UTF-8 of at most %d characters", MaxTagValueChars)
		}
	}
}

func (m *mistakes) checkLinks(links map[string]LinkRequest, maxOutput int) {
	if len(links) > MaxLinks {
		m.add("links", "has %d entries, at most %d are allowed", len(links), MaxLinks)
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		switch {
		case !linkName.MatchString(name):
			m.add("links", "has a name that is not 1 to 64 characters a-z, 0-9 or -, a letter first")
		case name == ByExpiry:
			m.add("links."+name, "is a reserved name")
		case !slices.Contains(LinkTypes, links[name].Type):
			m.add("links."+name+".type", "must be one of %v", LinkTypes)
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
func (m *mistakes) checkAdded(name string, l LinkRequest, a *Approval, maxOutput int) {
	switch {
	case !linkName.MatchString(name):
		m.add("name", "must be 1 to 64 characters a-z, 0-9 or -, a letter first, such as dana")
	case name == ByExpiry:
		m.add("name", "is a reserved name")
	}
	if !slices.Contains(LinkTypes, l.Type) {
		m.add("type", "must be one of %v", LinkTypes)
		return
	}
	m.checkLink("", l, maxOutput)
	if l.Type == LinkApproval && a == nil {
		m.add("type", "cannot be approval: the callback was registered without an approval, so there is nothing to decide; success or failure with page can be added")
		return
	}
	m.checkTitle("", l, a)
}

// checkLink checks what a link of a known type carries; at is what stands before
// the names of its fields. What its type has no use for is a mistake: it would
// be silently lost.
func (m *mistakes) checkLink(at string, l LinkRequest, maxOutput int) {
	if l.Page && l.Type == LinkWebhook {
		m.add(at+"page", "is for links that carry no body: success, failure and heartbeat")
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
		m.add(at+"output", "is for links of type success")
	}
	if (l.Error != "" || l.Cause != "") && l.Type != LinkFailure {
		m.add(at+"error", "is for links of type failure, as cause is")
	}
	if l.Approver != "" && l.Type != LinkApproval {
		m.add(at+"approver", "is for links of type approval")
	}
	m.checkApprover(at+"approver", l.Approver)
	m.checkPage(at, l)
	m.text(at+"response.text", l.Response.Text, MaxResponseChars)
	if l.Response.Redirect != "" {
		m.checkRedirect(at+"response.redirect", l)
	}
}

func (m *mistakes) checkApprover(field, name string) {
	if name == "" {
		return
	}
	m.text(field, name, MaxApproverChars)
	switch names.Check(name) {
	case names.Unreadable:
		m.add(field, "is blank, or has control characters: give a name that people can read, or leave it out and the page asks for one")
	case names.Mixed:
		m.add(field, "has letters of several alphabets in one word, and could pass for another name: write each word in one, as in Dana or Дана")
	}
}

const alike = "looks like the approver of links.%s, with other letters: give names that people can tell apart"

// looksLike tells whether two people's names look the same and are not.
func looksLike(a, b string) bool {
	return a != "" && b != "" && !names.Same(a, b) && names.Alike(a, b)
}

// checkAlike refuses approvers whose names look the same and are not: people
// could not tell who decided, nor the relay whether one of them decided twice.
func (m *mistakes) checkAlike(links map[string]LinkRequest) {
	order := slices.Sorted(maps.Keys(links))
	for i, name := range order {
		for _, before := range order[:i] {
			if looksLike(links[name].Approver, links[before].Approver) {
				m.add("links."+name+".approver", alike, before)
				break
			}
		}
	}
}

// checkPage checks what a link says of its page.
func (m *mistakes) checkPage(at string, l LinkRequest) {
	for _, text := range []struct {
		field, text string
		most        int
	}{{"title", l.Title, MaxTitleChars}, {"message", l.Message, MaxMessageChars}, {"buttonLabel", l.ButtonLabel, MaxLabelChars}} {
		m.text(at+text.field, text.text, text.most)
		if text.text != "" && !l.Page {
			m.add(at+text.field, "is for links that open a page")
		}
	}
	if l.ButtonLabel != "" && l.Type == LinkApproval {
		m.add(at+"buttonLabel", "is for pages with one button; those of an approval are named by approval.approveLabel and approval.rejectLabel")
	}
}

// checkTitle refuses a page that says nothing of what it is about.
func (m *mistakes) checkTitle(at string, l LinkRequest, a *Approval) {
	if l.Page && l.Type != LinkWebhook && l.Title == "" && (a == nil || strings.TrimSpace(a.Title) == "") {
		m.add(at+"title", `is required, here or as approval.title, since the link opens a page: say what it is about, such as "Deploy 4.2.0 to production?"`)
	}
}

// untitled returns which pages have no title, each an *InvalidFieldError.
func (r *Registration) untitled() []error {
	var m mistakes
	for _, name := range r.pages() {
		m.checkTitle("links."+name+".", r.Links[name], r.Approval)
	}
	return m
}

func (m *mistakes) checkRedirect(field string, l LinkRequest) {
	m.text(field, l.Response.Redirect, MaxRedirectChars)
	to, err := url.Parse(l.Response.Redirect)
	switch {
	case !l.Page:
		m.add(field, "is for pages: webhooks follow no redirects")
	case err != nil || to.Scheme != "https" || to.Hostname() == "" || to.User != nil:
		m.add(field, "must be an https URL such as https://example.com/done, without a user")
	}
}

// NumberedLinks returns the registration's links in the order of their names,
// numbered from 0: the same registration gives the same numbers, and so the
// same URLs.
func (r *Registration) NumberedLinks() []Link {
	links := make([]Link, 0, len(r.Links))
	for _, name := range slices.Sorted(maps.Keys(r.Links)) {
		link := r.Links[name]
		links = append(links, Link{
			Name: name, LinkKind: link.LinkKind, Approver: link.Approver,
			Number: byte(len(links)), //nolint:gosec // at most MaxLinks
		})
	}
	return links
}
