package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"callback-relay/identity"
	"callback-relay/names"
)

// People tells who has a page open, as a proxy in front of the pages signed it.
type People interface {
	// Identity returns what verifies it; nil if no proxy is configured.
	Identity() *identity.Verifier
}

// noPeople is for a relay without such a proxy.
type noPeople struct{}

// Identity implements [People].
func (noPeople) Identity() *identity.Verifier { return nil }

// Person is who decided, as a proxy signed it. Issuer and Subject together name one
// person. The store keeps its JSON, and outputs have it.
type Person struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	Email   string `json:"email"` // "" if unknown
	Name    string `json:"-"`     // for people to read; "" if unknown
}

// is tells whether both are the same person.
func (p *Person) is(other *Person) bool {
	return p != nil && other != nil && p.Issuer == other.Issuer && p.Subject == other.Subject
}

// hasEmail tells whether it is the person's mail address.
func (p *Person) hasEmail(email string) bool {
	return p != nil && email != "" && sameEmail(p.Email, email)
}

// sameEmail compares mail addresses. Capitals do not matter, but only those of ASCII: other
// letters that become the same in lower case can belong to somebody else.
func sameEmail(a, b string) bool { return lowerASCII(a) == lowerASCII(b) }

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// Verify says whether only people who are signed in may decide.
type Verify string

// The choices. None is the default.
const (
	VerifyNone     Verify = ""
	VerifyRequired Verify = "required"
)

// Barred says why the person who has a waiting page open cannot decide on it.
type Barred string

// The reasons; "" is none.
const (
	BarredNobody   Barred = "nobody"     // nobody is signed in
	BarredOther    Barred = "other"      // the link is somebody else's
	BarredExcluded Barred = "excluded"   // the registration says that this person must not decide
	BarredUnknown  Barred = "no-address" // that depends on the mail address, which the proxy does not tell
	BarredUsed     Barred = "used"       // somebody else has decided through the link
)

// BarredError reports a submission by somebody who cannot decide. Nothing was stored.
type BarredError struct{ Barred Barred }

// Error implements error.
func (e *BarredError) Error() string {
	switch e.Barred {
	case BarredNobody:
		return "only people who are signed in can decide"
	case BarredExcluded:
		return "this request excludes you from deciding"
	case BarredUnknown:
		return "who can decide depends on the mail address, and the proxy does not tell yours"
	case BarredUsed:
		return "somebody else has decided through this link"
	}
	return "only the person whose link this is can decide"
}

// barredBy says why the person who has the page of a link open cannot decide.
func (v View) barredBy() Barred {
	switch person := v.Person; {
	case v.Link.Type != LinkApproval || v.Approval.Verify != VerifyRequired:
		return ""
	case person == nil:
		return BarredNobody
	case slices.ContainsFunc(v.Approval.NotBy, func(who string) bool { return who == person.Subject || person.hasEmail(who) }):
		return BarredExcluded
	case person.Email == "" && (v.Request.Email != "" || slices.ContainsFunc(v.Approval.NotBy, looksLikeEmail)):
		return BarredUnknown
	case v.Request.Email != "" && !person.hasEmail(v.Request.Email):
		return BarredOther
	case v.usedByOther():
		return BarredUsed
	}
	return ""
}

// approver returns the name under which a decision through the link counts; "" if the page
// asks for it. People choose the names that proxies sign, so a name that is somebody else's
// does not count.
func (v View) approver() string {
	if v.Link.Approver != "" || v.Person == nil {
		return v.Link.Approver
	}
	for _, name := range []string{v.Person.Name, v.Person.Email} {
		if problem, _ := v.checkName(name); problem == "" {
			return names.Clean(name)
		}
	}
	subject := []rune(v.Person.Subject)
	return string(subject[:min(len(subject), MaxApproverChars)])
}

// signedApprover is approver with the mail address that a proxy signed, for people to read.
func (v View) signedApprover() string {
	return Decision{Approver: v.approver(), Verified: v.Person}.who()
}

// Label returns the name and the mail address, for people to read.
func (p *Person) Label() string {
	return Decision{Approver: cmp.Or(p.Name, p.Email, p.Subject), Verified: p}.who()
}

// who returns who decided, for people to read: the approver, and the mail address if a
// proxy signed it.
func (d Decision) who() string {
	if d.Verified == nil || d.Verified.Email == "" || d.Verified.Email == d.Approver {
		return d.Approver
	}
	return d.Approver + " (" + d.Verified.Email + ")"
}

// view reads a callback as one of its links shows it, and adds who has the page open if
// that matters.
func (s *Service) view(ctx context.Context, link LinkRef, from http.Header) (View, error) {
	v, err := s.store.View(ctx, link)
	required := v.State == StatePending && v.Approval.Verify == VerifyRequired
	verified := slices.ContainsFunc(v.Decisions, func(d Decision) bool { return d.Verified != nil })
	if err != nil || link.Type != LinkApproval || !required && !verified {
		return v, err
	}
	person, err := s.person(ctx, link, from)
	if err != nil && required {
		return View{}, fmt.Errorf("look up %s: %w", v.ID, err)
	}
	v.Person = person
	return v, nil
}

