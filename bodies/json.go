package bodies

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest. Every JSON reader on the
// workflow's side can read this depth; some fail beyond it.
const MaxDepth = 512

// CheckJSON tells whether a text is one JSON value in valid UTF-8, not nested
// deeper than [MaxDepth]. The error is an [*InvalidError].
func CheckJSON(text []byte) error {
	if at := invalidUTF8(text); at >= 0 {
		return &InvalidError{Offset: at, Problem: notUTF8}
	}
	if valid(text) {
		return nil
	}
	if at := tooDeep(text); at >= 0 {
		return &InvalidError{Offset: at, Problem: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	}
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw)
	// The decoder's error quotes a character of the input, so use only its offset.
	at := 0
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		at = max(int(syntax.Offset)-1, 0)
	}
	return &InvalidError{Offset: at, Problem: "not one JSON value"}
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

// tooDeep returns the offset of the bracket that opens one level too many, or -1. It is
// exact for valid JSON; for other text it may return -1.
func tooDeep(text []byte) int {
	depth, c := 0, NewCursor(text)
	for token := c.Token(); token != nil; token = c.Token() {
		switch token[0] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return c.Offset() - 1
			}
		case '}', ']':
			depth--
		}
	}
	return -1
}

// quotedLen returns the length of a JSON string without making it.
func quotedLen(s string) int {
	n := len(s) + len(`""`)
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"', b == '\\', b == '\b', b == '\f', b == '\n', b == '\r', b == '\t':
			n++
		case b < ' ':
			n += len(`\u0000`) - 1
		case b == 0xe2 && i+2 < len(s) && s[i+1] == 0x80 && s[i+2]&^1 == 0xa8: // line and paragraph separator
			n += len(`\u2028`) - 3
		}
	}
	return n
}

// quote writes valid UTF-8 as a JSON string.
func quote(s string) []byte { return Encode(s) }

// Encode writes JSON without HTML escapes, which would make text up to six times as
// long. It is for values whose encoding cannot fail.
func Encode(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
