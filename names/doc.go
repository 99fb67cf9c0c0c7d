// Package names tells whether two names are those of one person, as far as those
// who read them can tell, and whether a name can be read at all.
//
// Whoever types a name may want to pass for somebody else, or for a second
// person. Unicode has many ways to write what looks the same: composed and
// decomposed letters, letters of other widths and alphabets, and characters that
// cannot be seen. [Same] looks through those that are the same to a reader by
// the rules of Unicode, and [Alike] also through letters that merely look like
// others, by the table of confusables of Unicode (UTS 39).
package names
