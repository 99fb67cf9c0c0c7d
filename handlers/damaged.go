package handlers

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"callback-relay/names"
	"callback-relay/relay"
)

// longestDamaged is how long a path may be, in bytes, to be searched for a damaged
// link. The search happens before any other limit applies.
const longestDamaged = 1 << 10

// repairLinks makes damaged links work: with text or punctuation appended by a
// sentence or a mail program, with invisible blanks, with a second slash, or in the
// capitals of a QR code. This is safe because of the key's MAC: a wrong repair finds
// no link. Any other path stays unchanged and gets 404, above all one with dot
// segments or with further segments.
func repairLinks(prefix string) echo.MiddlewareFunc {
	trimmed := regexp.QuoteMeta(strings.Trim(prefix, "/"))
	damaged := regexp.MustCompile(`(?is)^/+(?:(` + trimmed + `)/+)?([cah])/+(.*)$`)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			address := c.Request().URL
			if isWhole(strings.TrimPrefix(address.Path, prefix)) {
				address.RawPath = "" // the repaired path needs no escapes
				return next(c)
			}
			if len(address.Path) > longestDamaged || hasDots(address.Path) {
				return next(c)
			}
			if parts := damaged.FindStringSubmatch(address.Path); parts != nil {
				if key := keyIn(parts[3]); key != "" {
					address.Path, address.RawPath = "/"+strings.ToLower(parts[2])+"/"+key, ""
					if parts[1] != "" {
						address.Path = prefix + address.Path
					}
				}
			}
			return next(c)
		}
	}
}

// isWhole tells whether a path is that of a link or a hook which nothing has damaged. Nearly
// every request has one, so the search for damage is left to the others.
func isWhole(path string) bool {
	const keyChars = "abcdefghijklmnopqrstuvwxyz234567"
	for _, begin := range []string{"/c/", "/a/", "/h/"} {
		if key, found := strings.CutPrefix(path, begin); found {
			return key != "" && strings.Trim(key, keyChars) == ""
		}
	}
	return false
}

func hasDots(path string) bool {
	segments := strings.Split(path, "/")
	return slices.Contains(segments, ".") || slices.Contains(segments, "..")
}

// keyIn returns the key at the beginning of rest, in lower case, or "". Brackets and
// quotes may precede the key, and blanks may be inside it. The first character that
// cannot be part of a key ends it, and the rest is ignored.
func keyIn(rest string) string {
	rest = strings.TrimLeft(rest, "<([{\"'“‘«")
	var key strings.Builder
	for at, r := range rest {
		switch whole := key.Len() == relay.LinkKeyChars || key.Len() == relay.ShortLinkKeyChars; {
		case isKeyChar(r) && key.Len() < relay.LinkKeyChars:
			key.WriteRune(unicode.ToLower(r))
		case isInvisible(r) && !whole:
		case whole && !isSegment(rest[at:]):
			return key.String()
		default:
			return ""
		}
	}
	return key.String()
}

func isKeyChar(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '2' && r <= '7'
}

// isInvisible tells whether a character is invisible. A byte that is not UTF-8 counts,
// since it may be a no-break space in Latin-1.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || names.Invisible(r) || r == utf8.RuneError
}

// isSegment tells whether the text after a key shows that the address was never a
// link: a further segment of the path, a letter that makes it another key, or a
// control character, which somebody put there on purpose.
func isSegment(rest string) bool {
	next, size := utf8.DecodeRuneInString(rest)
	if isKeyChar(next) || unicode.IsDigit(next) || unicode.IsControl(next) && !unicode.IsSpace(next) {
		return true
	}
	return next == '/' && strings.ContainsFunc(rest[size:], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
