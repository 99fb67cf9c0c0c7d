package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"callback-relay/browser"
)

// site serves the samples by their names, in the language that a browser asks for.
func site(t *testing.T, p *Pages) *httptest.Server {
	t.Helper()
	all := map[string]Page{}
	for _, s := range samples() {
		all["/"+s.name] = s.page
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range p.Headers() {
			w.Header().Set(name, value)
		}
		if err := p.Render(w, r.Header.Get("Accept-Language"), all[r.URL.Path]); err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// opener returns a browser for the samples. Without one the test is skipped; in CI it
// fails.
func opener(t *testing.T) *browser.Browser {
	t.Helper()
	if testing.Short() || !browser.Available(t) {
		t.SkipNow()
	}
	return browser.Start(t)
}

// mirrored returns pages in one language that is written from right to left: English in
// Arabic letters.
func mirrored(t *testing.T) *Pages {
	t.Helper()
	p := pagesOf(t, Brand{})
	c := &catalogue{lang: "ar", tag: language.Arabic, texts: map[string]string{}}
	for key, text := range p.languages.all[0].texts {
		c.texts[key] = arabic(text)
		for _, form := range []string{"zero", "one", "two", "few", "many"} {
			if base(key) != key {
				c.texts[base(key)+"#"+form] = c.texts[key]
			}
		}
	}
	p.languages = &languages{all: []*catalogue{c}, matcher: language.NewMatcher([]language.Tag{c.tag})}
	return p
}

// arabic replaces the letters of a text, but not those of its placeholders.
func arabic(text string) string {
	var b strings.Builder
	letters := []rune("ابتثجحخدذرزسشصضطظعغفقكلمنهوي")
	inside := false
	for _, r := range text {
		inside = r == '{' || inside && r != '}'
		if low := r | 0x20; !inside && low >= 'a' && low <= 'z' {
			r = letters[low-'a']
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clashes finds what is outside the window, and what lies over something else.
const clashes = `(() => {
	const seen = [...document.querySelectorAll("h1,h2,p,dt,dd,label,legend,button,input,select,textarea,summary,svg,a.button,.jump,blockquote,footer")]
		.map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width > 0 && r.height > 0 && e.checkVisibility());
	const name = e => e.localName + "." + e.className + " " + e.textContent.trim().slice(0, 30);
	const found = seen.filter(([, r]) => r.left < -1 || r.right > document.documentElement.clientWidth + 1).map(([e]) => "outside: " + name(e));
	for (const [i, [a, x]] of seen.entries())
		for (const [b, y] of seen.slice(i + 1))
			if (!a.contains(b) && !b.contains(a) && Math.min(x.right, y.right) - Math.max(x.left, y.left) > 1 && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 1)
				found.push(name(a) + " lies over " + name(b));
	return found;
})()`

// parts describes what axe-core judges: each element with those around it, and the order of
// headings and ids.
const parts = `(() => {
	const name = e => e.localName + "." + (e.getAttribute("class") ?? "");
	const path = e => e.localName === "body" ? "" : path(e.parentElement) + " > " + name(e);
	const found = [...document.querySelectorAll("body *")].map(e => path(e) + e.getAttributeNames().join() + e.type);
	return [...found, [...document.querySelectorAll("h1,h2,h3,h4,h5,h6,[id]")].map(e => e.localName + e.id).join()];
})()`

// fresh tells whether a page has parts that are not in judged, and adds them.
func fresh(tab *browser.Tab, judged map[string]bool) bool {
	var has []string
	tab.Eval(parts, &has)
	before := len(judged)
	for _, part := range has {
		judged[part] = true
	}
	return len(judged) > before
}

// TestInBrowser shows every sample in a real browser, in English and from right to left,
// on a desktop and on a phone: axe-core finds no mistake, and nothing lies over or
// outside of anything.
func TestInBrowser(t *testing.T) {
	b := opener(t)
	looks := []browser.Look{{}, {Phone: true, Dark: true}}
	for lang, p := range map[string]*Pages{"en": branded(t), "ar": mirrored(t)} {
		at := site(t, p)
		tab := b.Tab(t, looks[0])
		judged := map[string]bool{}
		for _, s := range samples() {
			same(t, "status", tab.Open(at.URL+"/"+s.name), http.StatusOK)
			same(t, "lang", tab.Attr("html", "lang"), lang)
			// axe-core takes longer than everything else: a page that only has other
			// words than earlier ones is not judged again.
			judge := lang == "en" && fresh(tab, judged)
			for i, look := range looks {
				if i > 0 {
					tab.Dress(look)
				}
				name := fmt.Sprintf("%s %s %+v", lang, s.name, look)
				if judge {
					for _, violation := range tab.Violations() {
						t.Errorf("%s: %s", name, violation)
					}
				}
				var found []string
				tab.Eval(clashes, &found)
				if width, screen := tab.Width(); len(found) > 0 || width > screen {
					t.Errorf("%s: %d wide on %d, %q", name, width, screen, found)
				}
			}
			slices.Reverse(looks) // the next page begins as this one ended
		}
		same(t, "what the browser complains about", len(tab.Problems()), 0)
	}
	if *screenshots != "" {
		takePictures(t, b)
	}
}

// TestEveryLanguageFits holds that the texts of every language fit on a phone, and that the
// script writes times in the page's language.
func TestEveryLanguageFits(t *testing.T) {
	b := opener(t)
	p := pagesOf(t, Brand{})
	at := site(t, p)
	tab := b.Tab(t, browser.Look{})
	for _, c := range p.languages.all {
		tab.Dress(browser.Look{Phone: true, Language: c.lang})
		for _, name := range []string{"waiting-choices-wrong", "decided-yours", "failed-yours"} {
			tab.Open(at.URL + "/" + name)
			same(t, "lang", tab.Attr("html", "lang"), c.lang)
			var found []string
			tab.Eval(clashes, &found)
			if width, screen := tab.Width(); len(found) > 0 || width > screen {
				t.Errorf("%s %s: %d wide on %d, %q", c.lang, name, width, screen, found)
			}
			if *screenshots != "" {
				keep(t, c.lang+"-"+name, tab)
			}
		}
		var month string
		tab.Eval(`document.querySelector("time.long").textContent`, &month)
		months := strings.Fields(c.texts["time.months"])
		same(t, c.lang+": November in "+month, strings.Contains(month, months[10]), true)
	}
}

// TestMirrored holds that a page from right to left begins at the right.
func TestMirrored(t *testing.T) {
	b := opener(t)
	tab := b.Tab(t, browser.Look{Phone: true})
	tab.Open(site(t, mirrored(t)).URL + "/waiting-quorum")
	same(t, "dir", tab.Attr("html", "dir"), "rtl")
	var right []bool
	tab.Eval(`[".until", ".who li"].map(at => document.querySelector(at)).map(e => e.querySelector("svg").getBoundingClientRect().left > e.querySelector("details").getBoundingClientRect().left)`, &right)
	same(t, "symbols are right of their texts", right, []bool{true, true})
}

// TestInReach holds that on a phone one touch brings the buttons of a long page onto the
// screen, that this decides nothing, and that nothing covers the input that is typed in.
func TestInReach(t *testing.T) {
	b := opener(t)
	at := site(t, pagesOf(t, Brand{}))
	const visible = `[...document.querySelectorAll("#decision button")].every(b => { const r = b.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight })`
	tab := b.Tab(t, browser.Look{Phone: true})
	for _, s := range samples() {
		if s.page.State != Waiting {
			continue
		}
		tab.Open(at.URL + "/" + s.name)
		var seen bool
		tab.Eval(visible, &seen)
		if !seen && !tab.Has(".jump") {
			t.Errorf("%s: the buttons are not on the screen, and no link leads to them", s.name)
		}
	}
	for _, look := range []browser.Look{{Phone: true}, {Phone: true, NoScripts: true}} {
		tab := b.Tab(t, look)
		for _, name := range []string{"waiting", "waiting-full", "waiting-choices"} {
			tab.Open(at.URL + "/" + name)
			var reached bool
			tab.Eval(visible, &reached)
			same(t, name+": in reach at first", reached, false)
			tab.Poke(".jump")
			for began := time.Now(); !reached && time.Since(began) < 10*time.Second; {
				tab.Eval(visible, &reached)
			}
			same(t, name+": in reach", reached, true)
			same(t, "focus", tab.Focused(), "body")
			tab.Press("Tab")
			same(t, "what Tab leads to", tab.Focused(), "button[decision]")
		}
		sent := slices.DeleteFunc(tab.Requests(), func(r string) bool { return strings.HasPrefix(r, "GET ") })
		same(t, "sent", len(sent), 0)
	}
}

// TestTouched holds that the exact time and the way out unfold by touch and by keyboard,
// also without scripts.
func TestTouched(t *testing.T) {
	b := opener(t)
	at := site(t, pagesOf(t, Brand{}))
	for _, look := range []browser.Look{{Phone: true}, {NoScripts: true}} {
		tab := b.Tab(t, look)
		tab.Open(at.URL + "/waiting-choices")
		for _, details := range []string{".until details", ".from details", ".out"} {
			same(t, details+" is folded", tab.Has(details+":not([open])"), true)
			tab.Poke(details + " summary")
			same(t, details+" is open", tab.Has(details+"[open]"), true)
			tab.Press("Enter")
			same(t, details+" is folded again", tab.Has(details+":not([open])"), true)
		}
	}
}

// TestPrinted holds that a printed page is black on white, with the decision, the time,
// the name and the reference, and without buttons.
func TestPrinted(t *testing.T) {
	b := opener(t)
	tab := b.Tab(t, browser.Look{Print: true, Dark: true})
	at := site(t, branded(t)).URL
	tab.Open(at + "/decided-yours")
	for _, want := range []string{"Acme Billing", "You approved this", "Dana Okafor", "24, 2026", "Deploy 4.2.0", "Reference: k5f2abcd"} {
		if text := tab.Text("body"); !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	var colors []string
	tab.Eval(`[...new Set([...document.querySelectorAll("body, body *:not(script)")].flatMap(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]))].sort()`, &colors)
	same(t, "colors", colors, []string{"rgb(0, 0, 0)", "rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"})
	for _, name := range []string{"decided-yours", "waiting-choices"} {
		tab.Open(at + "/" + name)
		var seen int
		tab.Eval(`[...document.querySelectorAll("button, .button, .jump, .out, .receipt")].filter(e => e.checkVisibility()).length`, &seen)
		same(t, name+": buttons", seen, 0)
	}
}
