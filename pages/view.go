package pages

import (
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strings"
)

// view is a page in one language. The template only has to print it.
type view struct {
	*catalogue
	Lang, Brand  string
	Title        string // the title in the browser, which screen readers read out first
	Logo         template.URL
	Style        template.CSS
	Script       template.JS
	Heading      string
	Lead         string
	Symbol       *symbol
	Text         string
	Until        template.HTML
	Subject      string // what the page is about, if that is not its heading
	Message      template.HTML
	Details      []detailView
	Progress     []progressView
	Deciders     string // the heading of Decisions
	Decisions    []decisionView
	Form         *formView
	Retry        *retryView
	Reload       bool
	Redirect     string
	RedirectHost string
	Reference    string
}

// symbol shows the state at a glance. It accompanies the words and never replaces
// them.
type symbol struct {
	Name, Tone string
}

type detailView struct {
	Name, Value string
	Link        bool
}

type progressView struct {
	Text    template.HTML
	Dots    []bool
	Against bool // the dots count rejections
}

// simple has the symbols of the states whose words do not depend on who decided what.
var simple = map[State]symbol{
	Counted:     {"check", "ok"},
	TooLate:     {"clock", "note"},
	Cancelled:   {"dash", ""},
	TaskClosed:  {"dash", ""},
	LinkClosed:  {"cross", ""},
	Unknown:     {"question", ""},
	Trouble:     {"warning", "note"},
	TooMuch:     {"warning", "note"},
	NotTaken:    {"warning", "note"},
	ForeignSite: {"warning", "note"},
	Alive:       {"check", "ok"},
	Unreadable:  {"warning", "note"},
	ForPrograms: {"dash", ""},
}

func (p *Pages) view(c *catalogue, page Page) (*view, error) {
	v := &view{
		catalogue: c, Lang: c.lang, Brand: p.brand, Logo: p.logo, Style: p.style, Script: p.script,
		Subject: page.Title, Text: page.Text, Reference: page.Reference,
	}
	if err := v.open(page); err != nil {
		return nil, err
	}
	below := 1
	if v.Subject != "" {
		below = 2
	}
	var err error
	if v.Message, err = p.markdown.html(page.Message, below); err != nil {
		return nil, err
	}
	for _, d := range page.Details {
		_, link := httpsHost(d.Value)
		v.Details = append(v.Details, detailView{d.Name, d.Value, link})
	}
	if host, ok := httpsHost(page.Redirect); ok {
		v.Redirect, v.RedirectHost = page.Redirect, host
	}
	if v.Title = v.Heading; v.Form != nil && len(v.Form.Problems) > 0 {
		problems, err := v.Plain("problems")
		if err != nil {
			return nil, err
		}
		v.Title = problems + ": " + v.Heading
	}
	return v, errors.Join(v.until(page), v.progress(page.Progress), v.decisions(page.Decisions))
}

// open fills in the symbol, the heading and the form of a state.
func (v *view) open(page Page) error {
	switch page.State {
	case Waiting:
		return v.waiting(page)
	case Decided, OnItsWay:
		return v.decided(page)
	}
	s, ok := simple[page.State]
	if !ok {
		return errors.New("no such state")
	}
	v.Symbol = &s
	key, text := string(page.State), ".text"
	if page.State == TooLate {
		key = "late"
	}
	if page.State == Trouble {
		switch {
		case page.Form != nil:
			text = ".text.form"
		case page.Posted:
			text = ".text.posted"
		default:
			v.Reload = true
		}
	}
	err := v.words(key+".title", key+text)
	if err == nil && page.State == Trouble && page.Form != nil {
		v.Retry, err = newRetry(v.catalogue, page.Form)
	}
	return err
}

// words sets the heading and the sentence below it.
func (v *view) words(heading, lead string) (err error) {
	if v.Heading, err = v.Plain(heading); err == nil && lead != "" {
		v.Lead, err = v.Plain(lead)
	}
	return err
}

func (v *view) waiting(page Page) error {
	if page.Form == nil {
		return errors.New("no form")
	}
	action := page.Form.action()
	key, lead := "waiting."+string(action), ""
	if action != ActionApproval {
		lead = key + ".lead"
	}
	if err := v.words(key, lead); err != nil {
		return err
	}
	if page.Title != "" {
		v.Heading, v.Subject = page.Title, ""
	}
	var err error
	v.Form, err = newForm(v.catalogue, page.Form)
	return err
}

// until says how long the link is or was open, if that still matters.
func (v *view) until(page Page) error {
	if page.Until.IsZero() || !slices.Contains([]State{Waiting, Counted, Alive, TooLate}, page.State) {
		return nil
	}
	key := "until"
	if page.State == TooLate {
		key = "until.late"
	}
	t, err := v.Time(page.Until)
	if err == nil {
		v.Until, err = v.T(key, "time", t)
	}
	return err
}

// maxDots is how many people can be counted at a glance.
const maxDots = 12

func (v *view) progress(p *Progress) error {
	if p == nil {
		return nil
	}
	for _, row := range []struct {
		key        string
		in, needed int
		shown      bool
		against    bool
	}{
		{"progress.approvals", p.Approved, p.Required, p.Required > 1, false},
		{"progress.rejections", p.Rejected, p.Rejections, p.Rejections > 1 && p.Rejected > 0, true},
	} {
		if !row.shown {
			continue
		}
		text, err := v.T(row.key, "in", row.in, "needed", row.needed)
		if err != nil {
			return err
		}
		var dots []bool
		for i := 0; i < row.needed && row.needed <= maxDots; i++ {
			dots = append(dots, i < row.in)
		}
		v.Progress = append(v.Progress, progressView{text, dots, row.against})
	}
	return nil
}

// httpsHost returns the host of an https URL. Other texts are not shown as a link, and
// neither is a URL with a user name, which could be mistaken for the host.
func httpsHost(value string) (string, bool) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(value, " \t\r\n") {
		return "", false
	}
	return u.Host, true
}
