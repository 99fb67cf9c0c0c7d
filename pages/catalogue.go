package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// fallback is the language for readers whose own language has no file.
const fallback = "en"

//go:embed texts/*.json
var textFiles embed.FS

// catalogue has the texts of one language, by key. A text is plain text with
// placeholders such as {name}.
type catalogue struct {
	lang  string
	texts map[string]string
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
		tag, err := language.Parse(c.lang)
		if err != nil {
			return nil, fmt.Errorf("texts/%s.json: %w", c.lang, err)
		}
		tags = append(tags, tag)
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
	return c, nil
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

// Plain returns a text without placeholders.
func (c *catalogue) Plain(key string) (string, error) {
	text, ok := c.texts[key]
	if !ok {
		return "", fmt.Errorf("texts/%s.json: no text %q", c.lang, key)
	}
	return text, nil
}

// T returns a text as HTML. After the key, pass the name and the value of each
// placeholder. T escapes values, except a template.HTML.
func (c *catalogue) T(key string, values ...any) (template.HTML, error) {
	text, err := c.Plain(key)
	if err != nil {
		return "", err
	}
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		value, ok := values[i+1].(template.HTML)
		if !ok {
			value = escaped(fmt.Sprint(values[i+1]))
		}
		pairs = append(pairs, fmt.Sprintf("{%v}", values[i]), string(value))
	}
	// One pass, so that a value that looks like a placeholder is not replaced.
	return template.HTML(strings.NewReplacer(pairs...).Replace(string(escaped(text)))), nil //nolint:gosec // text and values are escaped
}

// Time returns a time element. Its text is in UTC and says so; the script replaces it by
// the reader's local time.
func (c *catalogue) Time(t time.Time) (template.HTML, error) {
	months, err := c.Plain("time.months")
	if err != nil {
		return "", err
	}
	t = t.UTC()
	text, err := c.T("time.text", "day", t.Day(), "month", strings.Fields(months)[t.Month()-1],
		"year", t.Year(), "time", t.Format("15:04"))
	if err != nil {
		return "", err
	}
	return `<time datetime="` + escaped(t.Format(time.RFC3339)) + `">` + text + "</time>", nil
}

// Name returns somebody's name, isolated so that its writing direction does not affect
// the text around it.
func (c *catalogue) Name(name string) (template.HTML, error) {
	if name == "" {
		return c.T("decision.somebody")
	}
	return "<bdi>" + escaped(name) + "</bdi>", nil
}

func escaped(s string) template.HTML {
	return template.HTML(template.HTMLEscapeString(s)) //nolint:gosec // just escaped
}
