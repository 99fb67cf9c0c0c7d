package pages

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

func TestBrand(t *testing.T) {
	root := parse(t, render(t, branded(t), "en", about(Cancelled)))
	header := one(t, root, "header")
	same(t, "name", prose(header), "Acme Billing")
	if src := value(one(t, header, "img"), "src"); !strings.HasPrefix(src, "data:image/svg+xml;base64,") {
		t.Errorf("logo: %.40s", src)
	}
	root = parse(t, render(t, pagesOf(t, Brand{}), "en", about(Cancelled)))
	same(t, "what the site is, without a brand", prose(one(t, root, "header")), "This page belongs to an automated workflow.")
	same(t, "logos without a brand", len(find(root, "img")), 0)
	root = parse(t, render(t, pagesOf(t, Brand{}), "en", waiting(&Form{})))
	says(t, one(t, root, "header"), "waiting for a person. Nothing happens until you press a button.")
	root = parse(t, render(t, pagesOf(t, Brand{Name: "Acme Billing"}), "en", waiting(&Form{})))
	same(t, "a brand alone", prose(one(t, root, "header")), "Acme Billing")
}

func TestLogos(t *testing.T) {
	const root = `<svg xmlns="http://www.w3.org/2000/svg"/>`
	for name, test := range map[string]struct{ logo, want string }{
		"PNG":                      {"\x89PNG\r\n\x1a\n...", "image/png"},
		"JPEG":                     {"\xff\xd8\xff\xe0...", "image/jpeg"},
		"WebP":                     {"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"},
		"SVG":                      {root, "image/svg+xml"},
		"SVG with all before":      {"\ufeff<?xml version=\"1.0\"?>\n<!-- a --><!DOCTYPE svg>\n" + root, "image/svg+xml"},
		"SVG with a prefix":        {`<s:svg xmlns:s="http://www.w3.org/2000/svg"/>`, "image/svg+xml"},
		"SVG without its space":    {`<svg/>`, ""},
		"HTML":                     {"<!doctype html><html><svg></svg>", ""},
		"HTML that begins as text": {"hello <svg/>", ""},
		"GIF":                      {"GIF89a", ""},
		"text":                     {"logo", ""},
		"broken":                   {"<svg", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(Brand{Logo: []byte(test.logo)})
			if test.want == "" {
				if err == nil || !strings.HasPrefix(err.Error(), "logo: ") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(p.logo), "data:"+test.want+";base64,") {
				t.Errorf("got %.40s", p.logo)
			}
		})
	}
}

// TestScriptsInLogo holds that an SVG is never inlined into the page, where its scripts
// would be part of the page.
func TestScriptsInLogo(t *testing.T) {
	logo := []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>`)
	page := render(t, pagesOf(t, Brand{Logo: logo}), "", about(Cancelled))
	if strings.Contains(page, "alert(") {
		t.Error("the logo's script is on the page")
	}
	one(t, parse(t, page), "script")
}

func TestBrandErrors(t *testing.T) {
	for name, test := range map[string]struct {
		brand Brand
		want  string
	}{
		"name's length": {Brand{Name: strings.Repeat("ä", 81)}, "name: want at most 80 characters, got 81"},
		"name's lines":  {Brand{Name: "a\nb"}, `name "a\nb": want one line of UTF-8 text`},
		"name's bytes":  {Brand{Name: "\xff"}, `name "\xff": want one line of UTF-8 text`},
		"logo's size":   {Brand{Logo: svg(maxLogo + 1)}, "logo: want at most 12288 bytes, got 12289"},
		"logo's type":   {Brand{Logo: []byte("?")}, "logo: want PNG, JPEG, WebP or SVG, but the file is none of them"},
		"color's name":  {Brand{Color: "red"}, `color "red": want # and six hexadecimal digits, such as #1a5fb4`},
		"short color":   {Brand{Color: "#fff"}, `color "#fff": want # and six hexadecimal digits, such as #1a5fb4`},
		"more of color": {Brand{Color: "#ffffff;}"}, `color "#ffffff;}": want # and six hexadecimal digits, such as #1a5fb4`},
		"all": {Brand{Name: "\n", Logo: []byte("?"), Color: "?"}, `name "\n": want one line of UTF-8 text
logo: want PNG, JPEG, WebP or SVG, but the file is none of them
color "?": want # and six hexadecimal digits, such as #1a5fb4`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(test.brand); err == nil || err.Error() != test.want {
				t.Errorf("got %v", err)
			}
		})
	}
	pagesOf(t, Brand{Name: strings.Repeat("ä", 80), Logo: bytes.Clone(svg(maxLogo)), Color: "#AbCdEf"})
}

