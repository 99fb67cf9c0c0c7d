// Package hyperlinks decides which URLs a page may link to, and tells readers where they
// lead. Texts and URLs may come from strangers, so the text of a link can name another
// place than the one it leads to.
package hyperlinks
