package handlers

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// repairLinks makes links work that were damaged on their way: by a sentence or
// a mail program that put something behind them, by blanks that nobody sees, by a
// second slash, by a QR code in capitals. The key's MAC makes that safe, as a
// repair that went wrong leads nowhere. Everything else, paths with dot segments
// above all, is left as it is, and so is 404.
func repairLinks(prefix string) echo.MiddlewareFunc {
	whole := regexp.MustCompile(`^(?:` + regexp.QuoteMeta(prefix) + `)?/[ca]/[a-z2-7]+$`)
	mended := regexp.MustCompile(`^(` + regexp.QuoteMeta(strings.ToLower(prefix)) + `|)(/[ca]/[a-z2-7]+)$`)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			address := c.Request().URL
			if whole.MatchString(address.Path) {
				address.RawPath = "" // letters that need no escape
				return next(c)
			}
			if parts := mended.FindStringSubmatch(repaired(address.Path)); parts != nil {
				address.Path, address.RawPath = parts[2], ""
				if parts[1] != "" {
					address.Path = prefix + parts[2]
				}
			}
			return next(c)
		}
	}
}

// entity is what HTML writes for a sign that stood behind a link.
var entity = regexp.MustCompile(`&(amp|gt|lt|quot|apos|nbsp|#x?[0-9a-f]{1,6});?$`)

// repaired returns a path in lower case, without what cannot be seen, what was
// put behind it, and slashes given twice; or "" for one with dot segments.
func repaired(path string) string {
	segments := strings.Split(path, "/")
	if slices.Contains(segments, ".") || slices.Contains(segments, "..") {
		return ""
	}
	path = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError { // which a no-break space in Latin-1 is
			return -1
		}
		return unicode.ToLower(r)
	}, path)
	for before := ""; before != path; {
		before = path
		path = entity.ReplaceAllString(path, "")
		path = strings.TrimRightFunc(path, func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) })
	}
	return slashes.ReplaceAllString(path, "/")
}

var slashes = regexp.MustCompile(`/{2,}`)
