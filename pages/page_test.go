package pages

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// TestEveryPage checks what must be true for every page.
func TestEveryPage(t *testing.T) {
	for lang, p := range map[string]*Pages{"en": branded(t), "de": pagesOf(t, Brand{})} {
		for _, s := range samples() {
			t.Run(lang+"/"+s.name, func(t *testing.T) {
				page := render(t, p, lang, s.page)
				root := parse(t, page)
				testHead(t, root, lang)
				testHeadings(t, root)
				testInert(t, p, root)
				testRequests(t, root)
				testTimes(t, root)
				testLinks(t, root)
				testIDs(t, root)
				if strings.Contains(page, "ZgotmplZ") {
					t.Error("html/template had to take something out")
				}
			})
		}
	}
}

func testHead(t *testing.T, root *html.Node, lang string) {
	same(t, "lang", value(one(t, root, "html"), "lang"), lang)
	same(t, "dir", value(one(t, root, "html"), "dir"), "ltr")
	title := prose(one(t, root, "h1"))
	for _, kind := range class(root, "kind") { // so that tabs of two links of one callback differ
		title += " · " + prose(kind)
	}
	for _, part := range find(root, "div") {
		if value(part, "class") == "alert no" { // the text that is read out first says that something is wrong
			title = prose(find(part, "h2")[0]) + ": " + title
		}
	}
	same(t, "title", prose(one(t, root, "title")), title)
	for name, want := range map[string]string{
		"robots":       "noindex, nofollow, noarchive",
		"color-scheme": "light dark",
		"viewport":     "width=device-width, initial-scale=1",
	} {
		same(t, name, value(named(t, root, "name", name), "content"), want)
	}
	same(t, "icon", value(named(t, root, "rel", "icon"), "href"), "data:,")
	one(t, root, "main")
}

// testHeadings holds that there is one h1 and no gap between heading levels, for readers
// who jump from heading to heading.
func testHeadings(t *testing.T, root *html.Node) {
	last := 0
	for _, h := range find(root, "h1", "h2", "h3", "h4", "h5", "h6") {
		level := int(h.Data[1] - '0')
		if level > last+1 || prose(h) == "" {
			t.Errorf("%s %q follows h%d", h.Data, prose(h), last)
		}
		last = level
	}
	one(t, root, "h1")
}

