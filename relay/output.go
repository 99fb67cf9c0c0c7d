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

// The longest number and the longest name of a member, in characters, that Step
// Functions is likely to read. Its messages show that it reads JSON with Jackson,
// and these are Jackson's default limits. Step Functions would refuse a longer
// output for good, after the link has been used up.
const (
	MaxNumberChars = 1000
	MaxNameChars   = 50_000
)

// CheckOutput checks that bytes can be sent as an output unchanged: at most limit
// bytes, JSON that passes [bodies.CheckJSON], no number longer than
// [MaxNumberChars], and no name of a member longer than [MaxNameChars]. Invalid
// UTF-8 is refused because the client of Step Functions would silently replace it.
// The errors are [*bodies.TooLargeError] and [*bodies.InvalidError].
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
				return &bodies.InvalidError{Offset: begin, Problem: fmt.Sprintf("JSON with a member name of more than %d characters, which Step Functions does not accept", MaxNameChars)}
			}
		case b == '-' || b >= '0' && b <= '9':
			at = endOfNumber(text, at)
			if at-begin > MaxNumberChars {
				return &bodies.InvalidError{Offset: begin, Problem: fmt.Sprintf("JSON with a number of more than %d characters, which Step Functions does not accept", MaxNumberChars)}
			}
		default:
			at++
		}
	}
	return nil
}

// endOfString returns the end of the string that begins at the given offset in valid
// JSON.
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

// nameTooLong tells whether a string is a member name, which a colon follows, and
// is too long. An escape counts as the character that it stands for.
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
