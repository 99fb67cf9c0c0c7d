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

// longestDamaged is how long a path may be, in bytes, to be looked at for a link
// that was damaged. This happens before anything is bounded.
const longestDamaged = 1 << 10

// repairLinks makes links work that were damaged on their way: by a sentence or
// a mail program that put something behind them, by blanks that nobody sees, by a
// second slash, by a QR code in capitals. The key's MAC makes that safe, as a
// repair that went wrong leads nowhere. Everything else, paths with dot segments
// and with further segments above all, is left as it is, and so is 404.
func repairLinks(prefix string) echo.MiddlewareFunc {
	trimmed := regexp.QuoteMeta(strings.Trim(prefix, "/"))
	whole := regexp.MustCompile(`^(?:` + regexp.QuoteMeta(prefix) + `)?/[ca]/[a-z2-7]+$`)
	damaged := regexp.MustCompile(`(?is)^/+(?:(` + trimmed + `)/+)?([ca])/+(.*)$`)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			address := c.Request().URL
			if whole.MatchString(address.Path) {
				address.RawPath = "" // letters that need no escape
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

func hasDots(path string) bool {
	segments := strings.Split(path, "/")
	return slices.Contains(segments, ".") || slices.Contains(segments, "..")
}

// keyIn returns the key with which the end of a path begins, in lower case, or
// "". Brackets and quotes may stand before it and blanks in it; what cannot be
// part of a key ends it, and whatever stands behind that is no part of the link.
func keyIn(rest string) string {
	rest = strings.TrimLeft(rest, "<([{\"'“‘«")
	var key strings.Builder
	for at, r := range rest {
		switch whole := key.Len() == relay.LinkKeyChars || key.Len() == relay.ShortLinkKeyChars; {
		case isKeyChar(r) && key.Len() < relay.LinkKeyChars:
			key.WriteRune(unicode.ToLower(r))
		case isUnseen(r) && !whole:
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

// isUnseen tells whether a character cannot be seen; one that is not UTF-8 may be
// a no-break space in Latin-1.
func isUnseen(r rune) bool {
	return unicode.IsSpace(r) || names.Invisible(r) || r == utf8.RuneError
}

// isSegment tells whether what stands behind a key is a further segment of the
// path: such an address was never a link. A letter right behind it makes it
// another key, and a control character was put there on purpose.
func isSegment(rest string) bool {
	next, size := utf8.DecodeRuneInString(rest)
	if isKeyChar(next) || unicode.IsDigit(next) || unicode.IsControl(next) && !unicode.IsSpace(next) {
		return true
	}
	return next == '/' && strings.ContainsFunc(rest[size:], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
