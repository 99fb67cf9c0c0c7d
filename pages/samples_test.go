package pages

import (
	"net/url"
	"time"
)

// sample is a named page.
type sample struct {
	name string
	page Page
}

var (
	until   = time.Date(2026, time.November, 26, 16, 30, 0, 0, time.UTC)
	decided = time.Date(2026, time.November, 24, 9, 5, 0, 0, time.UTC)
	now     = time.Date(2026, time.November, 24, 11, 20, 0, 0, time.UTC)
)

const message = `The release is through all checks on **staging**.

- Migrations take about 20 seconds.
- Invoices are paused while they run.

If in doubt, ask in [the channel](https://chat.example.com/releases).`

// about returns a page with the texts that an author usually writes.
func about(state State) Page {
	return Page{
		State: state, Title: "Deploy 4.2.0 to production?", Message: message, Reference: "k5f2abcd",
		Details: []Detail{
			{Name: "Service", Value: "billing"},
			{Name: "Change", Value: "https://git.example.com/billing/compare/4.1.9...4.2.0"},
			{Name: "Runbook", Value: "How to roll back", URL: "https://wiki.example.com/rollback"},
			{Name: "In doubt", Value: "oncall@example.com"},
		},
		Requester: "Jordan Vale, jordan.vale@example.com", Requested: decided.Add(-24 * time.Hour),
		Until: until, Now: now,
	}
}

func approval() *Form {
	return &Form{Action: ActionApproval, Nonce: "n0nce", Approver: "Dana Okafor", Comment: "required-on-reject",
		ApproveLabel: "Deploy", RejectLabel: "Not now"}
}

func allFields() []Field {
	return []Field{
		{Name: "reason", Label: "Reason", Help: "One line, for the change log.", Kind: "text", Required: true, MaxLength: 80},
		{Name: "plan", Label: "What to do if it fails", Kind: "longtext"},
		{Name: "seats", Label: "Seats", Kind: "integer", Required: true, Minimum: "1", Maximum: "500"},
		{Name: "budget", Label: "Budget in euros", Kind: "number"},
		{Name: "region", Label: "Region", Kind: "choice", Required: true, Choices: []Choice{{"eu", "Europe"}, {"us", "America"}, {Value: "ap"}}},
		{Name: "start", Label: "Start", Kind: "date", Minimum: "2026-11-24"},
		{Name: "notify", Label: "Tell the customers", Kind: "boolean", Default: "true"},
	}
}

// several is a field with several choices.
var several = Field{Name: "regions", Label: "Regions", Help: "Where it goes first.", Kind: "choices", Required: true,
	Choices: []Choice{{"eu", "Europe"}, {"us", "America"}, {Value: "ap"}}}

// answers are more answers than two.
func answers() []Answer {
	return []Answer{
		{Value: "canary", Label: "Canary first", Style: "main"}, {Value: "ask-finance", Label: "Ask finance"},
		{Value: "freeze", Label: "Freeze all deployments", Style: "danger"},
	}
}

// formats are inputs for texts of a format.
func formats() []Field {
	return []Field{
		{Name: "window", Label: "Maintenance window", Kind: "datetime", Default: "2026-12-01T22:00"},
		{Name: "until", Label: "Back by", Kind: "time"},
		{Name: "contact", Label: "Who to ask", Kind: "email", MaxLength: 80},
		{Name: "ticket", Label: "Ticket", Help: "Its address.", Kind: "url", Required: true},
	}
}

func with(page Page, changes ...func(*Page)) Page {
	for _, change := range changes {
		change(&page)
	}
	return page
}

func decisions(all ...Decision) func(*Page) {
	return func(p *Page) { p.Decisions = all }
}

func form(f *Form) func(*Page) { return func(p *Page) { p.Form = f } }

func plain(p *Page) { *p = Page{State: p.State, Form: p.Form, Reference: p.Reference} }

func fewer(p *Page) { p.Details = p.Details[:2] }

// noClock leaves out what a page did not know before.
func noClock(p *Page) { p.Requester, p.Requested, p.Now = "", time.Time{}, time.Time{} }

