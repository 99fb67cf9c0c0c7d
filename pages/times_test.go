package pages

import (
	"strings"
	"testing"
	"time"
)

// TestSpans checks how long something takes or is ago, in words.
func TestSpans(t *testing.T) {
	for _, test := range []struct {
		apart     time.Duration
		left, ago string
	}{
		{-time.Hour, "less than a minute", "just now"}, // two clocks
		{0, "less than a minute", "just now"},
		{29 * time.Second, "less than a minute", "just now"},
		{30 * time.Second, "less than a minute", "just now"},
		{59 * time.Second, "less than a minute", "just now"},
		{60 * time.Second, "1 more minute", "1 minute ago"},
		{89 * time.Second, "1 more minute", "1 minute ago"},
		{59 * time.Minute, "59 more minutes", "59 minutes ago"},
		{60 * time.Minute, "60 more minutes", "60 minutes ago"},
		{119 * time.Minute, "119 more minutes", "119 minutes ago"},
		{120*time.Minute - time.Second, "2 more hours", "2 hours ago"},
		{179 * time.Minute, "2 more hours", "2 hours ago"},
		{24*time.Hour - time.Minute, "23 more hours", "23 hours ago"},
		{24 * time.Hour, "24 more hours", "24 hours ago"},
		{47 * time.Hour, "47 more hours", "47 hours ago"},
		{48*time.Hour - time.Minute, "2 more days", "2 days ago"},
		{48 * time.Hour, "2 more days", "2 days ago"},
		{71 * time.Hour, "2 more days", "2 days ago"},
		{365 * 24 * time.Hour, "365 more days", "365 days ago"},
	} {
		page := with(about(Waiting), form(approval()), func(p *Page) { p.Now, p.Requested = until.Add(-test.apart), until.Add(-2*test.apart) })
		root := parse(t, render(t, pagesOf(t, Brand{}), "en", page))
		says(t, class(root, "until")[0], "Open for "+test.left+" (until Thu 26 Nov")
		if got := prose(class(root, "from")[0]); !strings.Contains(got, "jordan.vale@example.com "+test.ago+" (") {
			t.Errorf("%v ago: %s", test.apart, got)
		}
	}
}

// TestSpansInPolish checks the same where the words have other endings from 2 on, and from 5.
func TestSpansInPolish(t *testing.T) {
	l, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	v := &view{catalogue: l.choose("pl")}
	for _, test := range []struct {
		apart     time.Duration
		left, ago string
	}{
		{59 * time.Second, "mniej niż minuta", "przed chwilą"},
		{60 * time.Second, "1 minuta", "1 minutę temu"},
		{2 * time.Minute, "2 minuty", "2 minuty temu"},
		{5 * time.Minute, "5 minut", "5 minut temu"},
		{59 * time.Minute, "59 minut", "59 minut temu"},
		{60 * time.Minute, "60 minut", "60 minut temu"},
		{24*time.Hour - time.Minute, "23 godziny", "23 godziny temu"},
		{24 * time.Hour, "24 godziny", "24 godziny temu"},
		{47 * time.Hour, "47 godzin", "47 godzin temu"},
		{48 * time.Hour, "2 dni", "2 dni temu"},
	} {
		left, err := v.left(-test.apart)
		if err != nil || string(left) != test.left {
			t.Errorf("%v left: %s, %v", test.apart, left, err)
		}
		ago, err := v.past(test.apart)
		if err != nil || string(ago) != test.ago {
			t.Errorf("%v ago: %s, %v", test.apart, ago, err)
		}
	}
}

// The year is there if it is another one than now, and wherever the page is a receipt.
func TestYears(t *testing.T) {
	page := with(about(Waiting), form(approval()), func(p *Page) { p.Until, p.Now = p.Until.AddDate(1, 0, 0), now })
	says(t, parse(t, render(t, pagesOf(t, Brand{}), "en", page)), "(until Fri 26 Nov 2027, 16:30 UTC)")
}

// TestPlurals checks the plural forms of the languages that have other ones than English.
func TestPlurals(t *testing.T) {
	l, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	for lang, numbers := range map[string]map[int]string{
		"en": {0: "0 days ago", 1: "1 day ago", 2: "2 days ago", 21: "21 days ago"},
		"de": {1: "vor 1 Tag", 2: "vor 2 Tagen"},
		"fr": {0: "il y a 0 jour", 1: "il y a 1 jour", 2: "il y a 2 jours"},
		"pl": {1: "1 dzień temu", 2: "2 dni temu", 5: "5 dni temu", 22: "22 dni temu"},
		"ja": {1: "1日前", 2: "2日前"},
	} {
		for n, want := range numbers {
			got, err := l.choose(lang).Count("ago.days", n)
			if err != nil || string(got) != want {
				t.Errorf("%s, %d: %s, %v, want %s", lang, n, got, err, want)
			}
		}
	}
	for n, want := range map[int]string{1: "1 godzinę temu", 2: "2 godziny temu", 5: "5 godzin temu", 12: "12 godzin temu", 22: "22 godziny temu", 25: "25 godzin temu"} {
		got, err := l.choose("pl").Count("ago.hours", n)
		if err != nil || string(got) != want {
			t.Errorf("pl, %d: %s, %v, want %s", n, got, err, want)
		}
	}
}