// testInert holds that the page has only the one script and the one style sheet that the
// headers allow.
func testInert(t *testing.T, p *Pages, root *html.Node) {
	policy := p.Headers()["Content-Security-Policy"]
	for _, name := range []string{"style", "script"} {
		n := one(t, root, name)
		_, allowed, _ := strings.Cut(policy, name+"-src ")
		allowed, _, _ = strings.Cut(allowed, ";")
		if want := hash(textOf(n)); !slices.Contains(strings.Fields(allowed), want) {
			t.Errorf("the policy does not allow the page's %s: no %q in %q", name, want, policy)
		}
		same(t, name+"'s attributes", len(n.Attr), 0)
	}
	for _, n := range find(root) {
		for _, a := range n.Attr {
			if a.Key == "style" || a.Key == "autofocus" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	same(t, "frames and the like", len(find(root, "iframe", "object", "embed", "base", "frame", "audio", "video")), 0)
}

// testRequests holds that the page causes no further requests.
func testRequests(t *testing.T, root *html.Node) {
	for _, n := range find(root) {
		for _, a := range n.Attr {
			switch {
			case a.Key == "src", a.Key == "href" && n.Data == "link":
				if !strings.HasPrefix(a.Val, "data:") {
					t.Errorf("%s asks for %q", n.Data, a.Val)
				}
			case slices.Contains([]string{"srcset", "data", "poster", "ping", "action", "formaction", "background", "http-equiv"}, a.Key):
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	if style := textOf(one(t, root, "style")); strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style sheet asks for more")
	}
}

var utc = map[string]*regexp.Regexp{
	"long":  regexp.MustCompile(`^\d{1,2}\.? \pL+ 2026, \d\d:\d\d UTC$`),
	"dated": regexp.MustCompile(`^\pL+[.,]* \d{1,2}\.? \pL+\.? 2026, \d\d:\d\d UTC$`),
	"short": regexp.MustCompile(`^\pL+[.,]* \d{1,2}\.? \pL+\.?, \d\d:\d\d UTC$`),
}

// testTimes holds that without scripts every time is shown in UTC and says so, and that
// a short time is there in full, too.
func testTimes(t *testing.T, root *html.Node) {
	for _, n := range find(root, "time") {
		form := utc[value(n, "class")]
		if _, err := time.Parse(time.RFC3339, value(n, "datetime")); err != nil || form == nil || !form.MatchString(textOf(n)) {
			t.Errorf("time %q reads %q", value(n, "datetime"), textOf(n))
		}
		if n.Parent.Data != "summary" {
			same(t, "a time that is there once", value(n, "class"), longTime)
			continue
		}
		full := find(n.Parent.Parent, "time")[1]
		same(t, "in full", []string{value(full, "class"), value(full, "datetime")}, []string{longTime, value(n, "datetime")})
	}
}

// testLinks holds that linked sites learn nothing about the page.
func testLinks(t *testing.T, root *html.Node) {
	for _, a := range find(root, "a") {
		href := value(a, "href")
		if prose(a) == "" {
			t.Errorf("link to %q has no text", href)
		}
		if strings.HasPrefix(href, "#") {
			named(t, root, "id", href[1:])
		} else if href != "" && value(a, "rel") != rel {
			t.Errorf("link to %q has rel=%q", href, value(a, "rel"))
		}
	}
}

// testIDs holds that every id is unique, and that every reference to an id finds it.
func testIDs(t *testing.T, root *html.Node) {
	seen := map[string]bool{}
	for _, n := range find(root) {
		id, ok := attr(n, "id")
		if ok && (seen[id] || id == "") {
			t.Errorf("id %q is empty or there twice", id)
		}
		seen[id] = true
	}
	for _, n := range find(root) {
		for id := range strings.FieldsSeq(value(n, "for") + " " + value(n, "aria-describedby")) {
			if !seen[id] {
				t.Errorf("%s refers to no element: %q", n.Data, id)
			}
		}
	}
}

// TestSize holds that a page has less than 30 KB even with the largest logo, whose 12 KiB
// become 16 KiB in a page.
func TestSize(t *testing.T) {
	plain, largest := pagesOf(t, Brand{Name: "Acme Billing"}), branded(t)
	for _, s := range samples() {
		for _, c := range plain.languages.all {
			lang := c.lang
			if n := len(render(t, plain, lang, s.page)); n >= 13_600 {
				t.Errorf("%s %s: %d bytes without a logo", s.name, lang, n)
			}
			if n := len(render(t, largest, lang, s.page)); n >= 30_000 {
				t.Errorf("%s %s: %d bytes", s.name, lang, n)
			}
		}
	}
}

// scriptOf returns the script of a page.
func scriptOf(t *testing.T, page Page) string {
	t.Helper()
	return textOf(one(t, parse(t, render(t, pagesOf(t, Brand{}), "", page)), "script"))
}

// TestScript holds that the script only writes times, and listens only to what tells it that
// the reader has come back or has typed a time.
func TestScript(t *testing.T) {
	timed := waiting(&Form{Fields: []Field{{Name: "at", Kind: "datetime"}}})
	script := scriptOf(t, timed)
	same(t, "without times to type", scriptOf(t, waiting(&Form{Fields: []Field{{Name: "on", Kind: "date"}}})), scriptOf(t, about(Cancelled)))
	same(t, "the script of other pages", strings.HasPrefix(script, scriptOf(t, about(Cancelled))), true)
	same(t, "what it listens to", regexp.MustCompile(`\.on[a-z]+|addEventListener\([^,]*`).FindAllString(script, -1),
		[]string{"addEventListener(event", ".oninput", `addEventListener("pageshow"`})
	for _, want := range []string{"time[datetime]", "Intl.DateTimeFormat", "timeZoneName", "documentElement.lang", "textContent"} {
		if !strings.Contains(script, want) {
			t.Errorf("no %s in the script", want)
		}
	}
	for _, not := range []string{"innerHTML", "fetch", "submit", "click", "location", "eval", "//", "keydown", "cookie", "Storage", "send"} {
		if strings.Contains(script, not) {
			t.Errorf("%s in the script", not)
		}
	}
}

func TestHeaders(t *testing.T) {
	p := pagesOf(t, Brand{})
	root := parse(t, render(t, p, "", about(Cancelled)))
	same(t, "headers", p.Headers(), map[string]string{
		"Content-Type": "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; style-src " + hash(textOf(one(t, root, "style"))) +
			"; script-src " + hash(textOf(one(t, root, "script"))) + " " + hash(scriptOf(t, waiting(&Form{Fields: formats()}))) +
			"; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	})
	same(t, "hash of nothing", hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='")
	p.Headers()["X-Frame-Options"] = "mine"
	same(t, "the pages' own headers", p.Headers()["X-Frame-Options"], "DENY")
}

// strict is a writer that accepts a limited number of bytes.
type strict struct{ writes, most int }

var errFull = errors.New("full")

func (w *strict) Write(b []byte) (int, error) {
	if w.writes++; len(b) > w.most {
		return 0, errFull
	}
	w.most -= len(b)
	return len(b), nil
}

// Mistakes in a page are found before the first byte is written, and an error of the writer
// stops the rendering.
func TestPagesThatFail(t *testing.T) {
	p := pagesOf(t, Brand{})
	if err := p.Render(&strict{most: 1000}, "", about(Cancelled)); !errors.Is(err, errFull) {
		t.Errorf("a writer that is full: %v", err)
	}
	for name, page := range map[string]Page{
		`page "": no such state`:                                {},
		`page "gone": no such state`:                            {State: "gone"},
		`page "waiting": no form`:                               {State: Waiting},
		`page "waiting": texts/en.json: no text "waiting.joke"`: {State: Waiting, Form: &Form{Action: "joke"}},
		`page "waiting": comment "maybe": want optional, required, required-on-reject or none`: {State: Waiting, Form: &Form{Comment: "maybe"}},
		`page "waiting": confirm "knock": want word, code or nothing`:                          {State: Waiting, Form: &Form{Confirm: "knock"}},
		`page "waiting": field "x": no kind "colour"`:                                          {State: Waiting, Form: &Form{Fields: []Field{{Name: "x", Kind: "colour"}}}},
	} {
		bad := &strict{}
		err := p.Render(bad, "", page)
		if err == nil || err.Error() != name || bad.writes != 0 {
			t.Errorf("%d writes and %v, want none and %s", bad.writes, err, name)
		}
	}
}

// Invalid UTF-8 is shown as a replacement character everywhere.
func TestNotUTF8(t *testing.T) {
	page := render(t, pagesOf(t, Brand{}), "", with(about(Cancelled), func(p *Page) { p.Title = "a\xffb\xc3" }))
	if !utf8.ValidString(page) || !strings.Contains(page, "a\uFFFDb\uFFFD") {
		t.Errorf("the page is %q", page)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	p := branded(t)
	for _, s := range samples() {
		want := render(t, p, "de", s.page)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if render(t, p, "de", s.page) != want {
				t.Error("another page than before")
			}
		})
	}
}
