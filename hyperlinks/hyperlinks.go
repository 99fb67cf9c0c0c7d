package hyperlinks

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Target is where a URL leads.
type Target struct {
	Scheme string // https, mailto or tel
	Place  string // the host with its port, the mail address, or the number with its parameters
}

// Parse returns where a URL leads, and whether a page may link to it: an https URL without
// a user name, which could be mistaken for the host; a mailto URL of one address, with at
// most a subject and a body; or a tel URL of a number to call. Other signs than digits and
// separators in a number are refused, because some phones obey codes such as *21*.
func Parse(text string) (Target, bool) {
	to, err := url.Parse(text)
	if err != nil || hides(text) {
		return Target{}, false
	}
	switch to.Scheme {
	case "https":
		return Target{"https", to.Host}, to.Hostname() != "" && to.User == nil
	case "mailto":
		place, err := url.PathUnescape(to.Opaque)
		return Target{"mailto", place}, err == nil && address(place) && to.Fragment == "" && onlyText(to.RawQuery)
	case "tel":
		return Target{"tel", to.Opaque}, number.MatchString(to.Opaque) && !strings.ContainsAny(text, "?#")
	}
	return Target{}, false
}

// Says tells whether readers of a text know where the target is. It is not enough that the
// text contains the place: "https://bank.example/?evil.example" does not lead to evil.example.
func (t Target) Says(text string) bool {
	if other, ok := Parse(text); ok {
		return other.Scheme == t.Scheme && t.same(other.Place)
	}
	return t.same(text)
}

func (t Target) same(place string) bool {
	switch t.Scheme {
	case "tel":
		return separators.Replace(place) == separators.Replace(t.Place)
	default:
		return strings.EqualFold(place, t.Place)
	}
}

// Mailto returns the mailto URL of an address.
func Mailto(address string) string { return "mailto:" + strings.ReplaceAll(address, "%", "%25") }

// number is what follows tel: in a URL (RFC 3966): digits, separators and parameters.
var number = regexp.MustCompile(`^\+?[-.()]*[0-9][-.()0-9]*(;[a-z0-9-]+=[a-zA-Z0-9.+-]+)*$`)

// separators removes what people write between the digits of a number.
var separators = strings.NewReplacer(" ", "", "\u00a0", "", "-", "", ".", "", "(", "", ")", "", "/", "")

// address tells whether a text is one mail address and nothing else.
func address(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && !hides(text)
}

// onlyText tells whether a mailto URL's query adds no recipients (RFC 6068).
func onlyText(query string) bool {
	values, err := url.ParseQuery(query)
	for name := range values {
		if !strings.EqualFold(name, "subject") && !strings.EqualFold(name, "body") {
			return false
		}
	}
	return err == nil
}

// hides tells whether a text has blanks, or characters that nobody sees.
func hides(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) })
}