// samples returns pages with every state, and with every part that a page can have.
func samples() []sample {
	dana := Decision{Approved: true, Approver: "Dana Okafor", Yours: true, At: decided}
	lee := Decision{Approved: true, Approver: "Lee Brandt", At: decided.Add(-time.Hour)}
	kim := Decision{Approved: true, Approver: "Kim", Typed: true, At: decided}
	no := Decision{Approver: "Lee Brandt", At: decided}
	only := func(a Action, yours bool) Decision { return Decision{Action: a, Yours: yours, At: decided} }
	button := func(a Action) *Form { return &Form{Action: a, Nonce: "n0nce"} }
	typed := url.Values{"nonce": {"old"}, "decision": {"rejected"}, "approver": {"Dana"}, "comment": {"Not before Monday,\nplease"},
		"field.reason": {"<b>late</b>"}, "field.seats": {"many"}, "field.region": {"us"}, "field.start": {"tomorrow"}, "confirm": {"deploy"}}
	full := &Form{Nonce: "n0nce", Comment: "required", Fields: allFields(), Confirm: "word", Word: "production"}
	wrong := *full
	wrong.Values = typed
	wrong.Problems = []Problem{{"field.seats", "not-a-number", ""}, {"field.start", "not-a-date", ""}, {"confirm", "wrong-word", ""}}
	stale := *approval()
	stale.Stale, stale.Values = true, typed
	code := &Form{Approver: "Dana Okafor", Comment: "optional", Confirm: "code", Problems: []Problem{{"confirm", "wrong-code", "3"}}}
	quorum := func(p *Page) { p.Progress = &Progress{Required: 3, Approved: 1} }
	back := *approval()
	back.Declined, back.NotForMe = decided, true
	more := approval()
	more.Answers, more.NotForMe, more.Fields = answers(), true, []Field{several}
	picked := *more
	picked.Values = url.Values{"nonce": {"old"}, "field.regions": {"us", "ap"}, "note": {"Ask Kim"}}
	picked.Problems = []Problem{{"field.regions", "not-a-choice", ""}, {"note", "too-long", "500"}}
	chosen := Decision{Approved: true, Choice: "Ask finance", Approver: "Dana Okafor", Yours: true, At: decided, Comment: "Above my limit.\n<b>Please</b> look at it."}
	otherChose := Decision{Approved: true, Choice: "Ask finance", Approver: "Lee Brandt", At: decided}
	lee.Comment = "Tests are green.\nGo."

	return []sample{
		{"waiting", with(about(Waiting), form(approval()))},
		{"waiting-no-clock", with(about(Waiting), noClock, form(approval()))},
		{"waiting-choices", with(about(Waiting), form(more))},
		{"waiting-choices-wrong", with(about(Waiting), form(&picked))},
		{"waiting-declined", with(about(Waiting), form(&back))},
		{"details", with(about(Counted), func(p *Page) {
			p.Details = []Detail{{Name: "Rollback tested", Value: "true", Boolean: true}, {Name: "Customers told", Value: "false", Boolean: true}}
		})},
		{"waiting-success-about", with(about(Waiting), form(button(ActionSuccess)))},
		{"waiting-quorum", with(about(Waiting), form(approval()), decisions(lee), func(p *Page) {
			p.Progress = &Progress{Required: 3, Approved: 1, Rejections: 2, Rejected: 1}
		})},
		{"waiting-full", with(about(Waiting), form(full), fewer)},
		{"waiting-formats", with(about(Waiting), form(&Form{Fields: formats()}))},
		{"waiting-wrong", with(about(Waiting), form(&wrong), fewer)},
		{"waiting-stale", with(about(Waiting), form(&stale))},
		{"waiting-code", with(about(Waiting), form(code))},
		{"waiting-bare", with(about(Waiting), plain, form(&Form{}))},
		{"waiting-success", with(about(Waiting), plain, form(button(ActionSuccess)))},
		{"waiting-failure", with(about(Waiting), plain, form(button(ActionFailure)))},
		{"waiting-failure-about", with(about(Waiting), form(button(ActionFailure)), func(p *Page) {
			p.Title, p.Message = "Import of March", "Did the import work?"
		})},
		{"waiting-heartbeat", with(about(Waiting), plain, form(&Form{Action: ActionHeartbeat, Approver: "Dana Okafor"}))},
		{"counted", with(about(Counted), quorum, decisions(dana))},
		{"counted-rejected", with(about(Counted), decisions(lee, Decision{Yours: true, At: decided}))},
		{"counted-bare", with(about(Counted), plain)},
		{"declined", about(Declined)},
		{"chosen-yours", with(about(Decided), decisions(chosen))},
		{"chosen-other", with(about(Decided), decisions(otherChose))},
		{"on-its-way-chosen", with(about(OnItsWay), decisions(chosen))},
		{"on-its-way-chosen-other", with(about(OnItsWay), decisions(otherChose))},
		{"on-its-way-approved", with(about(OnItsWay), decisions(lee))},
		{"decided-no-clock", with(about(Decided), noClock, decisions(dana))},
		{"decided-yours", with(about(Decided), decisions(dana), func(p *Page) {
			p.Text, p.Redirect = "Thank you.\nThe release starts within five minutes.", "https://status.example.com/releases/4.2.0"
		})},
		{"decided-other", with(about(Decided), decisions(lee))},
		{"decided-typed", with(about(Decided), decisions(kim))},
		{"rejected-yours", with(about(Decided), decisions(lee, Decision{Yours: true, Approver: "Dana Okafor", At: decided}))},
		{"rejected-other", with(about(Decided), decisions(dana, no))},
		{"confirmed-yours", with(about(Decided), decisions(only(ActionSuccess, true)))},
		{"confirmed-other", with(about(Decided), decisions(only(ActionSuccess, false)))},
		{"failed-yours", with(about(Decided), decisions(only(ActionFailure, true)))},
		{"failed-other", with(about(Decided), decisions(only(ActionFailure, false)))},
		{"settled", about(Decided)},
		{"settled-stored", about(OnItsWay)},
		{"answered", Page{State: Decided, Text: "The import has begun.", Reference: "k5f2abcd"}},
		{"answered-stored", Page{State: OnItsWay, Text: "The import has begun.", Reference: "k5f2abcd"}},
		{"decided-then-answered", with(about(Decided), decisions(lee, only(ActionFailure, false)))},
		{"on-its-way-yours", with(about(OnItsWay), decisions(dana))},
		{"on-its-way-other", with(about(OnItsWay), decisions(no))},
		{"on-its-way-confirmed", with(about(OnItsWay), decisions(only(ActionSuccess, true)))},
		{"on-its-way-failed", with(about(OnItsWay), decisions(only(ActionFailure, false)))},
		{"on-its-way-failed-you", with(about(OnItsWay), decisions(only(ActionFailure, true)))},
		{"on-its-way-answered", with(about(OnItsWay), decisions(only(ActionSuccess, false)))},
		{"on-its-way-rejected", with(about(OnItsWay), decisions(Decision{Yours: true, At: decided}))},
		{"failed-with-text", Page{State: Decided, Text: "The partner has been told.", Decisions: []Decision{{Action: ActionFailure, Yours: true}}}},
		{"too-late", with(about(TooLate), func(p *Page) { p.Now = until.Add(3 * time.Hour) })},
		{"too-late-no-clock", with(about(TooLate), noClock)},
		{"cancelled", about(Cancelled)},
		{"task-closed", about(TaskClosed)},
		{"not-taken", about(NotTaken)},
		{"link-closed", Page{State: LinkClosed, Reference: "k5f2abcd"}},
		{"unknown", Page{State: Unknown}},
		{"trouble", Page{State: Trouble, Reference: "k5f2abcd"}},
		{"trouble-retry", Page{State: Trouble, Reference: "k5f2abcd", Form: &Form{Nonce: "n0nce", Values: typed}}},
		{"trouble-posted", Page{State: Trouble, Reference: "k5f2abcd", Posted: true}},
		{"too-much", Page{State: TooMuch}},
		{"foreign-site", Page{State: ForeignSite}},
		{"sign-in", about(SignIn)},
		{"not-you", with(about(NotYou), func(p *Page) { p.For, p.SignedIn = "Dana Okafor", "Lee Brandt (lee@example.com)" })},
		{"used", with(about(Used), decisions(lee), func(p *Page) { p.SignedIn = "Dana Okafor (dana@example.com)" })},
		{"not-by-you", with(about(NotByYou), func(p *Page) { p.SignedIn = "Ana Lima (ana@example.com)" })},
		{"no-address", with(about(NoAddress), func(p *Page) { p.SignedIn = "Ana Lima" })},
		{"unreadable", Page{State: Unreadable}},
		{"for-programs", Page{State: ForPrograms}},
		{"alive", with(about(Alive), func(p *Page) { p.Message, p.Details = "", nil })},
	}
}
