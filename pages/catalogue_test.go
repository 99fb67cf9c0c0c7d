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
		same(t, c.lang+": keys", slices.Sorted(maps.Keys(c.texts)), slices.Sorted(maps.Keys(english.texts)))
		for key, text := range c.texts {
			got, want := placeholder.FindAllString(text, -1), placeholder.FindAllString(english.texts[key], -1)
			slices.Sort(got)
			slices.Sort(want)
			same(t, c.lang+": placeholders of "+key, got, want)
			if text == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, "<>&\n") {
				t.Errorf("%s: %s is empty, ragged or HTML: %q", c.lang, key, text)
			}
		}
		same(t, c.lang+": months", len(strings.Fields(c.texts["time.months"])), 12)
		same(t, c.lang+": keys as written", written(t, c.lang), slices.Sorted(maps.Keys(c.texts)))
	}
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
	texts["time.months"] = strings.Repeat("⟦time.months⟧ ", 12)
	var seen strings.Builder
	for _, s := range append(samples(), everyProblem()...) {
		seen.WriteString(prose(parse(t, render(t, p, "en", s.page))))
	}
	for key := range texts {
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
		"missing", "too-long", "too-short", "too-small", "too-large", "not-a-number", "not-whole", "not-a-multiple", "not-a-date",
		"not-a-choice", "pattern", "wrong-word", "wrong-code", "name-taken", "name-used", "name-mixed", "name-unreadable", "format", "not-a-code", "invalid", "cut", "twice",
	} {
		for _, limit := range []string{"", "7"} {
			all = append(all, sample{kind + limit, waiting(&Form{Comment: "optional", Problems: []Problem{{"comment", kind, limit}}})})
		}
	}
	tick := &Form{Fields: allFields(), Problems: []Problem{{"field.notify", "missing", ""}, {"decision", "missing", ""}}}
	other := with(about(Decided), decisions(Decision{Approver: "Lee"}, Decision{Action: ActionFailure, Approver: "Lee"},
		Decision{Action: ActionSuccess, Approver: "Lee"}, Decision{Approved: true}, Decision{Action: ActionFailure, Yours: true}))
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
		"fr-FR, de;q=0.8, en;q=0.5":            "de",
		"en-GB,en;q=0.9,de;q=0.8":              "en",
		"de;q=0.1, en":                         "en",
		"de;q=0":                               "en",
		"fr":                                   "en",
		"*":                                    "en",
		"\x00\xff;;=,,":                        "en",
		"de; q=much":                           "en",
		"<script>":                             "en",
		long + ",de":                           "en",
		"de," + long:                           "de",
		"de," + strings.Repeat(long+",", 5000): "de",
		strings.Repeat("fr,", 66) + "de":       "de", // 200 bytes
		strings.Repeat("fr,", 66) + "de-AT":    "en", // longer: the part that is cut off is ignored
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
		got, err := l.all[0].Time(time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC))
		if err != nil || !strings.Contains(string(got), month.String()) {
			t.Errorf("%v: %s, %v", month, got, err)
		}
	}
}