// variables returns the colours of a style sheet in the light and the dark scheme.
func variables(t *testing.T, p *Pages) (light, dark map[string]rgb) {
	t.Helper()
	light, dark = map[string]rgb{}, map[string]rgb{}
	style := string(p.style)
	declaration := regexp.MustCompile(`--([a-z-]+): ?(#[0-9a-f]{3,6})\b`)
	for _, at := range regexp.MustCompile(`(@media \(prefers-color-scheme: ?dark\) ?\{)?:root ?\{[^}]*\}`).FindAllStringSubmatch(style, -1) {
		for _, d := range declaration.FindAllStringSubmatch(at[0], -1) {
			if len(d[2]) == 4 {
				d[2] = fmt.Sprintf("#%[1]c%[1]c%[2]c%[2]c%[3]c%[3]c", d[2][1], d[2][2], d[2][3])
			}
			c, err := parseColor(d[2])
			if err != nil {
				t.Fatal(err)
			}
			dark[d[1]] = c
			if at[1] == "" {
				light[d[1]] = c
			}
		}
	}
	return light, dark
}

// TestContrast holds WCAG 2 AA in both schemes and with every brand: 4.5 between a text and
// its background, 3 for edges.
func TestContrast(t *testing.T) {
	pairs := []struct {
		text, behind string
		least        float64
	}{
		{"text", "card", 4.5}, {"text", "back", 4.5}, {"soft", "card", 4.5}, {"soft", "back", 4.5},
		{"accent", "card", 4.5}, {"accent", "back", 4.5}, {"on-brand", "brand", 4.5},
		{"ok", "ok-back", 4.5}, {"no", "no-back", 4.5}, {"no", "card", 4.5}, {"note", "note-back", 4.5},
		{"edge", "card", 3}, {"edge", "back", 3},
	}
	for _, color := range []string{
		"", "#000000", "#ffffff", "#808080", "#767676", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff", "#ff00ff",
		"#7a1fa2", "#f2c811", "#0a0a23", "#f3f4f6", "#1b2026",
	} {
		light, dark := variables(t, pagesOf(t, Brand{Color: color}))
		for scheme, colors := range map[string]map[string]rgb{"light": light, "dark": dark} {
			for _, pair := range pairs {
				text, ok := colors[pair.text]
				behind, found := colors[pair.behind]
				if got := contrast(text, behind); got < pair.least || !ok || !found {
					t.Errorf("%s %s: %s on %s has %.2f, want %v", color, scheme, pair.text, pair.behind, got, pair.least)
				}
			}
		}
		if color != "" {
			same(t, "brand", light["brand"].String(), color)
		}
	}
	light, dark := variables(t, pagesOf(t, Brand{}))
	same(t, "the background that the accent is made for", []rgb{light["back"], dark["card"]}, []rgb{lightBackground, darkBackground})
	// The ends and the middle of the scale, to check the calculation itself.
	if c := contrast(black, white); math.Abs(c-21) > 0.001 {
		t.Errorf("black on white has %v", c)
	}
	if c := contrast(rgb{0x76, 0x76, 0x76}, white); math.Abs(c-4.54) > 0.005 {
		t.Errorf("#767676 on white has %v", c)
	}
}

// TestStyle checks the parts of the layout that need no browser.
func TestStyle(t *testing.T) {
	style := styleSource
	for what, want := range map[string]string{
		"width on a desktop":      "header, main, footer { max-width: 40rem;",
		"long words":              "overflow-wrap: anywhere;",
		"focus":                   ":focus-visible { outline: 3px solid var(--accent);",
		"buttons to touch":        "min-height: 3.25rem;",
		"inputs to touch":         "min-height: 3rem;",
		"boxes to tick":           ".tick label, .box { display: flex; gap: .75rem; align-items: center; min-height: 2.75rem; }",
		"one below the other":     ".buttons { display: grid;",
		"side by side":            ".two { grid-template-columns: 1fr 1fr; }",
		"the dead button is gone": "[hidden] { display: none; }",
		"both schemes":            "html { color-scheme: light dark;",
	} {
		if !strings.Contains(style, want) {
			t.Errorf("%s: no %q in the style sheet", what, want)
		}
	}
	sent := string(branded(t).style)
	if strings.Contains(sent, "/*") || strings.Contains(style, "outline: none") || strings.Contains(style, "outline: 0") {
		t.Error("comments are sent, or focus is not seen")
	}
	same(t, "braces", strings.Count(sent, "{"), strings.Count(sent, "}"))
	same(t, "compact", compactStyle("a :hover, b { margin: 0 1px; color: red; }\n  /* c */\n@media (x: y) and (z) { p > q { r: \"S T\", u } }"),
		`a :hover,b{margin:0 1px;color:red}@media (x:y) and (z){p>q{r:"S T",u}}`)
}
