package relay

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
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
}

// LinkRequest is what is asked of one link.
type LinkRequest struct {
	LinkKind
	Output   Payload // of a success; nil is {}
	Error    string  // of a failure
	Cause    string  // of a failure
	Approver string  // of an approval: who decides there; "" lets the page ask for a name
	Response Response
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
	MaxLinks          = 32
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
		link.Page = link.Page || link.Type == LinkApproval
		if link.Type == LinkSuccess && link.Output == nil {
			link.Output = Payload("{}")
		}
		r.Links[name] = link
	}
	if r.Approval != nil || len(r.pages()) > 0 {
		r.Approval = r.Approval.normal()
	}
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
	switch n := utf8.RuneCountInString(string(r.TaskToken)); {
	case n == 0:
		m.add("taskToken", "is required: pass the state's $$.Task.Token")
	case n > MaxTaskTokenChars:
		m.add("taskToken", "has %d characters, Step Functions takes at most %d", n, MaxTaskTokenChars)
	case !utf8.ValidString(string(r.TaskToken)):
		m.add("taskToken", "is not valid UTF-8")
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
			m.checkLink("links."+name, links[name], maxOutput)
		}
	}
	if len(links) <= MaxLinks {
		m.checkAlike(links)
	}
}

// checkLink checks what a link of a known type carries. What its type has no
// use for is a mistake: it would be silently lost.
func (m *mistakes) checkLink(field string, l LinkRequest, maxOutput int) {
	if l.Page && l.Type == LinkWebhook {
		m.add(field+".page", "is for links that carry no body: success, failure and heartbeat")
	}
	switch l.Type {
	case LinkSuccess:
		if err := CheckOutput(l.Output, maxOutput); err != nil {
			m.add(field+".output", "cannot be sent: %v", err)
		}
	case LinkFailure:
		if l.Error == "" {
			m.add(field+".error", "is required: it is the name by which the workflow catches the failure")
		}
		m.text(field+".error", l.Error, MaxErrorChars)
		m.text(field+".cause", l.Cause, MaxCauseChars)
	}
	if l.Output != nil && l.Type != LinkSuccess {
		m.add(field+".output", "is for links of type success")
	}
	if (l.Error != "" || l.Cause != "") && l.Type != LinkFailure {
		m.add(field+".error", "is for links of type failure, as cause is")
	}
	if l.Approver != "" && l.Type != LinkApproval {
		m.add(field+".approver", "is for links of type approval")
	}
	m.checkApprover(field+".approver", l.Approver)
	m.text(field+".response.text", l.Response.Text, MaxResponseChars)
	if l.Response.Redirect != "" {
		m.checkRedirect(field+".response.redirect", l)
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

// checkAlike refuses approvers whose names look the same and are not: people
// could not tell who decided, nor the relay whether one of them decided twice.
func (m *mistakes) checkAlike(links map[string]LinkRequest) {
	order := slices.Sorted(maps.Keys(links))
	for i, name := range order {
		for _, before := range order[:i] {
			a, b := links[before].Approver, links[name].Approver
			if a != "" && b != "" && !names.Same(a, b) && names.Alike(a, b) {
				m.add("links."+name+".approver", "looks like the approver of links.%s, with other letters: give names that people can tell apart", before)
				break
			}
		}
	}
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
