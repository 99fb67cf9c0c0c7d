package pages

import (
	"cmp"
	"html/template"
	"net/mail"
	"regexp"
	"strings"

	"callback-relay/hyperlinks"
)

// link is a text that may lead somewhere.
type link struct {
	Text  string
	To    template.URL // "" for a text without a link
	Place string       // where it leads, if the text does not say so
}

// linkOf returns the link of a detail.
func linkOf(d Detail) link {
	href := d.URL
	switch {
	case href == "" && address(d.Value):
		href = hyperlinks.Mailto(d.Value)
	case href == "":
		href = d.Value
	}
	to, ok := hyperlinks.Parse(href)
	text := cmp.Or(d.Value, d.URL)
	switch {
	case !ok: // a URL of another kind is shown, and not hidden behind a text
		return link{Text: strings.TrimSpace(d.Value + " " + d.URL)}
	case to.Says(text):
		to.Place = ""
	}
	return link{text, template.URL(href), to.Place} //nolint:gosec // of a scheme that runs no scripts
}

// addresses finds mail addresses in a text.
var addresses = regexp.MustCompile(`[\pL\pN._%+'-]+@[\pL\pN-]+(\.[\pL\pN-]+)+`)

// address tells whether a text is one mail address and nothing else.
func address(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && addresses.FindString(text) == text
}

// linked returns a text with links to the mail addresses in it.
func linked(text string) template.HTML {
	var html strings.Builder
	end := 0
	for _, at := range addresses.FindAllStringIndex(text, -1) {
		found := text[at[0]:at[1]]
		if !address(found) {
			continue
		}
		html.WriteString(string(escaped(text[end:at[0]])))
		html.WriteString(`<a href="` + string(escaped(hyperlinks.Mailto(found))) + `" rel="` + rel + `">` + string(escaped(found)) + `</a>`)
		end = at[1]
	}
	return "<bdi>" + template.HTML(html.String()) + escaped(text[end:]) + "</bdi>" //nolint:gosec // escaped
}
