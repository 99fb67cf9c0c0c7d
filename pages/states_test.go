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
		others = "Other people still have to decide. You can close this page."
		late   = "This can no longer be answered here. If it still matters, please ask the person who sent you the link."
		stored = "It has been saved and is being passed on. You do not need to do anything."
	)
	want := map[string]words{
		"waiting":                 {"Deploy 4.2.0 to production?", "", ""},
		"waiting-no-clock":        {"Deploy 4.2.0 to production?", "", ""},
		"waiting-choices":         {"Deploy 4.2.0 to production?", "", ""},
		"waiting-choices-wrong":   {"Deploy 4.2.0 to production?", "", ""},
		"waiting-declined":        {"Deploy 4.2.0 to production?", "", ""},
		"details":                 {"We have received your decision", others, "dots ok"},
		"waiting-quorum":          {"Deploy 4.2.0 to production?", "", ""},
		"waiting-full":            {"Deploy 4.2.0 to production?", "", ""},
		"waiting-wrong":           {"Deploy 4.2.0 to production?", "", ""},
		"waiting-formats":         {"Deploy 4.2.0 to production?", "", ""},
		"waiting-stale":           {"Deploy 4.2.0 to production?", "", ""},
		"waiting-code":            {"Deploy 4.2.0 to production?", "", ""},
		"waiting-success-about":   {"Deploy 4.2.0 to production?", "Press the button below to confirm that this is done.", ""},
		"waiting-failure-about":   {"Import of March", "Pressing the button below reports this as failed.", ""},
		"waiting-bare":            {"Your decision is needed", "", "pen"},
		"waiting-success":         {"Please confirm", "Press the button below to confirm that this is done.", "check ok"},
		"waiting-failure":         {"Has this failed?", "Pressing the button below reports this as failed.", "warning no"},
		"waiting-heartbeat":       {"Is this still in progress?", "Press the button below to say that work is continuing. You can do this as often as you like.", "pulse"},
		"counted":                 {"Your approval has been counted", others, "dots ok"},
		"counted-rejected":        {"Your rejection has been counted", others, "dots no"},
		"counted-bare":            {"We have received your decision", others, "dots ok"},
		"declined":                {"Noted: this is not for you", "The request stays open. If it is for you after all, open this link again.", "leave"},
		"decided-yours":           {"You approved this", done, "check ok"},
		"decided-no-clock":        {"You approved this", done, "check ok"},
		"decided-other":           {"This was approved", final, "check ok"},
		"decided-typed":           {"This was approved", final, "check ok"},
		"chosen-yours":            {"You chose “Ask finance”", done, "bubble pick"},
		"chosen-other":            {"The answer is “Ask finance”", final, "bubble pick"},
		"rejected-yours":          {"You rejected this", done, "cross no"},
		"rejected-other":          {"This was rejected", final, "cross no"},
		"confirmed-yours":         {"You confirmed this", passed, "check ok"},
		"confirmed-other":         {"This was confirmed", known, "check ok"},
		"failed-yours":            {"You reported this as failed", passed, "warning no"},
		"failed-other":            {"This was reported as failed", known, "warning no"},
		"failed-with-text":        {"You reported this as failed", passed, "warning no"},
		"decided-then-answered":   {"This was reported as failed", known, "warning no"},
		"settled":                 {"This is already settled", "You do not need to do anything.", "dash"},
		"settled-stored":          {"This is already settled", "You do not need to do anything.", "dash"},
		"answered":                {"Thank you, we have received your answer", passed, "check ok"},
		"answered-stored":         {"Your answer has been saved", safe, "arrow"},
		"on-its-way-yours":        {"Your approval has been saved", safe, "arrow"},
		"on-its-way-approved":     {"Approved, and being passed on", stored, "arrow"},
		"on-its-way-rejected":     {"Your rejection has been saved", safe, "arrow"},
		"on-its-way-other":        {"Rejected, and being passed on", stored, "arrow"},
		"on-its-way-chosen":       {"Your answer “Ask finance” has been saved", safe, "arrow"},
		"on-its-way-chosen-other": {"“Ask finance” was chosen, and is being passed on", stored, "arrow"},
		"on-its-way-confirmed":    {"Your confirmation has been saved", safe, "arrow"},
		"on-its-way-answered":     {"Confirmed, and being passed on", stored, "arrow"},
		"on-its-way-failed":       {"Reported as failed, and being passed on", stored, "arrow"},
		"on-its-way-failed-you":   {"Your report of a failure has been saved", safe, "arrow"},
		"sign-in":                 {"This page could not tell who you are", "Only people who are signed in can decide here. Nothing has been decided. Open the link in the browser in which you usually sign in. If that does not help, please tell the person who sent you the link.", "lock note"},
		"not-you":                 {"This is for someone else", "You can read this, but only the person it was sent to can decide. Nothing has been decided. If it was sent to you, sign in with the account that has this name or mail address.", "leave note"},
		"not-by-you":              {"Someone else has to decide this", "This request excludes you from deciding, for example because you asked for it. Nothing has been decided.", "leave note"},
		"no-address":              {"We cannot tell whether you may decide", "Who may decide here depends on the mail address, and the sign-in service does not tell us yours. Nothing has been decided. Please ask the person who sent you the link.", "question note"},
		"used":                    {"This link has been used", "Someone else has decided through it, and each link takes one decision. If you have to decide too, please ask the person who sent you the link for one of your own.", "lock note"},
		"too-late":                {"The deadline has passed", late, "clock note"},
		"too-late-no-clock":       {"The deadline has passed", late, "clock note"},
		"alive":                   {"Noted: still in progress", "The task stays open. To report it again, reopen this link.", "pulse ok"},
		"cancelled":               {"This is no longer needed", "The request has been withdrawn. You do not need to do anything.", "dash"},
		"task-closed":             {"This answer is no longer needed", "The process that asked for this has ended in the meantime, so your answer can no longer be used. If this surprises you, please ask the person who sent you the link.", "dash"},
		"link-closed":             {"This link no longer works", "It was withdrawn, or a wrong code was entered too many times. If your answer is still needed, please ask the person who sent you the link.", "lock"},
		"not-taken":               {"This could not be passed on", "The system that asked for this did not accept the answer, and trying again will not help. Please tell the person who sent you the link.", "broken note"},
		"too-much":                {"This is too long", "You wrote more than we can pass on, so your answer does not count yet. Go back, shorten your text, and press the button again.", "again note"},
		"trouble-posted":          {"Something went wrong on our side", "Please wait a moment, then reload this page: your browser will send your answer again. If it has already arrived, it will not be counted twice.", "again note"},
		"unknown":                 {"This link is not valid", "It may have been cut off when it was copied: open it again from the message you received. Very old links are removed, too.", "question"},
		"trouble":                 {"Something went wrong on our side", "Please wait a moment and try again.", "again note"},
		"trouble-retry":           {"Something went wrong on our side", "Your entries are still here. Please wait a moment and try again. If your answer has already arrived, it will not be counted twice.", "again note"},
		"unreadable":              {"This could not be read", "We could not read what your browser sent, so your answer does not count yet. Please open the link again. If that does not help, try another browser.", "again note"},
		"for-programs":            {"This link is for programs", "Programs use this link to report something. Opening it in a browser does nothing, and nothing has happened. If you were asked to decide or to confirm something, please ask the person who sent you the link for the right one.", "dash"},
		"foreign-site":            {"This did not come from this website", "The form was sent from another website, so we refused it, and your answer does not count. To answer, open the link from the message you received.", "lock note"},
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
				got.symbol = strings.TrimSpace(v.Symbol + " " + v.Tone)
				symbols[v.Symbol] = value(one(t, n, "path"), "d")
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
		"waiting": {"Acme Billing", "Open for 2 more days (until Thu 26 Nov, 16:30 UTC) Open until 26 November 2026, 16:30 UTC",
			"Requested by Jordan Vale, jordan.vale@example.com 26 hours ago (Mon 23 Nov 2026, 09:05 UTC) 23 November 2026, 09:05 UTC",
			"The release is through all checks on staging.",
			"Service billing Change https://git.example.com/billing/compare/4.1.9...4.2.0 Runbook How to roll back (wiki.example.com) In doubt oncall@example.com",
			"You are deciding as Dana Okafor.", "This cannot be undone.", "Reference: k5f2abcd"},
		"waiting-quorum": {"1 of 3 approvals received", "1 of 2 rejections received",
			"Who decided Lee Brandt approved 3 hours ago (Tue 24 Nov 2026, 08:05 UTC) 24 November 2026, 08:05 UTC Tests are green. Go."},
		"waiting-declined":  {"Someone who opened this link said 2 hours ago (Tue 24 Nov 2026, 09:05 UTC) that it was not for them. If it is for you, you can still answer."},
		"details":           {"Rollback tested Yes", "Customers told No"},
		"waiting-no-clock":  {"Open until 26 November 2026, 16:30 UTC"},
		"waiting-heartbeat": {"You are answering as Dana Okafor."},
		"waiting-code":      {"The six-digit code that was sent to you separately."},
		"counted": {"1 of 3 approvals received", "You approved (Dana Okafor) 2 hours ago (Tue 24 Nov 2026, 09:05 UTC) 24 November 2026, 09:05 UTC",
			"Open for 2 more days", "Deploy 4.2.0 to production? Requested by Jordan Vale", "The release"},
		"decided-yours":     {"Thank you. The release starts within five minutes.", "Continue to status.example.com", "You can print or save this page as a receipt.", "Deadline: Thu 26 Nov, 16:30 UTC"},
		"decided-no-clock":  {"Deadline: 26 November 2026, 16:30 UTC", "You approved (Dana Okafor) 24 November 2026, 09:05 UTC"},
		"chosen-yours":      {"You chose “Ask finance” (Dana Okafor) 2 hours ago", "Above my limit. <b>Please</b> look at it."},
		"chosen-other":      {"Lee Brandt chose “Ask finance”"},
		"rejected-other":    {"You approved (Dana Okafor) 2 hours ago (Tue 24 Nov 2026, 09:05 UTC) 24 November 2026, 09:05 UTC Lee Brandt rejected 2 hours ago"},
		"confirmed-yours":   {"What happened You confirmed it 2 hours ago (Tue 24 Nov 2026, 09:05 UTC)"},
		"failed-other":      {"What happened This was reported as failed 2 hours ago (Tue 24 Nov 2026, 09:05 UTC)"},
		"answered":          {"The import has begun."},
		"too-late":          {"The deadline was 3 hours ago (Thu 26 Nov, 16:30 UTC)"},
		"too-late-no-clock": {"Was open until 26 November 2026, 16:30 UTC"},
		"declined":          {"Open for 2 more days", "Deploy 4.2.0 to production?"},
	} {
		says(t, parse(t, render(t, p, "en", pages[name])), texts...)
	}
	same(t, "time left, when that is over", len(class(parse(t, render(t, p, "en", pages["cancelled"])), "until")), 0)
	for _, name := range []string{"decided-other", "counted-bare"} {
		same(t, "receipts for others", len(class(parse(t, render(t, p, "en", pages[name])), "receipt")), 0)
	}
	same(t, "finality of a heartbeat", len(class(parse(t, render(t, p, "en", pages["waiting-heartbeat"])), "final")), 0)
	same(t, "title, said once", strings.Count(prose(one(t, parse(t, render(t, p, "en", pages["waiting"])), "main")), "Deploy 4.2.0"), 1)
	for _, name := range []string{"trouble", "sign-in"} {
		again := class(parse(t, render(t, p, "en", pages[name])), "button")
		same(t, name+": buttons", len(again), 1)
		same(t, "try again", []string{prose(again[0]), value(again[0], "href")}, []string{"Try again", ""})
	}
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
		page := Page{State: Decided, Redirect: value, Details: []Detail{{Name: "Where", Value: value}}}
		links := find(one(t, parse(t, render(t, p, "en", page)), "main"), "a")
		if link == "" {
			same(t, "links of "+value, len(links), 0)
			continue
		}
		if len(links) != 2 {
			t.Errorf("%s: %d links", value, len(links))
			continue
		}
		same(t, "redirect", prose(links[0]), "Continue to "+link)
		same(t, "detail", prose(links[1]), value)
	}
}

