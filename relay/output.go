package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxOutputBytes is the most that SendTaskSuccess takes as output: 262,144
// bytes of UTF-8 (AWS service model, SensitiveData).
const MaxOutputBytes = 262_144

// MaxDepth is how deep arrays and objects of an output may nest. Every JSON
// reader on the workflow's side manages this much; some fail beyond it.
const MaxDepth = 512

// The longest number and the longest name, in characters, that Step Functions is
// likely to read. It reads JSON with Jackson, as its messages show, and these
// are Jackson's limits unless told otherwise. An output beyond them would be
// refused for good, and its link be used up.
const (
	MaxNumberChars = 1000
	MaxNameChars   = 50_000
)

// CheckOutput tells whether bytes can be sent as an output exactly as they are:
// at most limit bytes, valid UTF-8, one JSON value, not nested deeper than
// [MaxDepth], no number longer than [MaxNumberChars], no name of a member longer
// than [MaxNameChars]. Step Functions' client would silently replace bad UTF-8,
// so it is refused here. The errors are [*TooLargeError] and [*InvalidBodyError].
func CheckOutput(output []byte, limit int) error {
	if len(output) > limit {
		return &TooLargeError{Limit: limit, Actual: len(output)}
	}
	if err := CheckJSON(output); err != nil {
		return err
	}
	return checkLengths(output)
}

// CheckJSON tells whether a text is one JSON value in UTF-8, not nested deeper
// than [MaxDepth]. The error is an [*InvalidBodyError].
func CheckJSON(text []byte) error {
	if at := invalidUTF8(text); at >= 0 {
		return &InvalidBodyError{Offset: at, Problem: "not valid UTF-8"}
	}
	// The depth comes first: the decoder below allows far more than we do.
	if at := tooDeep(text); at >= 0 {
		return &InvalidBodyError{Offset: at, Problem: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	}
	if json.Valid(text) {
		return nil
	}
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw)
	// The decoder's text quotes a character of the input, so only the place of
	// the byte at which it stopped is taken.
	at := 0
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		at = max(int(syntax.Offset)-1, 0)
	}
	return &InvalidBodyError{Offset: at, Problem: "not one JSON value"}
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// tooDeep returns the offset of the bracket that opens one level too many, or
// -1. It is exact for valid JSON; on other text it may say -1.
func tooDeep(text []byte) int {
	depth, inString, escaped := 0, false, false
	for at, b := range text {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = b == '\\'
			inString = b != '"'
		case b == '"':
			inString = true
		case b == '[' || b == '{':
			if depth++; depth > MaxDepth {
				return at
			}
		case b == ']' || b == '}':
			depth--
		}
	}
	return -1
}

// checkLengths refuses the first number or name in valid JSON that is too long.
func checkLengths(text []byte) error {
	for at := 0; at < len(text); {
		begin := at
		switch b := text[at]; {
		case b == '"':
			at = endOfString(text, at)
			if nameTooLong(text[begin:at], text[at:]) {
				return &InvalidBodyError{Offset: begin, Problem: fmt.Sprintf("JSON with a name of more than %d characters, which Step Functions does not read", MaxNameChars)}
			}
		case b == '-' || b >= '0' && b <= '9':
			at = endOfNumber(text, at)
			if at-begin > MaxNumberChars {
				return &InvalidBodyError{Offset: begin, Problem: fmt.Sprintf("JSON with a number of more than %d characters, which Step Functions does not read", MaxNumberChars)}
			}
		default:
			at++
		}
	}
	return nil
}

// endOfString returns where a string that begins at a place of valid JSON ends.
func endOfString(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

func endOfNumber(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte("+-.0123456789Ee"), text[at]) >= 0 {
		at++
	}
	return at
}

// nameTooLong tells whether a string is the name of a member, as what follows
// it shows, and too long for one. Escapes are counted as what they stand for.
func nameTooLong(literal, rest []byte) bool {
	if len(literal)-2 <= MaxNameChars {
		return false
	}
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return false
	}
	var name string
	_ = json.Unmarshal(literal, &name) // of JSON that is valid
	return utf8.RuneCountInString(name) > MaxNameChars
}
