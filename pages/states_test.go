package pages

import (
	"strings"
	"testing"
	"time"
)

// TestStates tells each page's first words and its symbol.
func TestStates(t *testing.T) {
	type words struct{ heading, lead, symbol string }
	const (
		done   = "Your decision is final and has been passed on. You can close this page."
		final  = "The decision is final. There is nothing left for you to do."
		passed = "Your answer has been passed on. You can close this page."
		known  = "The answer has been passed on. There is nothing left for you to do."
		safe   = "It is safe with us and is being passed on. There is nothing more for you to do, and you can close this page."
		stored = "All of it is stored and is being passed on. There is nothing left for you to do."
	)
	want := map[string]words{
		"waiting":               {"Deploy 4.2.0 to production?", "", ""},
		"waiting-quorum":        {"Deploy 4.2.0 to production?", "", ""},
		"waiting-full":          {"Deploy 4.2.0 to production?", "", ""},
		"waiting-wrong":         {"Deploy 4.2.0 to production?", "", ""},
		"waiting-formats":       {"Deploy 4.2.0 to production?", "", ""},
		"waiting-stale":         {"Deploy 4.2.0 to production?", "", ""},
		"waiting-code":          {"Deploy 4.2.0 to production?", "", ""},
		"waiting-bare":          {"Your decision is asked for", "", ""},
		"waiting-success":       {"Please confirm", "With the button at the end you confirm that this is done.", ""},
		"waiting-failure":       {"Did this go wrong?", "Pressing the button below reports this as failed.", ""},
		"waiting-heartbeat":     {"Is the work still going on?", "With the button at the end you say that the work goes on. You can do so as often as you like.", ""},
		"counted":               {"Your decision is in", "Others are still to decide. There is nothing more for you to do, and you can close this page.", "check ok"},
		"decided-yours":         {"You approved this", done, "check ok"},
		"decided-other":         {"This was approved", final, "check ok"},
		"decided-typed":         {"This was approved", final, "check ok"},
		"rejected-yours":        {"You rejected this", done, "cross no"},
		"rejected-other":        {"This was rejected", final, "cross no"},
		"confirmed-yours":       {"You confirmed this", passed, "check ok"},
		"confirmed-other":       {"This was confirmed", known, "check ok"},
		"failed-yours":          {"You reported this as failed", passed, "cross no"},
		"failed-other":          {"This was reported as failed", known, "cross no"},
		"decided-then-answered": {"This was reported as failed", known, "cross no"},
		"settled":               {"This is already settled", "There is nothing left for you to do.", "dash"},
		"settled-stored":        {"This is already settled", "There is nothing left for you to do.", "dash"},
		"answered":              {"Thank you, your answer is in", passed, "check ok"},
		"answered-stored":       {"Your answer is stored", safe, "arrow ok"},
		"on-its-way-yours":      {"Your decision is stored", safe, "arrow ok"},
		"on-its-way-other":      {"This has been decided", stored, "arrow"},
		"on-its-way-confirmed":  {"Your answer is stored", safe, "arrow ok"},
		"on-its-way-failed":     {"A failure has been reported", stored, "arrow"},
		"on-its-way-failed-you": {"Your report of a failure has been saved", safe, "arrow"},
		"on-its-way-answered":   {"This has been answered", stored, "arrow"},
		"on-its-way-rejected":   {"Your decision is stored", safe, "arrow"},
		"failed-with-text":      {"You reported this as failed", passed, "cross no"},
		"waiting-failure-about": {"Import of March", "Pressing the button below reports this as failed.", ""},
		"too-late":              {"It is too late for this", "The time for this has run out, so nothing can be decided here any more. If it still matters, please ask whoever sent you the link.", "clock note"},
		"cancelled":             {"This is no longer needed", "Whoever asked for it has withdrawn the request. There is nothing for you to do.", "dash"},
		"task-closed":           {"Nobody is waiting for this any more", "The work that asked for this has ended in the meantime, so an answer can no longer be passed on. If that surprises you, please ask whoever sent you the link.", "dash"},
		"link-closed":           {"This link no longer works", "It was withdrawn, or a wrong code was entered too often. If your answer is still wanted, please ask whoever sent you the link how to give it.", "cross"},
		"not-taken":             {"This could not be passed on", "The workflow that asked for this would not accept the answer, and trying again will not help. Please tell whoever sent you the link.", "warning note"},
		"too-much":              {"This is too long", "You wrote more than can be passed on, and nothing has been decided. Go back, shorten it, and press the button again.", "warning note"},
		"trouble-posted":        {"Something went wrong on our side", "Please wait a moment, then reload this page: your browser sends what you entered once more. Should it have arrived already, it does not count twice.", "warning note"},
		"unknown":               {"We do not know this link", "Perhaps it was cut off when it was copied: open it once more from the message that you were sent. It may also be so old that it has been removed.", "question"},
		"trouble":               {"Something went wrong on our side", "Please wait a moment and try again.", "warning note"},
		"trouble-retry":         {"Something went wrong on our side", "What you entered is kept below. Please wait a moment and try again. Should it have arrived already, it does not count twice.", "warning note"},
		"unreadable":            {"This could not be read", "What your browser sent could not be read, and nothing has been decided. Please open the link again and try once more; if that does not help, try another browser.", "warning note"},
		"for-programs":          {"This link is for programs", "A program reports something with it, so opening it in a browser does nothing, and nothing has happened. If you were asked to decide or to confirm something, please ask whoever sent you the link for the right one.", "dash"},
		"foreign-site":          {"This did not come from our page", "The form was sent from another website, so it was refused and nothing was decided. If you want to decide, open the link from the message that you were sent.", "warning note"},
		"alive":                 {"Thank you, that is noted", "It is now known that the work goes on. When you want to say so again, open this link once more.", "check ok"},
	}
	p := pagesOf(t, Brand{})
	symbols := map[string]string{} // path by name
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			root := parse(t, render(t, p, "en", s.page))
			got := words{heading: prose(one(t, root, "h1"))}
			for _, n := range class(root, "lead") {
				got.lead += prose(n)
			}
			for _, n := range class(root, "symbol") {
				same(t, "aria-hidden", value(one(t, n, "svg"), "aria-hidden"), "true")
				v, err := p.view(p.languages.all[0], s.page)
				if err != nil {
					t.Fatal(err)
				}
				got.symbol = v.Symbol.Name
				if v.Symbol.Tone != "" {
					got.symbol += " " + v.Symbol.Tone
				}
				symbols[v.Symbol.Name] = value(one(t, n, "path"), "d")
			}
			same(t, "words", got, want[s.name])
			delete(want, s.name)
		})
	}
	same(t, "states without a sample", len(want), 0)
	paths := map[string]bool{}
	for _, path := range symbols {
		paths[path] = true
	}
	same(t, "symbols that look the same", len(symbols)-len(paths), 0)
}

