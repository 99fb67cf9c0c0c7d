package relay

import (
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

// CheckOutput tells whether bytes can be sent as an output exactly as they are:
// at most limit bytes, valid UTF-8, one JSON value, not nested deeper than
// [MaxDepth]. Step Functions' client would silently replace bad UTF-8, so it
// is refused here. The errors are [*TooLargeError] and [*InvalidBodyError].
func CheckOutput(output []byte, limit int) error {
	if len(output) > limit {
		return &TooLargeError{Limit: limit, Actual: len(output)}
	}
	return CheckJSON(output)
}

// CheckJSON is [CheckOutput] without the limit.
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
