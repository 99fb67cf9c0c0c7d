// Package names tells whether readers would take two names for the same person, and
// whether a name can be read at all.
//
// A person who types a name may try to pass for somebody else, or for a second person.
// Unicode has many ways to write what looks the same: composed and decomposed letters,
// letters of other widths and alphabets, and invisible characters. [Same] ignores
// differences that do not matter according to the rules of Unicode. [Alike] also
// treats letters as equal that merely look like others, according to Unicode's table
// of confusables (UTS 39).
package names
