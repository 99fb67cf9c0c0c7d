package handlers

import (
	"bytes"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

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

// formBytes bounds the form of a view by what it asks for.
func formBytes(v relay.View) int {
	if v.Standing() != relay.StandingWaiting {
		return maxForm // its page may have been opened when more was asked for
	}
	total := formOverhead
	for _, chars := range v.Inputs() {
		total += escapedChar * chars
	}
	return min(total, maxForm)
}

// readForm reads the inputs of a form that a browser posts, of at most limit
// bytes. They are counted twice: as they came, and as they are read.
func (h *public) readForm(c echo.Context, limit int, room *share) (url.Values, error) {
	mediaType, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || mediaType != echo.MIMEApplicationForm {
		return nil, &unsupportedError{"set the Content-Type header to " + echo.MIMEApplicationForm}
	}
	if err := checkDeclared(c, limit); err != nil {
		return nil, err
	}
	if !room.of.fits(c.Request().ContentLength) {
		return nil, errOverloaded
	}
	body, err := readAll(c, limit, room)
	if err != nil {
		return nil, err
	}
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil, tooManyFields(0)
	}
	if err := room.add(len(body)); err != nil {
		return nil, err
	}
	return parseForm(string(body))
}

// parseForm reads a form as browsers do (WHATWG URL, 5.1): a percent sign that
// escapes nothing is itself, and so is a semicolon.
func parseForm(body string) (url.Values, error) {
	typed := url.Values{}
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, &relay.InvalidBodyError{Problem: "not valid UTF-8"}
		}
		typed.Add(name, value)
	}
	return typed, nil
}

// unescape undoes the escapes of a form's name or value. What escapes nothing
// stays as it is.
func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			plain = append(plain, ' ')
		case text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			plain = append(plain, hexDigit(text[i+1])<<4|hexDigit(text[i+2]))
			i += 2
		default:
			plain = append(plain, text[i])
		}
	}
	return string(plain)
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func hexDigit(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}

// submission is what was typed, as package relay takes it.
func submission(typed url.Values) relay.Submission {
	return relay.Submission{
		Nonce: typed.Get("nonce"), Decision: typed.Get(relay.InputDecision), Approver: typed.Get(relay.InputApprover),
		Comment: typed.Get(relay.InputComment), Confirm: typed.Get(relay.InputConfirm),
		Field: func(name string) string { return typed.Get(relay.InputField + name) },
	}
}

// checkOnce refuses a form that gives an input twice, such as both buttons:
// nobody knows which was meant. Inputs that the form does not have are ignored.
func checkOnce(v relay.View, typed url.Values) error {
	if v.Standing() != relay.StandingWaiting {
		return nil
	}
	var problems []relay.FieldProblem
	for _, name := range slices.Sorted(maps.Keys(v.Inputs())) {
		if len(typed[name]) > 1 {
			problems = append(problems, relay.FieldProblem{Field: name, Kind: relay.ProblemTwice})
		}
	}
	if problems == nil {
		return nil
	}
	return &relay.FormError{Problems: problems}
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

// keepUnknown is keep where nobody knows what the form asks for, since Redis
// cannot be asked.
func keepUnknown(typed url.Values) url.Values {
	inputs := relay.View{}.Inputs()
	fields := 0
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		if field, ok := strings.CutPrefix(name, relay.InputField); ok && relay.IsFieldName(field) && fields < relay.MaxFields {
			inputs[name] = relay.MaxFieldChars
			fields++
		}
	}
	kept, _ := keep(typed, inputs)
	return kept
}