// TestParts tells what is on a page beside its first words.
func TestParts(t *testing.T) {
	p := pagesOf(t, Brand{Name: "Acme Billing"})
	pages := map[string]Page{}
	for _, s := range samples() {
		pages[s.name] = s.page
	}
	for name, texts := range map[string][]string{
		"waiting": {"Acme Billing", "Open until 26 November 2026, 16:30 UTC", "The release is through all checks on staging.",
			"Service billing Change https://git.example.com/billing/compare/4.1.9...4.2.0 Asked by Release workflow",
			"You decide as Dana Okafor.", "This cannot be taken back.", "Reference: k5f2abcd"},
		"waiting-quorum": {"1 of 3 approvals are in", "1 of 2 rejections are in",
			"Who decided Lee Brandt approved 24 November 2026, 08:05 UTC"},
		"waiting-heartbeat": {"You answer as Dana Okafor."},
		"waiting-code":      {"Six digits that you were sent by another way than this link."},
		"counted": {"1 of 3 approvals are in", "You approved (Dana Okafor) 24 November 2026, 09:05 UTC",
			"Open until 26 November 2026, 16:30 UTC", "Deploy 4.2.0 to production? The release"},
		"decided-yours":   {"Thank you. The release starts within five minutes.", "Continue to status.example.com"},
		"rejected-other":  {"You approved (Dana Okafor) 24 November 2026, 09:05 UTC Lee Brandt rejected 24 November 2026, 09:05 UTC"},
		"confirmed-yours": {"What has happened You confirmed it 24 November 2026"},
		"failed-other":    {"What has happened This was reported as failed 24 November 2026"},
		"answered":        {"The import has begun."},
		"too-late":        {"Was open until 26 November 2026, 16:30 UTC"},
	} {
		says(t, parse(t, render(t, p, "en", pages[name])), texts...)
	}
	same(t, "until, when that is over", len(find(parse(t, render(t, p, "en", pages["cancelled"])), "time")), 0)
	same(t, "finality of a heartbeat", len(class(parse(t, render(t, p, "en", pages["waiting-heartbeat"])), "final")), 0)
	same(t, "title, said once", strings.Count(prose(one(t, parse(t, render(t, p, "en", pages["waiting"])), "main")), "Deploy 4.2.0"), 1)
	again := one(t, one(t, parse(t, render(t, p, "en", pages["trouble"])), "main"), "a")
	same(t, "try again", []string{prose(again), value(again, "href")}, []string{"Try again", ""})
}

