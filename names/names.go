package names

import (
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Problem is what is wrong with a name; "" if nothing is.
type Problem string

// The problems.
const (
	Unreadable Problem = "unreadable" // no visible characters, or control characters
	Mixed      Problem = "mixed"      // letters of several alphabets in one word
)

// Check says what is wrong with a name that is not empty.
func Check(name string) Problem {
	switch {
	case strings.ContainsFunc(name, isControl), Blank(name):
		return Unreadable
	case isMixed(visible(name)):
		return Mixed
	}
	return ""
}

// Blank tells whether a text has no visible characters.
func Blank(text string) bool { return !strings.ContainsFunc(visible(text), isVisible) }

// Clean returns a name as it is stored: with composed letters, one blank between
// words, and without invisible characters, except those that change how other
// characters look.
func Clean(name string) string {
	for { // a removed character may have separated two that compose
		clean := cleanOnce(name)
		if clean == name {
			return clean
		}
		name = clean
	}
}

func cleanOnce(name string) string {
	var kept strings.Builder
	before := ' '
	for _, r := range norm.NFC.String(name) {
		if Invisible(r) && !shapes(r, before) {
			continue
		}
		kept.WriteRune(r)
		before = r
	}
	return words(kept.String())
}

// Key returns a key that is the same for all spellings of one name. It ignores case,
// blanks, width, how letters are composed, and invisible characters.
func Key(name string) string {
	return norm.NFKC.String(cases.Fold().String(visible(name)))
}

// Same reports whether two texts are spellings of the same name.
func Same(a, b string) bool { return Key(a) == Key(b) }

// Alike reports whether a reader could mistake one name for the other, even if only
// because letters look like other letters, such as those of another alphabet.
func Alike(a, b string) bool {
	for _, x := range looks(a) {
		for _, y := range looks(b) {
			if x == y {
				return true
			}
		}
	}
	return false
}

// looks returns what a name looks like as it is, in lower case, and in another case: a
// letter that looks like a capital I need not look like a small one.
func looks(name string) []string {
	seen, key := visible(name), Key(name)
	return []string{key, Key(confusables.Skeleton(seen)), Key(confusables.Skeleton(key))}
}

// visible returns a name without invisible characters, with its letters replaced by
// those that Unicode considers equivalent.
func visible(name string) string {
	seen := strings.Map(func(r rune) rune {
		if Invisible(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(name))
	return words(norm.NFKC.String(seen))
}

// words puts one blank between words.
func words(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == brailleBlank }), " ")
}

// brailleBlank is a braille pattern without dots: a symbol, but invisible.
const brailleBlank = '\u2800'

// nullNotehead is an invisible symbol that Unicode does not classify as ignorable.
const nullNotehead = '\U0001D159'

// Invisible tells whether a character by itself is invisible but not a blank: one
// without width, a variation selector for the character before it, or an empty shape.
func Invisible(r rune) bool {
	return r == nullNotehead || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isControl reports control characters that no keyboard types into a line of text.
// Control characters that come from pasting count as blanks instead.
func isControl(r rune) bool {
	return unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.In(r, unicode.Co, unicode.Noncharacter_Code_Point) || r == unicode.ReplacementChar
}

// isVisible reports characters that are visible by themselves.
func isVisible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) }

// shapes tells whether an invisible character changes how the character before it
// looks: a joiner in an alphabet whose letters join, or a variation selector of an
// ideograph or a symbol.
func shapes(r, before rune) bool {
	switch {
	case r == '\u200C' || r == '\u200D':
		return unicode.IsSymbol(before) || (unicode.IsLetter(before) || unicode.IsMark(before)) &&
			!unicode.In(before, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Inherited)
	case unicode.Is(unicode.Variation_Selector, r):
		return unicode.IsSymbol(before) || unicode.In(before, unicode.Han, unicode.Mongolian)
	}
	return false
}
