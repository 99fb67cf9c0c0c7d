package relay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"callback-relay/bodies"
)

// MaxOutputBytes is the most that SendTaskSuccess takes as output: 262,144
// bytes of UTF-8 (AWS service model, SensitiveData).
const MaxOutputBytes = 262_144

// The longest number and the longest name, in characters, that Step Functions is
// likely to read. It reads JSON with Jackson, as its messages show, and these
// are Jackson's limits unless told otherwise. An output beyond them would be
// refused for good, and its link be used up.
const (
	MaxNumberChars = 1000
	MaxNameChars   = 50_000
)

// CheckOutput tells whether bytes can be sent as an output exactly as they are:
// at most limit bytes, JSON as [bodies.CheckJSON] wants it, no number longer than
// [MaxNumberChars], no name of a member longer than [MaxNameChars]. Step
// Functions' client would silently replace bad UTF-8, so it is refused here. The
// errors are [*bodies.TooLargeError] and [*bodies.InvalidError].
func CheckOutput(output []byte, limit int) error {
	if len(output) > limit {
		return &bodies.TooLargeError{Limit: limit, Actual: len(output)}
	}
	if err := bodies.CheckJSON(output); err != nil {
		return err
	}
	return checkLengths(output)
}

// checkLengths refuses the first number or name in valid JSON that is too long.
func checkLengths(text []byte) error {
	for at := 0; at < len(text); {
		begin := at
		switch b := text[at]; {
		case b == '"':
			at = endOfString(text, at)
			if nameTooLong(text[begin:at], text[at:]) {
				return &bodies.InvalidError{Offset: begin, Problem: fmt.Sprintf("JSON with a name of more than %d characters, which Step Functions does not read", MaxNameChars)}
			}
		case b == '-' || b >= '0' && b <= '9':
			at = endOfNumber(text, at)
			if at-begin > MaxNumberChars {
				return &bodies.InvalidError{Offset: begin, Problem: fmt.Sprintf("JSON with a number of more than %d characters, which Step Functions does not read", MaxNumberChars)}
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
