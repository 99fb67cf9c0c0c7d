package pages

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page, its style and its script
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	//go:embed page.html
	pageSource string
	//go:embed form.html
	formSource string
	//go:embed style.css
	styleSource string
	//go:embed script.js
	scriptSource string
	//go:embed typed.js
	typedSource string
)

// Pages renders the pages of one brand. It is safe for concurrent use.
type Pages struct {
	brand     string
	logo      template.URL
	style     template.CSS
	script    template.JS
	typed     template.JS // the script of pages that ask for times
	headers   map[string]string
	languages *languages
	markdown  *markdown
	template  *template.Template
}

// New checks a brand and prepares its pages. It reports all mistakes at once, and says
// what would be right.
func New(b Brand) (*Pages, error) {
	logo, logoErr := logoURL(b.Logo)
	color, colorErr := parseColor(defaultColor)
	if b.Color != "" {
		color, colorErr = parseColor(b.Color)
	}
	if err := errors.Join(checkName(b.Name), logoErr, colorErr); err != nil {
		return nil, err
	}
	parsed, err := template.New("page").Parse(compact(pageSource, "\n") + compact(formSource, "\n"))
	if err != nil {
		return nil, err
	}
	languages, err := readLanguages()
	if err != nil {
		return nil, err
	}
	style := brandStyle(color) + compactStyle(styleSource)
	script, typed := compactScript(scriptSource), compactScript(scriptSource+typedSource)
	return &Pages{
		brand:     b.Name,
		logo:      template.URL(logo),  //nolint:gosec // base64 behind a media type of ours
		style:     template.CSS(style), //nolint:gosec // ours, and colours that are numbers
		script:    template.JS(script), //nolint:gosec // ours
		typed:     template.JS(typed),  //nolint:gosec // ours
		headers:   headers(style, script, typed),
		languages: languages,
		markdown:  newMarkdown(),
		template:  parsed,
	}, nil
}

// Headers returns the headers that every page must be sent with. The referrer policy
// hides the referrer from other sites only. With no referrer at all, browsers would send
// "Origin: null" with our own forms, which would then look like those of other sites.
func (p *Pages) Headers() map[string]string { return maps.Clone(p.headers) }

func headers(style, script, typed string) map[string]string {
	return map[string]string{
		"Content-Type": "text/html; charset=utf-8",
		"Content-Security-Policy": strings.Join([]string{
			"default-src 'none'",
			"style-src " + hash(style),
			"script-src " + hash(script) + " " + hash(typed),
			"img-src data:",
			"form-action 'self'",
			"base-uri 'none'",
			"frame-ancestors 'none'",
		}, "; "),
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	}
}

// hash returns the CSP source expression that allows an inline element by its hash.
func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Render writes a page in the language that Accept-Language asks for, or in English if
// that language is not available. It writes piece by piece, so that the writer can
// count bytes. If it fails, discard what was written.
func (p *Pages) Render(w io.Writer, acceptLanguage string, page Page) error {
	v, err := p.view(p.languages.choose(acceptLanguage), page)
	if err == nil {
		err = p.template.Execute(validUTF8{w}, v)
	}
	if err != nil {
		return fmt.Errorf("page %q: %w", page.State, err)
	}
	return nil
}

// validUTF8 replaces invalid UTF-8. A template writes each value in one call, so no
// character is split.
type validUTF8 struct{ io.Writer }

// Write implements [io.Writer].
func (w validUTF8) Write(b []byte) (int, error) {
	if utf8.Valid(b) {
		return w.Writer.Write(b)
	}
	if _, err := w.Writer.Write(bytes.ToValidUTF8(b, []byte("\uFFFD"))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// compactStyle removes what only readers of the style sheet's source need.
func compactStyle(source string) string {
	return strings.ReplaceAll(cssBlanks.ReplaceAllString(compact(cssComment.ReplaceAllString(source, ""), ""), "$1$2"), ";}", "}")
}

// compactScript removes what only readers of the script's source need. A blank beside a
// sign means nothing, and no text in the script has one.
func compactScript(source string) string {
	return scriptBlanks.ReplaceAllString(compact(scriptComment.ReplaceAllString(source, ""), "\n"), "$1")
}

// scriptBlanks matches blanks beside signs.
var scriptBlanks = regexp.MustCompile(` *([-{}()=<>,;:?&|+]+) *`)

// cssBlanks matches blanks that mean nothing. Before a colon they can: a :hover is not
// a:hover.
var cssBlanks = regexp.MustCompile(` *([{};,>]) *|(:) +`)

// Comments, which only readers of our sources need.
var (
	cssComment    = regexp.MustCompile(`(?s)/\*.*?\*/`)
	scriptComment = regexp.MustCompile(`(?m)^ *//.*$`)
)

// compact removes indentation and empty lines from a source of ours, since it is sent
// with every page.
func compact(source, separator string) string {
	var lines []string
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, separator)
}

// The backgrounds on which the accent must be readable: the darkest of the light scheme
// and the lightest of the dark scheme, as in style.css.
var (
	lightBackground = rgb{0xf3, 0xf4, 0xf6}
	darkBackground  = rgb{0x1b, 0x20, 0x26}
)

// brandStyle returns the brand's colour for the style sheet: unchanged, with a text
// colour that is readable on it; and adjusted until it is readable as a text itself.
func brandStyle(color rgb) string {
	return fmt.Sprintf(":root{--brand:%v;--on-brand:%v;--accent:%v}"+
		"@media (prefers-color-scheme:dark){:root{--accent:%v}}",
		color, textOn(color), readable(color, black, lightBackground), readable(color, white, darkBackground))
}
