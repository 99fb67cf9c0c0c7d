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

// The bounds of a posted form, in bytes. One person's decision takes at most half of
// the largest output, and each of its bytes takes at most three in a form, so no
// form is larger than maxForm. Most forms are much smaller: a character takes at most
// four bytes, and each byte takes at most three when escaped. formOverhead is for
// the nonce and what is between the inputs.
const (
	maxForm      = 2 * relay.MaxOutputBytes
	formOverhead = 8 << 10
	escapedByte  = 3
	escapedChar  = 4 * escapedByte

	maxNonceChars = 100
)

// formLimit bounds a posted form by the inputs that its page asks for. f is nil if the
// page asks for nothing now, although it may have had a form when it was opened.
func formLimit(f *relay.Form) int {
	if f == nil {
		return maxForm
	}
	total := formOverhead
	for name, in := range f.Inputs {
		total += in.Values * (escapedChar*in.Chars + escapedByte*len(name))
	}
	return min(total, maxForm)
}

// readForm reads the inputs of a form of at most limit bytes that a browser posts. It
// takes room for the form twice: for the body and for the decoded inputs.
func readForm(c echo.Context, limit int, held *share) (url.Values, error) {
	if bodies.KindOf(c.Request().Header).MediaType() != echo.MIMEApplicationForm {
		return nil, &bodies.UnsupportedError{Problem: "set the Content-Type header to " + echo.MIMEApplicationForm}
	}
	body, err := readBody(c, bodyLimit{bytes: limit}, held)
	if err != nil {
		return nil, err
	}
	if err := held.Take(len(body)); err != nil {
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

// keep returns the entries of a form that are shown again: those of the given inputs,
// each as often as it can have a value, and cut to its maximum length. For each input of
// which something was cut it returns a problem, so that a person does not think that the
// text is complete.
func keep(typed url.Values, inputs map[string]relay.Input) (kept url.Values, cut []pages.Problem) {
	kept = url.Values{}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		in, whole := inputs[name], true
		for _, value := range typed[name][:min(len(typed[name]), in.Values)] {
			if shown := firstChars(value, in.Chars); len(shown) < len(value) {
				value, whole = strings.Clone(shown), false
			}
			kept.Add(name, value)
		}
		if !whole {
			cut = append(cut, pages.Problem{Input: name, Kind: "cut", Limit: strconv.Itoa(in.Chars)})
		}
	}
	return kept, cut
}

// firstChars returns at most the first most characters of a text.
func firstChars(text string, most int) string {
	n := 0
	for at := range text {
		if n++; n > most {
			return text[:at]
		}
	}
	return text
}
