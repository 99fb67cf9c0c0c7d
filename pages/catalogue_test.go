package pages

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"
)

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// TestTexts holds that all files have the same keys with the same placeholders, each key
// once and in order, so that adding a language means adding a file.
func TestTexts(t *testing.T) {
	l, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	english := l.all[0]
	same(t, "first", english.lang, fallback)
	if len(l.all) < 2 {
		t.Error("one language only")
	}
	for _, c := range l.all {
		same(t, c.lang+": keys", keysOf(c, c), keysOf(english, c))
		for key, text := range c.texts {
			original, ok := english.texts[key]
			if !ok { // a plural form that English does not have
				original = english.texts[base(key)+"#other"]
			}
			got, want := placeholder.FindAllString(text, -1), placeholder.FindAllString(original, -1)
			slices.Sort(got)
			slices.Sort(want)
			same(t, c.lang+": placeholders of "+key, got, want)
			if text == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, "<>&\n\"") {
				t.Errorf("%s: %s is empty, ragged or HTML: %q", c.lang, key, text)
			}
		}
		for key, words := range map[string]int{"time.months": 12, "time.months.short": 12, "time.weekdays": 7} {
			same(t, c.lang+": words in "+key, len(strings.Fields(c.texts[key])), words)
		}
		keys := slices.Sorted(maps.Keys(c.texts))
		if c.unread {
			keys = slices.Insert(keys, 0, unread)
		}
		same(t, c.lang+": keys as written", written(t, c.lang), keys)
	}
}

// base is the key of a text without its plural form.
func base(key string) string {
	key, _, _ = strings.Cut(key, "#")
	return key
}

