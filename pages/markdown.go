package pages

import (
	"bytes"
	"html/template"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// What is read as Markdown. More is shown as it was typed: nothing that somebody
// is to decide on is cut off.
const (
	maxMarkdown = 32 << 10 // bytes
	maxDepth    = 64       // of quotes and lists in each other; browsers give up at 512
)

// rel keeps the page from being told of to, or reached by, what it links to.
const rel = "noopener noreferrer nofollow"

// markdown turns a message into HTML that is safe to show.
type markdown struct {
	convert goldmark.Markdown
	policy  *bluemonday.Policy
}

// newMarkdown reads Markdown with tables, strikethrough and bare URLs. Raw HTML
// is left out. What comes of it passes a list of what is allowed.
func newMarkdown() *markdown {
	policy := bluemonday.NewPolicy()
	policy.AllowElements("p", "br", "hr", "strong", "em", "del", "code", "pre", "ul", "ol", "li", "blockquote",
		"h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td")
	policy.AllowAttrs("href").OnElements("a")
	policy.AllowURLSchemes("http", "https", "mailto")
	policy.RequireParseableURLs(true)
	policy.RequireNoFollowOnLinks(true)
	policy.RequireNoReferrerOnLinks(true)
	return &markdown{
		goldmark.New(goldmark.WithExtensions(extension.Linkify, extension.Table, extension.Strikethrough)),
		policy,
	}
}

// html renders a message that stands below a heading of the given level.
func (m *markdown) html(message string, below int) (template.HTML, error) {
	if strings.TrimSpace(message) == "" {
		return "", nil
	}
	asTyped := `<p class="plain">` + escaped(message) + "</p>"
	if len(message) > maxMarkdown {
		return asTyped, nil
	}
	source := []byte(message)
	document := m.convert.Parser().Parse(text.NewReader(source))
	if deep(document) {
		return asTyped, nil
	}
	tame(document, source, below)
	var raw bytes.Buffer
	if err := m.convert.Renderer().Render(&raw, source, document); err != nil {
		return "", err
	}
	safe := m.policy.Sanitize(raw.String())
	// The policy knows noopener only together with new windows. Quotes in texts
	// are escaped by now, so this finds attributes only.
	safe = strings.ReplaceAll(safe, `rel="nofollow noreferrer"`, `rel="`+rel+`"`)
	return template.HTML(safe), nil //nolint:gosec // sanitised
}

// deep tells whether anything in document is nested deeper than maxDepth.
func deep(document ast.Node) (is bool) {
	depth := 0
	_ = ast.Walk(document, func(_ ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			depth--
			return ast.WalkContinue, nil
		}
		if depth++; depth > maxDepth {
			is = true
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	return is
}

// tame puts an image's description in its place, gives a link without text its
// address as text, and fits headings below the page's own without a gap, which
// those who jump from heading to heading would fall into.
func tame(document ast.Node, source []byte, below int) {
	var images, links []ast.Node
	last := below
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			images = append(images, n)
		case *ast.Link:
			links = append(links, n)
		case *ast.Heading:
			n.Level = min(max(n.Level+below, below+1), last+1, 6)
			last = n.Level
		}
		return ast.WalkContinue, nil
	})
	for _, image := range images {
		for child := image.FirstChild(); child != nil; child = image.FirstChild() {
			image.Parent().InsertBefore(image.Parent(), image, child)
		}
		image.Parent().RemoveChild(image.Parent(), image)
	}
	for _, link := range links {
		if !hasText(link, source) {
			link.AppendChild(link, ast.NewString(link.(*ast.Link).Destination))
		}
	}
}

// hasText tells whether there is anything to read in n.
func hasText(n ast.Node, source []byte) bool {
	if t, ok := n.(*ast.Text); ok && len(bytes.TrimSpace(t.Value(source))) > 0 {
		return true
	}
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if hasText(child, source) {
			return true
		}
	}
	return false
}
