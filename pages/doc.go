// Package pages is what people see: the page behind an approval link, in every
// state that it can be in.
//
// A page is read on a phone, from a mail, by somebody who does not know what a
// workflow is. It is one answer without any further request, under 30 KB, and
// works without scripts. [Pages.Render] writes it whole or not at all, and
// [Pages.Headers] are what must go with it.
//
// What strangers wrote is shown and never obeyed: html/template escapes it, a
// message in Markdown passes a sanitiser too, and the
// Content-Security-Policy allows one style sheet and one script by their
// hashes.
//
// The words are in texts/, one file per language with the same keys. Another
// language is another file.
package pages
