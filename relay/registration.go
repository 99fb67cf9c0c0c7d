package relay

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"callback-relay/durations"
)

// Expires is the requested deadline: after a duration, or at a time. The zero value
// asks for the default.
type Expires struct {
	In time.Duration
	At time.Time
	// Default says that In is the default and was not requested. So a registration
	// that is repeated after the default has changed still counts as the same.
	Default bool
}

// Registration is what a workflow asks for: a callback for one task token.
type Registration struct {
	TaskToken TaskToken
	Expires   Expires
	OnExpiry  OnExpiry
	Tags      map[string]string
	Links     map[string]LinkRequest
	// Awaits are the events that the callback waits for at hooks, by name. Their names and
	// those of the links differ. Each has a Sender and a Key, and no Inline.
	Awaits   map[string]Guard
	Approval *Approval // what the pages show and ask; nil for a callback without pages
}

// NewCallback is a checked registration, with everything derived from it. Only
// [Prepare] makes one.
type NewCallback struct {
	// Callback is as it will be shown. The store adds its times, by the clock of
	// Redis. It removes the generation of the links while a replica of a release
	// without generations is alive.
	Callback
	OlderIDs  []CallbackID  // which the task token has under older master keys
	Asked     Registration  // with what was left out filled in
	MaxExpiry time.Duration // how far away the deadline may be
}

// Prepare turns a registration into what the store keeps.
func Prepare(keys *KeyRing, r Registration, maxExpiry time.Duration) NewCallback {
	ids := keys.Identify(r.TaskToken)
	n := NewCallback{
		Callback: Callback{
			ID: ids[0].ID, Key: ids[0].Key, State: StatePending, OnExpiry: r.OnExpiry, Tags: r.Tags, Links: r.NumberedLinks(),
		},
		Asked: r, MaxExpiry: maxExpiry,
	}
	for _, older := range ids[1:] {
		n.OlderIDs = append(n.OlderIDs, older.ID)
	}
	generation := NewGeneration()
	for i := range n.Links {
		n.Links[i].Generation = generation
	}
	return n
}

// The bounds of a registration. Those of the task token, of a failure's error
// and of its cause are AWS' own.
const (
	MaxTaskTokenChars = 2048
	MaxErrorChars     = 256
	MaxCauseChars     = 32_768
	MaxLinks          = 32  // open at the same time
	MaxLinkNumbers    = 256 // of one callback, including closed links
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

// DefaultLink is the name of the link that a registration without links and awaits gets.
// Its URL is also the URL of the callback.
const DefaultLink = "default"

// normalize fills in what was left out.
func (r *Registration) normalize(defaultExpiry time.Duration) {
	if r.Expires == (Expires{}) {
		r.Expires = Expires{In: defaultExpiry, Default: true}
	}
	if r.OnExpiry == "" {
		r.OnExpiry = OnExpiryFail
	}
	if len(r.Links) == 0 && len(r.Awaits) == 0 {
		r.Links = map[string]LinkRequest{DefaultLink: {LinkKind: LinkKind{Type: LinkWebhook}}}
	}
	r.Links = maps.Clone(r.Links)
	for name, link := range r.Links {
		r.Links[name] = link.normal()
	}
	if pages := r.pages(); r.Approval != nil || len(pages) > 0 {
		asked := r.Approval != nil || slices.ContainsFunc(pages, func(name string) bool { return r.Links[name].Type == LinkApproval })
		r.Approval = r.Approval.normal()
		r.Approval.Default = !asked
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

// mustBeOneOf says which values a field can have.
func mustBeOneOf[T ~string](values []T) string {
	var list []string
	for _, value := range values {
		list = append(list, string(value))
	}
	return "must be one of " + strings.Join(list, ", ")
}

// text checks a text that people read.
func (m *mistakes) text(field, text string, most int) {
	if !utf8.ValidString(text) {
		m.add(field, "is not valid UTF-8")
	} else if n := utf8.RuneCountInString(text); n > most {
		m.add(field, "has %d characters, but at most %d are allowed", n, most)
	}
}

// check returns every mistake in the registration, each an *InvalidFieldError.
// Whether a deadline given as a time lies in the future is checked by the store,
// with the clock of Redis.
func (r *Registration) check(maxExpiry time.Duration, maxOutput int) []error {
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
	m.checkAwaits(r)
	if r.Approval != nil {
		m.checkApproval(r, maxOutput)
	} else {
		m.checkEmails(r.Links, nil)
	}
	return m
}

// check returns what is wrong with a deadline, apart from what the store checks.
func (e Expires) check(most time.Duration) []error {
	var m mistakes
	switch in := e.In; {
	case in != 0 && !e.At.IsZero():
		m.add("expiresIn", "cannot be combined with expiresAt: give only one of them")
	case in < 0, in > 0 && in < time.Millisecond:
		m.add("expiresIn", "must be a duration of at least 1ms, such as 90m, 24h or 7d")
	case in > most:
		m.add("expiresIn", "is %s, but at most %s is allowed", durations.Format(in), durations.Format(most))
	}
	return m
}

func (m *mistakes) checkTags(tags map[string]string) {
	if len(tags) > MaxTags {
		m.add("tags", "has %d entries, but at most %d are allowed", len(tags), MaxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if !tagKey.MatchString(key) {
			m.add("tags", "has a key that is not 1 to 64 characters of A-Z a-z 0-9 _ . -")
		} else if value := tags[key]; !utf8.ValidString(value) || utf8.RuneCountInString(value) > MaxTagValueChars {
			m.add("tags."+key, "must be valid UTF-8 of at most %d characters", MaxTagValueChars)
		}
	}
}

// unclearTexts returns which texts of pages are missing or have no visible characters, and
// which labels look the same, each an *InvalidFieldError.
func (r *Registration) unclearTexts() []error {
	var m mistakes
	if r.Approval != nil {
		r.Approval.checkVisible(&m)
	}
	for _, name := range r.pages() {
		r.Links[name].checkVisible(&m, "links."+name+".", r.Approval)
	}
	return m
}

// NumberedLinks returns the registration's links and awaits in the order of their names,
// numbered from 0. So the same registration always gives the same numbers and the
// same URLs.
func (r *Registration) NumberedLinks() []Link {
	names := slices.AppendSeq(slices.Collect(maps.Keys(r.Links)), maps.Keys(r.Awaits))
	slices.Sort(names)
	links := make([]Link, 0, len(names))
	for _, name := range names {
		link := r.Links[name]
		await, found := r.Awaits[name]
		if found {
			link.Type = LinkAwait
		}
		links = append(links, Link{
			Name: name, LinkKind: link.LinkKind, Approver: link.Approver, Sender: await.Sender, Guarded: r.Guard(name) != nil,
			Number: byte(len(links)), //nolint:gosec // at most MaxLinks
		})
	}
	return links
}

// Guard returns the guard of a link or an await, nil for none.
func (r *Registration) Guard(name string) *Guard {
	if guard, found := r.Awaits[name]; found {
		return &guard
	}
	return r.Links[name].Guard
}
