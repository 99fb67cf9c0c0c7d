package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// fallback is the language for readers whose own language has no file.
const fallback = "en"

//go:embed texts/*.json
var textFiles embed.FS

// unread is the key of a note that no native speaker has read a file's texts yet. It is
// for translators, and on no page.
const unread = "_unread"

// catalogue has the texts of one language, by key. A text is plain text with
// placeholders such as {name}. A text that counts something has one entry for each
// plural form of the language, such as ago.days#one and ago.days#other.
type catalogue struct {
	lang   string
	tag    language.Tag
	unread bool
	texts  map[string]string
}

// languages finds the catalogue for a reader.
type languages struct {
	all     []*catalogue
	matcher language.Matcher
}

// readLanguages reads every file of texts. The fallback comes first, because the matcher
// returns the first language if nothing matches.
func readLanguages() (*languages, error) {
	files, err := textFiles.ReadDir("texts")
	if err != nil {
		return nil, err
	}
	l := &languages{all: make([]*catalogue, 1, len(files))}
	for _, file := range files {
		c, err := readCatalogue(file.Name())
		switch {
		case err != nil:
			return nil, err
		case c.lang == fallback:
			l.all[0] = c
		default:
			l.all = append(l.all, c)
		}
	}
	var tags []language.Tag
	for _, c := range l.all {
		tags = append(tags, c.tag)
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

func readCatalogue(name string) (*catalogue, error) {
	raw, err := textFiles.ReadFile(path.Join("texts", name))
	if err != nil {
		return nil, err
	}
	c := &catalogue{lang: strings.TrimSuffix(name, ".json")}
	if err := json.Unmarshal(raw, &c.texts); err != nil {
		return nil, fmt.Errorf("texts/%s: %w", name, err)
	}
	if c.tag, err = language.Parse(c.lang); err != nil {
		return nil, fmt.Errorf("texts/%s: %w", name, err)
	}
	_, c.unread = c.texts[unread]
	delete(c.texts, unread)
	return c, nil
}

// direction returns the writing direction of the language, as the attribute dir has it.
func (c *catalogue) direction() string {
	switch script, _ := c.tag.Script(); script.String() {
	case "Arab", "Hebr", "Nkoo", "Syrc", "Thaa", "Adlm":
		return "rtl"
	}
	return "ltr"
}

// maxAcceptLanguage is how much of the header is read. Browsers send less, but anybody
// can send more.
const maxAcceptLanguage = 200

// choose finds the catalogue for an Accept-Language header. It ignores what it cannot
// read.
func (l *languages) choose(acceptLanguage string) *catalogue {
	if len(acceptLanguage) > maxAcceptLanguage {
		acceptLanguage = acceptLanguage[:maxAcceptLanguage]
		acceptLanguage = acceptLanguage[:max(0, strings.LastIndexByte(acceptLanguage, ','))]
	}
	wishes, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return l.all[0]
	}
	_, index, _ := l.matcher.Match(wishes...)
	return l.all[index]
}

// Plain returns a text. After the key, pass the name and the value of each placeholder.
func (c *catalogue) Plain(key string, values ...any) (string, error) {
	text, ok := c.texts[key]
	if !ok {
		return "", fmt.Errorf("texts/%s.json: no text %q", c.lang, key)
	}
	return withValues(text, values), nil
}

// T is Plain as HTML. It escapes values, except a template.HTML.
func (c *catalogue) T(key string, values ...any) (template.HTML, error) {
	text, err := c.Plain(key)
	if err != nil {
		return "", err
	}
	safe := slices.Clone(values)
	for i := 1; i < len(safe); i += 2 {
		if _, html := safe[i].(template.HTML); !html {
			safe[i] = escaped(fmt.Sprint(safe[i]))
		}
	}
	return template.HTML(withValues(string(escaped(text)), safe)), nil //nolint:gosec // text and values are escaped
}

// withValues replaces the placeholders of a text, in one pass, so that a value that looks like
// a placeholder is not replaced.
func withValues(text string, values []any) string {
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", values[i]), fmt.Sprint(values[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Count is T for a text that counts something, with the number as {n}.
func (c *catalogue) Count(key string, n int) (template.HTML, error) {
	return c.T(key+"#"+c.plural(n), "n", n)
}

// plural returns the plural form that the language has for a number, by its CLDR name.
func (c *catalogue) plural(n int) string {
	switch plural.Cardinal.MatchPlural(c.tag, n, 0, 0, 0, 0) {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	}
	return "other"
}

// Name returns somebody's name.
func (c *catalogue) Name(name string) (template.HTML, error) {
	if name == "" {
		return c.T("decision.somebody")
	}
	return isolated(name), nil
}

// isolated returns somebody else's words, isolated so that their writing direction does
// not affect the text around them.
func isolated(words string) template.HTML { return "<bdi>" + escaped(words) + "</bdi>" }

func escaped(s string) template.HTML {
	return template.HTML(template.HTMLEscapeString(s)) //nolint:gosec // just escaped
}
