package relay

import (
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

// checkLengths refuses the first number or name in valid JSON that is too long. An escape in a
// name counts as the character that it stands for.
func checkLengths(text []byte) error {
	c := bodies.NewCursor(text)
	for token := c.Token(); token != nil; token = c.Token() {
		begin := c.Offset() - len(token)
		switch token[0] {
		case '"':
			if len(token)-len(`""`) > MaxNameChars && c.Named() && chars(token) > MaxNameChars {
				return &bodies.InvalidError{Offset: begin, Problem: fmt.Sprintf("JSON with a member name of more than %d characters, which Step Functions does not accept", MaxNameChars)}
			}
		case '{', '}', '[', ']', 't', 'f', 'n':
		default:
			if len(token) > MaxNumberChars {
				return &bodies.InvalidError{Offset: begin, Problem: fmt.Sprintf("JSON with a number of more than %d characters, which Step Functions does not accept", MaxNumberChars)}
			}
		}
	}
	return nil
}

// chars returns how many characters the text has that a JSON string stands for.
func chars(literal []byte) int {
	var text string
	_ = json.Unmarshal(literal, &text) // it is valid
	return utf8.RuneCountInString(text)
}
