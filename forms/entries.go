package forms

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"callback-relay/names"
)

// Trim takes away what stands around a typed or pasted value and cannot be seen:
// blanks of all kinds, and characters of no width.
func Trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || names.Invisible(r) })
}

// typedNumber is a number as people and browsers write it: a sign, digits, a
// point among them, an exponent.
var typedNumber = regexp.MustCompile(`^([-\x{2212}]?)([0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?$`)

// numberText writes a typed number as JSON does, with a digit before and behind
// the point and no needless zeros in front. Its digits stay. What is no number
// stays as it is.
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

// zone is what may stand behind a time; without it UTC is meant, as the page
// says.
const zone = ` ?(?i:(Z|UTC|GMT)|([+-][0-9]{2}):?([0-9]{2}))?$`

var (
	typedTime     = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})(:[0-9]{2}(?:\.[0-9]+)?)?` + zone)
	typedDateTime = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]|,? +)(.*)$`)
)

// timeText writes a typed time as RFC 3339 does: with seconds and a zone. What
// is no time stays as it is.
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

// dateTimeText is timeText of a date and a time.
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

// shownTime is how an input for times shows one that is written with a zone:
// without it, in UTC.
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

// Digits returns the digits in a text, of any alphabet and width, without what
// people and programs put around and between them. ok is false if anything else is
// left.
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

// digit returns the value of a decimal digit. Unicode has those of an alphabet
// in a row, from zero on.
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
