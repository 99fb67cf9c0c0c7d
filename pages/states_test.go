package pages

import (
	"strings"
	"testing"
	"time"
)

// TestStates checks the first words and the symbol of each page.
func TestStates(t *testing.T) {
	type words struct{ heading, lead, symbol string }
	const (
		done   = "Your decision is final and has been passed on. You can close this page."
		final  = "The decision is final. You do not need to do anything."
		passed = "Your answer has been passed on. You can close this page."
		known  = "The answer has been passed on. You do not need to do anything."
		safe   = "It is safe and is being passed on. You can close this page."
		stored = "It has been saved and is being passed on. You do not need to do anything."
	)
	want := map[string]words{
		"waiting":               {"Deploy 4.2.0 to production?", "", ""},
		"waiting-quorum":        {"Deploy 4.2.0 to production?", "", ""},
		"waiting-full":          {"Deploy 4.2.0 to production?", "", ""},
		"waiting-wrong":         {"Deploy 4.2.0 to production?", "", ""},
		"waiting-formats":       {"Deploy 4.2.0 to production?", "", ""},
		"waiting-stale":         {"Deploy 4.2.0 to production?", "", ""},
		"waiting-code":          {"Deploy 4.2.0 to production?", "", ""},
		"waiting-bare":          {"Your decision is needed", "", ""},
		"waiting-success":       {"Please confirm", "Press the button below to confirm that this is done.", ""},
		"waiting-failure":       {"Has this failed?", "Pressing the button below reports this as failed.", ""},
		"waiting-heartbeat":     {"Is this still in progress?", "Press the button below to say that work is continuing. You can do this as often as you like.", ""},
		"counted":               {"We have received your decision", "Other people still have to decide. You can close this page.", "check ok"},
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
		"settled":               {"This is already settled", "You do not need to do anything.", "dash"},
		"settled-stored":        {"This is already settled", "You do not need to do anything.", "dash"},
		"answered":              {"Thank you, we have received your answer", passed, "check ok"},
		"answered-stored":       {"Your answer has been saved", safe, "arrow ok"},
		"on-its-way-yours":      {"Your decision has been saved", safe, "arrow ok"},
		"on-its-way-other":      {"This has been decided", stored, "arrow"},
		"on-its-way-confirmed":  {"Your answer has been saved", safe, "arrow ok"},
		"on-its-way-failed":     {"A failure has been reported", stored, "arrow"},
		"on-its-way-failed-you": {"Your report of a failure has been saved", safe, "arrow"},
		"on-its-way-answered":   {"This has been answered", stored, "arrow"},
		"on-its-way-rejected":   {"Your decision has been saved", safe, "arrow"},
		"failed-with-text":      {"You reported this as failed", passed, "cross no"},
		"waiting-failure-about": {"Import of March", "Pressing the button below reports this as failed.", ""},
		"too-late":              {"The deadline has passed", "A decision can no longer be made here. If it still matters, please ask the person who sent you the link.", "clock note"},
		"cancelled":             {"This is no longer needed", "The request has been withdrawn. You do not need to do anything.", "dash"},
		"task-closed":           {"This answer is no longer needed", "The process that asked for this has ended in the meantime, so your answer can no longer be used. If this surprises you, please ask the person who sent you the link.", "dash"},
		"link-closed":           {"This link no longer works", "It was withdrawn, or a wrong code was entered too many times. If your answer is still needed, please ask the person who sent you the link.", "cross"},
		"not-taken":             {"This could not be passed on", "The system that asked for this did not accept the answer, and trying again will not help. Please tell the person who sent you the link.", "warning note"},
		"too-much":              {"This is too long", "You wrote more than we can pass on, and nothing has been decided. Go back, shorten your text, and press the button again.", "warning note"},
		"trouble-posted":        {"Something went wrong on our side", "Please wait a moment, then reload this page: your browser will send your answer again. If it has already arrived, it will not be counted twice.", "warning note"},
		"unknown":               {"This link is not valid", "It may have been cut off when it was copied: open it again from the message you received. Very old links are removed, too.", "question"},
		"trouble":               {"Something went wrong on our side", "Please wait a moment and try again.", "warning note"},
		"trouble-retry":         {"Something went wrong on our side", "Your entries are still here. Please wait a moment and try again. If your answer has already arrived, it will not be counted twice.", "warning note"},
		"unreadable":            {"This could not be read", "We could not read what your browser sent, and nothing has been decided. Please open the link again. If that does not help, try another browser.", "warning note"},
		"for-programs":          {"This link is for programs", "Programs use this link to report something. Opening it in a browser does nothing, and nothing has happened. If you were asked to decide or to confirm something, please ask the person who sent you the link for the right one.", "dash"},
		"foreign-site":          {"This did not come from this website", "The form was sent from another website, so we refused it, and nothing has been decided. To decide, open the link from the message you received.", "warning note"},
		"alive":                 {"Thank you, we have noted that", "We have noted that work is continuing. To report it again, reopen this link.", "check ok"},
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

// TestParts checks the other parts of a page.
func TestParts(t *testing.T) {
	p := pagesOf(t, Brand{Name: "Acme Billing"})
	pages := map[string]Page{}
	for _, s := range samples() {
		pages[s.name] = s.page
	}
	for name, texts := range map[string][]string{
		"waiting": {"Acme Billing", "Open until 26 November 2026, 16:30 UTC", "The release is through all checks on staging.",
			"Service billing Change https://git.example.com/billing/compare/4.1.9...4.2.0 Asked by Release workflow",
			"You are deciding as Dana Okafor.", "This cannot be undone.", "Reference: k5f2abcd"},
		"waiting-quorum": {"1 of 3 approvals received", "1 of 2 rejections received",
			"Who decided Lee Brandt approved 24 November 2026, 08:05 UTC"},
		"waiting-heartbeat": {"You are answering as Dana Okafor."},
		"waiting-code":      {"The six-digit code that was sent to you separately."},
		"counted": {"1 of 3 approvals received", "You approved (Dana Okafor) 24 November 2026, 09:05 UTC",
			"Open until 26 November 2026, 16:30 UTC", "Deploy 4.2.0 to production? The release"},
		"decided-yours":   {"Thank you. The release starts within five minutes.", "Continue to status.example.com"},
		"rejected-other":  {"You approved (Dana Okafor) 24 November 2026, 09:05 UTC Lee Brandt rejected 24 November 2026, 09:05 UTC"},
		"confirmed-yours": {"What happened You confirmed it 24 November 2026"},
		"failed-other":    {"What happened This was reported as failed 24 November 2026"},
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
		"one of two":      {Progress{Required: 2, Approved: 1, Rejections: 1}, []string{"1 of 2 approvals received"}, 1, 2},
		"none rejected":   {Progress{Required: 2, Rejections: 2}, []string{"0 of 2 approvals received"}, 0, 2},
		"rejections only": {Progress{Required: 1, Rejections: 3, Rejected: 2}, []string{"2 of 3 rejections received"}, 2, 3},
		"one ends it":     {Progress{Required: 2, Approved: 1, Rejections: 1, Rejected: 1}, []string{"1 of 2 approvals received"}, 1, 2},
		"a crowd":         {Progress{Required: 30, Approved: 29}, []string{"29 of 30 approvals received"}, 0, 0},
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

// TestLinksFromOutside checks what is shown as a link, and what only as text.
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

// TestUTC holds that a time is shown in UTC, whatever its zone.
func TestUTC(t *testing.T) {
	page := with(about(TooLate), func(p *Page) { p.Until = until.In(time.FixedZone("", 2*60*60)) })
	root := parse(t, render(t, pagesOf(t, Brand{}), "de", page))
	n := one(t, root, "time")
	same(t, "time", []string{value(n, "datetime"), prose(n)}, []string{"2026-11-26T16:30:00Z", "26. November 2026, 16:30 UTC"})
}
