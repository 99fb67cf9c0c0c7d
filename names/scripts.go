package names

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mixable are the alphabets that may be mixed in one word according to UTS 39
// ("highly restrictive"): Japanese, Chinese and Korean, with Latin letters.
var mixable = [][]*unicode.RangeTable{
	{unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana},
	{unicode.Latin, unicode.Han, unicode.Bopomofo},
	{unicode.Latin, unicode.Han, unicode.Hangul},
}

// isMixed tells whether a word of a name mixes letters of alphabets that are not used
// together.
func isMixed(name string) bool {
	apart := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }
	for _, word := range strings.FieldsFunc(name, apart) {
		if !isOneScript(word) {
			return true
		}
	}
	return false
}

func isOneScript(word string) bool {
	first := strings.IndexFunc(word, func(r rune) bool { return scriptOf(r) != nil })
	if first < 0 {
		return true
	}
	r, _ := utf8.DecodeRuneInString(word[first:])
	only := func(allowed ...*unicode.RangeTable) bool {
		return !strings.ContainsFunc(word, func(r rune) bool {
			return !unicode.In(r, unicode.Common, unicode.Inherited) && !unicode.In(r, allowed...)
		})
	}
	return only(scriptOf(r)) || slices.ContainsFunc(mixable, func(allowed []*unicode.RangeTable) bool { return only(allowed...) })
}

// scriptOf returns the alphabet of a letter; nil if it belongs to several.
func scriptOf(r rune) *unicode.RangeTable {
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return nil
	}
	for _, script := range unicode.Scripts {
		if unicode.Is(script, r) {
			return script
		}
	}
	return nil
}