func TestProgress(t *testing.T) {
	for name, test := range map[string]struct {
		progress Progress
		want     []string
		full     int
		dots     int
	}{
		"one of one":      {Progress{Required: 1, Approved: 1, Rejections: 1}, nil, 0, 0},
		"one of two":      {Progress{Required: 2, Approved: 1, Rejections: 1}, []string{"1 of 2 approvals are in"}, 1, 2},
		"none rejected":   {Progress{Required: 2, Rejections: 2}, []string{"0 of 2 approvals are in"}, 0, 2},
		"rejections only": {Progress{Required: 1, Rejections: 3, Rejected: 2}, []string{"2 of 3 rejections are in"}, 2, 3},
		"one ends it":     {Progress{Required: 2, Approved: 1, Rejections: 1, Rejected: 1}, []string{"1 of 2 approvals are in"}, 1, 2},
		"a crowd":         {Progress{Required: 30, Approved: 29}, []string{"29 of 30 approvals are in"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			page := with(about(Counted), func(p *Page) { p.Progress = &test.progress })
			root := parse(t, render(t, pagesOf(t, Brand{}), "en", page))
			var got []string
			for _, box := range class(root, "progress") {
				for _, line := range find(box, "p") {
					got = append(got, prose(line))
				}
			}
			same(t, "lines", got, test.want)
			same(t, "full", len(class(root, "full")), test.full)
			same(t, "dots", len(find(root, "i")), test.dots)
		})
	}
}

// TestLinksFromOutside tells what is shown as a link, and what only as text.
func TestLinksFromOutside(t *testing.T) {
	p := pagesOf(t, Brand{})
	for value, link := range map[string]string{
		"https://status.example.com/x?y=1#z":  "status.example.com",
		"https://status.example.com:8443":     "status.example.com:8443",
		"HTTPS://Status.example.com":          "Status.example.com",
		"http://status.example.com":           "",
		"https://bank.example@evil.example/":  "",
		"https://a:b@evil.example/":           "",
		"https://":                            "",
		"https:status.example.com":            "",
		"//status.example.com":                "",
		"javascript:alert(1)":                 "",
		"data:text/html,<script>1</script>":   "",
		"see https://status.example.com":      "",
		"https://status.example.com and more": "",
		"\nhttps://status.example.com":        "",
	} {
		page := Page{State: Decided, Redirect: value, Details: []Detail{{"Where", value}}}
		links := find(one(t, parse(t, render(t, p, "en", page)), "main"), "a")
		if link == "" {
			same(t, "links of "+value, len(links), 0)
			continue
		}
		if len(links) != 2 {
			t.Errorf("%s: %d links", value, len(links))
			continue
		}
		same(t, "detail", prose(links[0]), value)
		same(t, "redirect", prose(links[1]), "Continue to "+link)
	}
}

// TestUTC holds that a time is told in UTC, whatever zone it comes in.
func TestUTC(t *testing.T) {
	page := with(about(TooLate), func(p *Page) { p.Until = until.In(time.FixedZone("", 2*60*60)) })
	root := parse(t, render(t, pagesOf(t, Brand{}), "de", page))
	n := one(t, root, "time")
	same(t, "time", []string{value(n, "datetime"), prose(n)}, []string{"2026-11-26T16:30:00Z", "26. November 2026, 16:30 UTC"})
}