// keysOf returns the keys that c's texts would have in the language of another
// catalogue: those that count something, once for each plural form of the language.
func keysOf(c, in *catalogue) []string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(c.texts)) {
		if c == in || base(key) == key {
			keys = append(keys, key)
			continue
		}
		for n := range 1000 {
			keys = append(keys, base(key)+"#"+in.plural(n))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// written returns the keys of a file in their written order.
func written(t *testing.T, lang string) []string {
	t.Helper()
	raw, err := textFiles.ReadFile("texts/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	decoder := json.NewDecoder(bytes.NewReader(raw))
	for i := 0; decoder.More(); i++ {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && i%2 == 1 {
			keys = append(keys, token.(string))
		}
	}
	return keys
}

// TestTextsUsed replaces every text by its key, and looks for each key on the pages.
func TestTextsUsed(t *testing.T) {
	p := pagesOf(t, Brand{})
	texts := p.languages.all[0].texts
	for key, text := range texts {
		texts[key] = "⟦" + key + "⟧" + strings.Join(placeholder.FindAllString(text, -1), " ")
	}
	for _, key := range []string{"time.months", "time.months.short", "time.weekdays"} {
		texts[key] = strings.Repeat("⟦"+key+"⟧ ", 12)
	}
	var seen strings.Builder
	for _, s := range append(samples(), everyProblem()...) {
		seen.WriteString(prose(parse(t, render(t, p, "en", s.page))))
	}
	for key := range texts {
		if form := strings.TrimPrefix(key, base(key)); form != "" && form != "#other" {
			continue // TestPlurals has the numbers
		}
		if !strings.Contains(seen.String(), "⟦"+key+"⟧") {
			t.Errorf("%s is on no page", key)
		}
	}
}

// everyProblem returns forms with every kind of problem, with and without a limit, and
// with texts that the samples do not show.
func everyProblem() []sample {
	var all []sample
	for _, kind := range []string{
		"missing", "too-long", "too-short", "too-small", "too-large", "too-few", "too-many", "not-a-number", "not-whole", "not-a-multiple", "not-a-date",
		"not-a-choice", "pattern", "wrong-word", "wrong-code", "name-taken", "name-used", "name-mixed", "name-unreadable", "format", "not-a-code", "invalid", "cut", "twice",
	} {
		for _, limit := range []string{"", "7"} {
			all = append(all, sample{kind + limit, waiting(&Form{Comment: "optional", Problems: []Problem{{"comment", kind, limit}}})})
		}
	}
	tick := &Form{Fields: append(allFields(), several), Problems: []Problem{{"field.notify", "missing", ""}, {"field.regions", "missing", ""}, {"decision", "missing", ""}}}
	other := with(about(Decided), decisions(Decision{Approver: "Lee"}, Decision{Action: ActionFailure, Approver: "Lee"},
		Decision{Action: ActionSuccess, Approver: "Lee"}, Decision{Approved: true}, Decision{Action: ActionFailure, Yours: true}))
	for _, action := range []Action{ActionFailure, ActionHeartbeat} {
		all = append(all, sample{"labelled", waiting(&Form{Action: action, ApproveLabel: "Yes"})})
	}
	for _, left := range []time.Duration{time.Second, time.Minute, 30 * time.Minute, 3 * time.Hour} {
		all = append(all, sample{"time", with(about(Waiting), form(approval()), func(p *Page) { p.Now, p.Requested = until.Add(-left), until.Add(-2*left) })})
	}
	back := &Form{Declined: decided, NotForMe: true}
	all = append(all, sample{"back", waiting(back)})
	for _, clock := range []time.Time{{}, now} {
		all = append(all, sample{"asked", with(about(Decided), func(p *Page) { p.Requester, p.Now = "", clock })})
	}
	return append(all, sample{"tick", waiting(tick)}, sample{"other", other})
}

func TestLanguages(t *testing.T) {
	l, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxAcceptLanguage)
	for accept, want := range map[string]string{
		"":                                     "en",
		"en":                                   "en",
		"de":                                   "de",
		"de-AT":                                "de",
		"DE":                                   "de",
		"sv-FR, de;q=0.8, en;q=0.5":            "de",
		"en-GB,en;q=0.9,de;q=0.8":              "en",
		"de;q=0.1, en":                         "en",
		"de;q=0":                               "en",
		"sv":                                   "en",
		"*":                                    "en",
		"\x00\xff;;=,,":                        "en",
		"de; q=much":                           "en",
		"<script>":                             "en",
		long + ",de":                           "en",
		"de," + long:                           "de",
		"de," + strings.Repeat(long+",", 5000): "de",
		strings.Repeat("sv,", 66) + "de":       "de", // 200 bytes
		strings.Repeat("sv,", 66) + "de-AT":    "en", // longer: the part that is cut off is ignored
		strings.Repeat("a-", 1<<20):            "en",
	} {
		if got := l.choose(accept).lang; got != want {
			t.Errorf("%.40q: %s, want %s", accept, got, want)
		}
	}
}

// TestPlaceholders holds that values are escaped, and that a value that looks like a
// placeholder is not replaced.
func TestPlaceholders(t *testing.T) {
	c := &catalogue{lang: "xx", texts: map[string]string{"k": "{a} & {b}"}}
	got, err := c.T("k", "a", "<{b}>", "b", escaped("<"))
	if err != nil || got != "&lt;{b}&gt; &amp; &lt;" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := c.T("gone"); err == nil || err.Error() != `texts/xx.json: no text "gone"` {
		t.Errorf("got %v", err)
	}
}

// TestMonths holds that each month has its name.
func TestMonths(t *testing.T) {
	l, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	for month := time.January; month <= time.December; month++ {
		got, err := l.all[0].Time(time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC), longTime)
		if err != nil || !strings.Contains(string(got), month.String()) {
			t.Errorf("%v: %s, %v", month, got, err)
		}
	}
}

// TestDirection holds that pages know which languages are written from right to left.
func TestDirection(t *testing.T) {
	for lang, want := range map[string]string{"en": "ltr", "ja": "ltr", "pl": "ltr", "ar": "rtl", "he": "rtl", "fa": "rtl", "ur": "rtl"} {
		c := &catalogue{tag: language.MustParse(lang)}
		same(t, lang, c.direction(), want)
	}
}
