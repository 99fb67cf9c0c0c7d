package forms

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"callback-relay/names"
)

// Trim removes invisible characters around a typed or pasted value: blanks of all
// kinds, and characters without width.
func Trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || names.Invisible(r) })
}

// typedNumber is a number as people and browsers write it: a sign, digits with an
// optional point, and an exponent.
var typedNumber = regexp.MustCompile(`^([-\x{2212}]?)([0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?$`)

// numberText writes a typed number as in JSON: with a digit before and after the point
// and no leading zeros. Its other digits stay. A text that is not a number is returned
// unchanged.
func numberText(typed string) string {
	parts := typedNumber.FindStringSubmatch(typed)
	if parts == nil || strings.Trim(parts[2]+parts[3], ".") == "" {
		return typed
	}
	sign, whole, fraction, exponent := parts[1], strings.TrimLeft(parts[2], "0"), parts[3], parts[4]
	if sign != "" {
		sign = "-"
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "." {
		fraction = ""
	}
	return sign + whole + fraction + exponent
}

// zone matches what may follow a time. Without a zone the time is in UTC, as the page
// says.
const zone = ` ?(?i:(Z|UTC|GMT)|([+-][0-9]{2}):?([0-9]{2}))?$`

var (
	typedTime     = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})(:[0-9]{2}(?:\.[0-9]+)?)?` + zone)
	typedDateTime = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]|,? +)(.*)$`)
)

// timeText writes a typed time as in RFC 3339: with seconds and a zone. A text that is
// not a time is returned unchanged.
func timeText(typed string) string {
	parts := typedTime.FindStringSubmatch(typed)
	if parts == nil {
		return typed
	}
	hour, seconds, offset := parts[1], parts[3], "Z"
	if len(hour) == 1 {
		hour = "0" + hour
	}
	if seconds == "" {
		seconds = ":00"
	}
	if parts[5] != "" {
		offset = parts[5] + ":" + parts[6]
	}
	return hour + ":" + parts[2] + seconds + offset
}

// dateTimeText is timeText for a date with a time.
func dateTimeText(typed string) string {
	parts := typedDateTime.FindStringSubmatch(typed)
	if parts == nil {
		return typed
	}
	at := timeText(parts[2])
	if at == parts[2] && !typedTime.MatchString(at) {
		return typed
	}
	return parts[1] + "T" + at
}

// shownTime converts a time that is written with a zone to what an input shows: the
// time in UTC, without the zone.
func shownTime(text, written, date string) string {
	at, err := time.Parse(written, text)
	switch {
	case err != nil:
		return ""
	case at.Second() == 0 && at.Nanosecond() == 0:
		return at.UTC().Format(date + "15:04")
	}
	return at.UTC().Format(date + "15:04:05.999")
}

// Digits returns the digits in a text, of any alphabet and width. It ignores what
// people and programs put around and between digits. ok is false if the text contains
// anything else.
func Digits(text string) (digits string, ok bool) {
	var found strings.Builder
	for _, r := range text {
		if value, isDigit := digit(r); isDigit {
			found.WriteByte('0' + value)
		} else if !unicode.IsSpace(r) && !unicode.IsPunct(r) && !names.Invisible(r) {
			return "", false
		}
	}
	return found.String(), true
}

// digit returns the value of a decimal digit. In Unicode, the digits of an alphabet
// follow each other, beginning with zero.
func digit(r rune) (value byte, ok bool) {
	for _, in := range unicode.Nd.R16 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) {
			return byte((r - rune(in.Lo)) % 10), true //nolint:gosec // less than 10
		}
	}
	for _, in := range unicode.Nd.R32 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) { //nolint:gosec // a rune of Unicode's table
			return byte((r - rune(in.Lo)) % 10), true //nolint:gosec // likewise
		}
	}
	return 0, false
}
