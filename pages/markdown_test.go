package pages

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const quoted = `" rel="` + rel + `">`

func TestMarkdown(t *testing.T) {
	m := newMarkdown()
	for name, test := range map[string]struct{ message, want string }{
		"nothing":           {" \n\t", ""},
		"text":              {"One.\n\nTwo & <three>.", "<p>One.</p>\n<p>Two &amp; .</p>\n"},
		"emphasis":          {"*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"},
		"line break":        {"a\\\nb", "<p>a<br>\nb</p>\n"},
		"rule":              {"***", "<hr>\n"},
		"list":              {"- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"},
		"numbered list":     {"1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"},
		"quote":             {"> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"},
		"code":              {"```go\n<a>\n```", "<pre><code>&lt;a&gt;\n</code></pre>\n"},
		"table":             {"|a|b|\n|:-|-|\n|1|2|", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n"},
		"link":              {`[a](https://x.example/?a=1&b=2 "title")`, `<p><a href="https://x.example/?a=1&amp;b=2` + quoted + "a</a></p>\n"},
		"mail":              {"<a@x.example>", `<p><a href="mailto:a@x.example` + quoted + "a@x.example</a></p>\n"},
		"bare link":         {"see https://x.example/a.", `<p>see <a href="https://x.example/a` + quoted + "https://x.example/a</a>.</p>\n"},
		"link with no text": {"[](https://x.example)", `<p><a href="https://x.example` + quoted + "https://x.example</a></p>\n"},
		"image":             {"![a *b*](https://x.example/i.png) c", "<p>a <em>b</em> c</p>\n"},
		"image in a link":   {"[![a](https://x.example/i.png)](https://x.example)", `<p><a href="https://x.example` + quoted + "a</a></p>\n"},
		"headings":          {"# a\n### b\n\nc\n-\n###### d", "<h2>a</h2>\n<h3>b</h3>\n<h3>c</h3>\n<h4>d</h4>\n"},
		"elements":          {"<div id=a class=b style=c>d</div>\n\ne <b onclick=f>g</b>", "\n<p>e g</p>\n"},
		"rel in a text":     {`rel="nofollow noreferrer"`, "<p>rel=&#34;nofollow noreferrer&#34;</p>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := m.html(test.message, 1)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "html", string(got), test.want)
		})
	}
}

// TestMarkdownBelow checks the level at which a message's headings begin.
func TestMarkdownBelow(t *testing.T) {
	for below, want := range map[int]string{1: "<h2>a</h2>\n", 2: "<h3>a</h3>\n"} {
		got, err := newMarkdown().html("### a", below)
		if err != nil || string(got) != want {
			t.Errorf("below h%d: %s, %v", below, got, err)
		}
	}
}

// hostile are messages and texts from somebody who means harm.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<SCRIPT SRC=//evil.example/x.js></SCRIPT>`,
	`<img src=x onerror=alert(1)>`,
	`<svg/onload=alert(1)>`,
	`<a href="javascript:alert(1)">a</a>`,
	`<style>*{display:none}</style>`,
	`<iframe src=https://evil.example></iframe><base href=https://evil.example><meta http-equiv=refresh content=0>`,
	`<form action=https://evil.example><input name=nonce autofocus onfocus=alert(1)><button name=decision value=approved>`,
	`</div></main></style></script></title></textarea><h1 onclick=alert(1)>Owned</h1>`,
	`<!--`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`"><script>alert(1)</script>`,
	`' onmouseover='alert(1)`,
	`" autofocus onfocus="alert(1)" x="`,
	`[a](javascript:alert(1))`,
	`[a](JaVaScRiPt:alert(1))`,
	"[a](java\tscript:alert(1))",
	`[a](&#106;avascript:alert(1))`,
	`[a](javascript&colon;alert(1))`,
	`[a](data:text/html;base64,PHNjcmlwdD4=)`,
	`[a](data:image/png;base64,AAAA)`,
	`[a](vbscript:x)`,
	`[a](ftp://evil.example)`,
	`[a](file:///etc/passwd)`,
	`[a](//evil.example)`,
	`[a](/v1/callbacks)`,
	`[a](?decision=approved)`,
	`[a](#decision)`,
	`[a](https://x.example" onclick="alert(1))`,
	`[a](<https://x.example" onclick=alert(1) x=">)`,
	`![a](javascript:alert(1))`,
	`![a](https://evil.example/pixel.png)`,
	`![a" onerror="alert(1)](x)`,
	`<javascript:alert(1)>`,
	"[a]: javascript:alert(1)\n[a]",
	"```\"><script>alert(1)</script>\nx\n```",
	`{{.Style}} {{template "form" .}} {name} {limit}`,
	"\u202egnissap\u2066\u200f ab",
	"\x00\xff\xfe<\x00script>",
	strings.Repeat("&", 300),
	strings.Repeat("w", 3000),
}

