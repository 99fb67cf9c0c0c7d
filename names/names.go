package names

import (
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Problem is what is wrong with a name; "" is nothing.
type Problem string

// The problems.
const (
	Unreadable Problem = "unreadable" // nothing to be seen, or control characters
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

// Blank tells whether nothing of a text can be seen.
func Blank(text string) bool { return !strings.ContainsFunc(visible(text), isSeen) }

// Clean returns a name as it is kept: letters composed, one blank between words,
// and without what cannot be seen, unless it changes how others look.
func Clean(name string) string {
	for { // what is taken out may have kept apart what composes
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

// Key returns what is the same for all spellings of one name: case, blanks,
// width, how letters are composed and what is not seen aside.
func Key(name string) string {
	return norm.NFKC.String(cases.Fold().String(visible(name)))
}

// Same reports whether two names are one name, spelled the same or not.
func Same(a, b string) bool { return Key(a) == Key(b) }

// Alike reports whether a reader could take one name for the other: also where
// letters merely look like others, such as those of another alphabet.
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

// looks are what a name looks like as it is, in small letters, and in another
// case: what looks like a capital I need not look like a small one.
func looks(name string) []string {
	seen, key := visible(name), Key(name)
	return []string{key, Key(confusables.Skeleton(seen)), Key(confusables.Skeleton(key))}
}

// visible is a name without what cannot be seen, in letters that Unicode holds
// for equivalent.
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

// brailleBlank is a pattern without dots: a symbol, and nothing to be seen.
const brailleBlank = '\u2800'

// Blank shapes that Unicode does not count among those to be ignored.
const nullNotehead = '\U0001D159'

// Invisible tells whether a character, by itself, is neither seen nor a blank: one
// of no width, a choice between forms of the one before it, or an empty shape.
func Invisible(r rune) bool {
	return r == nullNotehead || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isControl tells characters that no keyboard types into a line of text. Those
// that pasting brings are blanks.
func isControl(r rune) bool {
	return unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.In(r, unicode.Co, unicode.Noncharacter_Code_Point) || r == unicode.ReplacementChar
}

// isSeen tells characters that show by themselves.
func isSeen(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) }

// shapes tells whether a character that is not seen changes how the one before
// it looks: joiners in alphabets whose letters join, and the choice of a form of
// an ideograph or of a symbol.
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