// person returns who has the page of a link open, as the headers prove it; nil for nobody.
// The error is [ErrUnavailable].
func (s *Service) person(ctx context.Context, link LinkRef, from http.Header) (*Person, error) {
	verifier := s.people.Identity()
	if verifier == nil {
		return nil, fmt.Errorf("%w: the configuration file no longer says which proxy signs who is there", ErrUnavailable)
	}
	found, err := verifier.Verify(ctx, from, string(link.ID), s.now())
	unavailable := (*identity.UnavailableError)(nil)
	switch {
	case errors.Is(err, identity.ErrNobody):
		return nil, nil
	case errors.As(err, &unavailable):
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case err != nil:
		s.logger.InfoContext(ctx, "person not verified", "callback", string(link.ID), "error", err)
		return nil, nil
	}
	return &Person{Issuer: found.Issuer, Subject: found.Subject, Email: found.Email, Name: found.Name}, nil
}

// The bounds of approvals that only certain people may decide.
const (
	MaxNotBy      = 20
	MaxEmailChars = 254 // RFC 5321, with the brackets of a path
)

// checkPeople refuses an approval that nobody could decide, since no proxy signs who is
// there.
func (s *Service) checkPeople(a *Approval) []error {
	var m mistakes
	if a != nil && a.Verify == VerifyRequired && s.people.Identity() == nil {
		m.add("approval.verify", "needs a proxy in front of the pages that signs who is there: describe it as identity in the relay's configuration file")
	}
	return m
}

// checkVerified checks what a registration says about who may decide.
func (m *mistakes) checkVerified(a *Approval) {
	if a.Verify != VerifyNone && a.Verify != VerifyRequired {
		m.add("approval.verify", "must be required")
	}
	if a.Verify == VerifyNone && len(a.NotBy) > 0 {
		m.add("approval.notBy", `is only possible with "verify": "required": otherwise nobody knows who decides`)
	}
	if len(a.NotBy) > MaxNotBy {
		m.add("approval.notBy", "has %d entries, but at most %d are allowed", len(a.NotBy), MaxNotBy)
	}
	for _, who := range a.NotBy {
		switch {
		case names.Blank(who):
			m.add("approval.notBy", "has an empty entry: give mail addresses, or subjects as the proxy signs them")
		case strings.TrimSpace(who) != who, looksLikeEmail(who) && !isEmail(who):
			m.add("approval.notBy", "has an entry that is neither a mail address alone, such as ana@example.com, nor a subject: nobody would be excluded by it")
		}
		m.text("approval.notBy", who, MaxEmailChars)
	}
}

// looksLikeEmail tells whether somebody is named by a mail address, and not by a subject.
func looksLikeEmail(who string) bool { return strings.Contains(who, "@") }

// isEmail tells whether a text is a mail address, with nothing around it.
func isEmail(text string) bool {
	name, domain, _ := strings.Cut(text, "@")
	return name != "" && domain != "" && !strings.ContainsAny(text, " \t\r\n,;<>")
}

// checkEmail checks the mail address of the approver of a link; at is the prefix of its
// fields. a is nil if the callback has no approval.
func (m *mistakes) checkEmail(at string, l LinkRequest, a *Approval) {
	required := a != nil && a.Verify == VerifyRequired
	switch {
	case l.Type != LinkApproval: // checkLink has refused the approver
	case l.Email != "" && !required:
		m.add(at+"approver.email", `is only possible with "verify": "required" in the approval: otherwise nobody checks it`)
	case required && l.Approver != "" && l.Email == "":
		m.add(at+"approver", `needs the mail address of the person, since the approval is verified: give {"name": "Dana Okafor", "email": "dana@example.com"}, or leave it out and let everybody decide who is signed in`)
	case required && l.Email != "" && slices.ContainsFunc(a.NotBy, func(who string) bool { return sameEmail(who, l.Email) }):
		m.add(at+"approver.email", "is in approval.notBy, so nobody could decide through this link")
	}
	if l.Email != "" && !isEmail(l.Email) {
		m.add(at+"approver.email", "is not a mail address such as dana@example.com")
	}
	m.text(at+"approver.email", l.Email, MaxEmailChars)
}

// checkEmails refuses one mail address with two names, or with none on two links: a quorum
// would count one person as two.
func (m *mistakes) checkEmails(links map[string]LinkRequest, a *Approval) {
	first := map[string]string{} // the name of the first link with the mail address
	for _, name := range slices.Sorted(maps.Keys(links)) {
		l := links[name]
		m.checkEmail("links."+name+".", l, a)
		if l.Email == "" {
			continue
		}
		before, again := first[lowerASCII(l.Email)]
		if again && !samePerson(links[before], l) {
			m.add("links."+name+".approver", sameAddress, before)
		}
		if !again {
			first[lowerASCII(l.Email)] = name
		}
	}
}

const sameAddress = "has the mail address of links.%s: give both links the same name, since it is one person"

// samePerson tells whether links with one mail address have one name, too.
func samePerson(a, b LinkRequest) bool { return a.Approver != "" && names.Same(a.Approver, b.Approver) }
