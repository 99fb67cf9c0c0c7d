package pages

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// branded are pages with a name, a colour and the largest logo.
func branded(t *testing.T) *Pages {
	t.Helper()
	return pagesOf(t, Brand{Name: "Acme Billing", Color: "#7a1fa2", Logo: svg(maxLogo)})
}

func pagesOf(t *testing.T, b Brand) *Pages {
	t.Helper()
	p, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// svg returns a logo of the given size in bytes.
func svg(size int) []byte {
	const start = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><!--`
	const end = `--><rect width="40" height="40" rx="10" fill="#7a1fa2"/><path d="M12 29l8-18l8 18z" fill="#fff"/></svg>`
	return []byte(start + strings.Repeat("x", size-len(start)-len(end)) + end)
}

func render(t *testing.T, p *Pages, lang string, page Page) string {
	t.Helper()
	var b strings.Builder
	if err := p.Render(&b, lang, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// find returns every element with one of the names, in the page's order; without names,
// every element.
func find(root *html.Node, names ...string) []*html.Node {
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if len(names) == 0 {
			all = append(all, n)
		}
		for _, name := range names {
			if n.Data == name {
				all = append(all, n)
			}
		}
	}
	return all
}

// attr returns an attribute, and whether it exists.
func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// value returns an attribute, "" if it does not exist.
func value(n *html.Node, name string) string {
	v, _ := attr(n, name)
	return v
}

// textOf returns all text in n.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// prose returns the visible text in n, with single blanks.
func prose(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode && d.Parent.Data != "style" && d.Parent.Data != "script":
			b.WriteString(d.Data)
		case slices.Contains([]string{"dd", "small", "div", "details", "blockquote"}, d.Data), d.Data == "time" && d.Parent.Data == "details":
			b.WriteString(" ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// one returns the only element with the name.
func one(t *testing.T, root *html.Node, name string) *html.Node {
	t.Helper()
	all := find(root, name)
	if len(all) != 1 {
		t.Fatalf("%d elements %q, want one", len(all), name)
	}
	return all[0]
}

// class returns every element with the class.
func class(root *html.Node, name string) []*html.Node {
	return slices.DeleteFunc(find(root), func(n *html.Node) bool {
		return !slices.Contains(strings.Fields(value(n, "class")), name)
	})
}

// named returns the element that has the attribute with this value.
func named(t *testing.T, root *html.Node, name, val string) *html.Node {
	t.Helper()
	for _, n := range find(root) {
		if got, ok := attr(n, name); ok && got == val {
			return n
		}
	}
	t.Fatalf("no element with %s=%q", name, val)
	return nil
}

// same fails the test unless got equals want.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// says fails the test unless n shows all of the texts.
func says(t *testing.T, n *html.Node, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := prose(n); !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}