// TestPolicy checks what the policy allows, even if the Markdown reader let everything
// through.
func TestPolicy(t *testing.T) {
	policy := newMarkdown().policy
	for raw, want := range map[string]string{
		`<a href="javascript:alert(1)">a</a>`:        "a",
		`<a href="data:image/png;base64,AAAA">a</a>`: "a",
		`<a href="/v1/callbacks">a</a>`:              "a",
		`<a>a</a>`:                                   "a",
		`<script>a</script><style>b</style><p onclick="c" id=d class=e>f</p>`:   "<p>f</p>",
		`<h1>a</h1><img src=x alt=b><iframe src=c></iframe><form><input><svg/>`: "a",
	} {
		same(t, raw, policy.Sanitize(raw), want)
	}
}

// allowed are the attributes that a message's elements may have.
var allowed = map[string]string{"href": "a", "rel": "a"}

func TestHostileMessages(t *testing.T) {
	p := pagesOf(t, Brand{})
	for _, message := range hostile {
		root := parse(t, render(t, p, "en", with(about(Waiting), form(approval()), func(p *Page) { p.Message = message })))
		testInert(t, p, root)
		testRequests(t, root)
		testHeadings(t, root)
		same(t, "forms", len(find(root, "form")), 1)
		for _, box := range class(root, "message") {
			for _, n := range find(box) {
				checkElement(t, message, n)
			}
		}
	}
}

func checkElement(t *testing.T, message string, n *html.Node) {
	t.Helper()
	for _, a := range n.Attr {
		if allowed[a.Key] != n.Data {
			t.Errorf("%q: %s has %s=%q", message, n.Data, a.Key, a.Val)
		}
	}
	if href := value(n, "href"); n.Data == "a" {
		scheme, _, _ := strings.Cut(href, ":")
		if value(n, "rel") != rel || scheme != "http" && scheme != "https" && scheme != "mailto" {
			t.Errorf("%q: link to %q, rel=%q", message, href, value(n, "rel"))
		}
	}
}

// TestHugeMessages holds that no part of a message is cut off, and that nothing is nested
// too deeply for a browser.
func TestHugeMessages(t *testing.T) {
	p := pagesOf(t, Brand{})
	for name, message := range map[string]string{
		"long":           strings.Repeat("**a** ", maxMarkdown/6) + " the end",
		"quotes":         strings.Repeat("> ", 1500) + "the end",
		"lists":          strings.Repeat("- ", 1500) + "the end",
		"numbered lists": strings.Repeat("1. ", 500) + "the end",
		"emphasis":       strings.Repeat("*a **b ", 300) + strings.Repeat("** *", 300) + "the end",
		"brackets":       strings.Repeat("[", 5000) + "the end",
		"links":          strings.Repeat("[a](", 1000) + "the end",
	} {
		page := render(t, p, "en", Page{State: Cancelled, Message: message})
		if !strings.Contains(page, "the end") {
			t.Errorf("%s: the end is gone", name)
		}
		if len(page) > 10<<10+4*len(message) {
			t.Errorf("%s: %d bytes became %d", name, len(message), len(page))
		}
		depth := 0
		for n := one(t, parse(t, page), "main").LastChild; n != nil; n = n.LastChild {
			depth++
		}
		if depth > 2*maxDepth {
			t.Errorf("%s: %d deep", name, depth)
		}
	}
	same(t, "at the limit", strings.Contains(render(t, p, "", Page{State: Cancelled, Message: strings.Repeat("**a** ", maxMarkdown/6)}), "<strong>"), true)
}
