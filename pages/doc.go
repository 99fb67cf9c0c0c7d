// Package pages renders what people see: the page behind an approval link, in each of
// its states.
//
// People open a page from a mail, on a phone, and do not know what a workflow is. A page
// needs no further requests, has less than 30 KB, and works without scripts.
// [Pages.Render] writes it, and [Pages.Headers] are the headers that it needs.
//
// Texts from strangers are shown but have no effect: html/template escapes them, a
// message in Markdown also passes a sanitiser, and the Content-Security-Policy allows
// only one style sheet and one script, by their hashes.
//
// The texts are in texts/, one file per language with the same keys. To add a language,
// add a file. A text that counts something has one entry for each plural form of the
// language. The entry _unread says that no native speaker has read the file.
package pages
