package schemas

import (
	"math/big"
	"regexp"
)

// MaxNumberChars bounds the length of a number in characters.
const MaxNumberChars = 40

var shortNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

// IsShortNumber reports whether a text is a JSON number that is cheap to calculate
// with: at most 40 characters, and an exponent of at most 3 digits. Exact arithmetic
// writes exponents out, so 1e999999999 would take a gigabyte.
func IsShortNumber(text string) bool {
	return len(text) <= MaxNumberChars && shortNumber.MatchString(text)
}

// IsWholeNumber reports whether an [IsShortNumber] is whole in the sense of JSON
// Schema: 1.0 and 1e2 are.
func IsWholeNumber(text string) bool {
	_, ok := Whole(text)
	return ok
}

// Whole returns the value of an [IsWholeNumber], and false for any other text.
func Whole(text string) (*big.Int, bool) {
	if !IsShortNumber(text) {
		return nil, false
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok || !n.IsInt() {
		return nil, false
	}
	return n.Num(), true
}