// TestUTC holds that a time is shown in UTC, whatever its zone.
func TestUTC(t *testing.T) {
	page := with(about(TooLate), func(p *Page) { p.Until = until.In(time.FixedZone("", 2*60*60)) })
	root := parse(t, render(t, pagesOf(t, Brand{}), "de", page))
	n := find(one(t, root, "main"), "time")[1]
	same(t, "time", []string{value(n, "datetime"), prose(n)}, []string{"2026-11-26T16:30:00Z", "26. November 2026, 16:30 UTC"})
}

// TestNothingLooksAlike holds that the pages that one callback can show, before and after
// it was used, differ in what is seen first: a symbol or its colour, and the words.
func TestNothingLooksAlike(t *testing.T) {
	pages := map[string]Page{}
	for _, s := range samples() {
		pages[s.name] = s.page
	}
	looks, words := map[string]string{}, map[string]string{}
	for _, name := range []string{
		"waiting", "waiting-success-about", "waiting-failure-same", "waiting-heartbeat-same",
		"decided-yours", "rejected-yours", "chosen-yours", "failed-yours", "alive", "counted", "counted-rejected", "declined",
		"on-its-way-yours", "too-late", "cancelled", "not-taken", "trouble", "link-closed",
	} {
		page := pages[name]
		switch name {
		case "waiting-failure-same":
			page = with(about(Waiting), form(&Form{Action: ActionFailure}))
		case "waiting-heartbeat-same":
			page = with(about(Waiting), form(&Form{Action: ActionHeartbeat}))
		}
		v, err := pagesOf(t, Brand{}).view(mustRead(t), page)
		if err != nil {
			t.Fatal(err)
		}
		look := "big " + v.Symbol + " " + v.Tone
		if v.Kind != nil {
			look = "small " + v.Kind.Symbol + " " + v.Tone
		}
		if other := looks[look]; other != "" {
			t.Errorf("%s looks like %s: %s", name, other, look)
		}
		if other := words[v.Title]; other != "" {
			t.Errorf("%s is called like %s: %s", name, other, v.Title)
		}
		looks[look], words[v.Title] = name, name
	}
}

func mustRead(t *testing.T) *catalogue {
	t.Helper()
	l, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	return l.all[0]
}

// TestAloneStanding holds that every page that knows what it is about says so: who asks,
// what for, until when, and the reference.
func TestAloneStanding(t *testing.T) {
	for _, s := range samples() {
		if s.page.Message != message || len(s.page.Details) < 3 {
			continue
		}
		root := parse(t, render(t, pagesOf(t, Brand{Name: "Acme Billing"}), "en", s.page))
		says(t, root, "Acme Billing", s.page.Title, "The release is through", "billing", "26 Nov", "Reference: k5f2abcd")
		if s.page.Requester != "" {
			says(t, root, "Requested by Jordan Vale, jordan.vale@example.com")
		}
	}
}
