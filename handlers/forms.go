package handlers

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"callback-relay/bodies"
	"callback-relay/pages"
	"callback-relay/relay"
)

// The bounds of what a page posts, in bytes. One person's share of an output is
// at most half of the largest output, and each byte of that is at most three of
// a form, so that no form is larger than maxForm. Most are much smaller: each
// character of an input is at most four bytes, each of which may be escaped by
// three, and besides there are names and a nonce.
const (
	maxForm      = 2 * relay.MaxOutputBytes
	formOverhead = 8 << 10
	escapedChar  = 4 * 3

	maxNonceChars = 100
)

// formLimit bounds a form by what it asks for; nil for a page that asks for nothing
// now, and may have been opened when it did.
func formLimit(f *relay.Form) int {
	if f == nil {
		return maxForm
	}
	total := formOverhead
	for _, chars := range f.Inputs {
		total += escapedChar * chars
	}
	return min(total, maxForm)
}

// readForm reads the inputs of a form that a browser posts, of at most limit
// bytes. They are counted twice: as they came, and as they are read.
func readForm(c echo.Context, limit int, room *share) (url.Values, error) {
	if bodies.KindOf(c.Request().Header).MediaType() != echo.MIMEApplicationForm {
		return nil, &bodies.UnsupportedError{Problem: "set the Content-Type header to " + echo.MIMEApplicationForm}
	}
	body, err := readBody(c, limit, room)
	if err != nil {
		return nil, err
	}
	if err := room.Take(len(body)); err != nil {
		return nil, err
	}
	return parseForm(body)
}

// parseForm reads a form as browsers do (WHATWG URL, 5.1).
func parseForm(body []byte) (url.Values, error) {
	form, err := bodies.ParseForm(body)
	if err != nil {
		return nil, err
	}
	typed := url.Values{}
	for _, field := range form {
		if !utf8.ValidString(field.Name) || !utf8.ValidString(field.Value) {
			return nil, &bodies.InvalidError{Problem: "not valid UTF-8"}
		}
		typed.Add(field.Name, field.Value)
	}
	return typed, nil
}

// keep returns what of a form is shown again: the inputs that there are, each
// once and up to as many characters as it takes. Of those that were longer it
// returns a problem: a person must not think that all of it is still there.
func keep(typed url.Values, inputs map[string]int) (kept url.Values, cut []pages.Problem) {
	kept = url.Values{}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		value, most := typed.Get(name), inputs[name]
		if shown := firstChars(value, most); len(shown) < len(value) {
			cut = append(cut, pages.Problem{Input: name, Kind: "cut", Limit: strconv.Itoa(most)})
			value = strings.Clone(shown)
		}
		if typed.Has(name) {
			kept.Set(name, value)
		}
	}
	return kept, cut
}

// firstChars returns at most so many characters of a text.
func firstChars(text string, most int) string {
	n := 0
	for at := range text {
		if n++; n > most {
			return text[:at]
		}
	}
	return text
}
