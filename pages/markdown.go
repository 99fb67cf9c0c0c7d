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

// The limits up to which a message is rendered as Markdown. A larger message is shown as
// plain text, so that nothing is cut off that somebody has to decide on.
const (
	maxMarkdown = 32 << 10 // bytes
	maxDepth    = 64       // of nested quotes and lists; browsers give up at 512
)

// rel keeps linked sites from learning about the page and, since noreferrer implies
// noopener, from accessing it. It is written as the policy writes it.
const rel = "nofollow noreferrer"

// markdown converts a message to safe HTML.
type markdown struct {
	convert goldmark.Markdown
	policy  *bluemonday.Policy
}

// newMarkdown reads Markdown with tables, strikethrough and bare URLs. It leaves out raw
// HTML, and the result passes an allowlist.
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

// html renders a message below a heading of the given level.
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
	return template.HTML(m.policy.Sanitize(raw.String())), nil //nolint:gosec // sanitised
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

// tame replaces images by their descriptions, gives a link without text its address as
// text, and moves headings below the page's own. It leaves no gap between heading
// levels, which would confuse readers who jump from heading to heading.
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

// hasText tells whether n contains any text.
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
