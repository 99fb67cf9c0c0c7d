package pages

import (
	"errors"
	"html/template"
	"slices"
	"strconv"
	"time"

	"callback-relay/hyperlinks"
)

// view is a page in one language. The template only has to print it.
type view struct {
	*catalogue
	now          time.Time
	Lang, Dir    string
	Brand        string
	Title        string // the title in the browser, which screen readers read out first
	Logo         template.URL
	Style        template.CSS
	Script       template.JS
	Site         string // what this site is, if no brand says so
	Tone         string // the colour of the state: ok, no, note, or "" for none
	Kind         *kindView
	Symbol       string
	Heading      string
	Lead         string
	Persons      []template.HTML // who the link is for, and who the reader is
	Text         string
	Until        *moment
	Jump         string // a link to the buttons, if they are far below
	Subject      string // what the page is about, if that is not its heading
	Requester    template.HTML
	Requested    *moment
	Deadline     *moment // of something that is over
	Message      template.HTML
	Details      []detailView
	Progress     []progressView
	Deciders     string // the heading of Decisions
	Decisions    []decisionView
	Receipt      bool    // the reader may want to keep the page
	Declined     *moment // the reader has said that this is not for them
	Form         *formView
	Retry        *retryView
	Reload       bool
	Redirect     string
	RedirectHost string
	Reference    string
}

// kindView says above the title what the page is for. Without it, the page that confirms
// something and the page that reports its failure would begin alike.
type kindView struct {
	Symbol, Text string
}

// symbol shows the state at a glance. It accompanies the words and never replaces
// them.
type symbol struct {
	Name, Tone string
}

type detailView struct {
	Name  string
	Value link
}

// simple has the symbols of the states whose words do not depend on who decided what.
var simple = map[State]symbol{
	TooLate:     {"clock", "note"},
	Cancelled:   {"dash", ""},
	TaskClosed:  {"dash", ""},
	LinkClosed:  {"lock", ""},
	Unknown:     {"question", ""},
	Trouble:     {"again", "note"},
	TooMuch:     {"again", "note"},
	NotTaken:    {"broken", "note"},
	ForeignSite: {"lock", "note"},
	Alive:       {"pulse", "ok"},
	Unreadable:  {"again", "note"},
	ForPrograms: {"dash", ""},
	Declined:    {"leave", ""},
	SignIn:      {"lock", "note"},
	NotYou:      {"leave", "note"},
	NotByYou:    {"leave", "note"},
	Used:        {"lock", "note"},
	NoAddress:   {"question", "note"},
}

func (p *Pages) view(c *catalogue, page Page) (*view, error) {
	v := &view{
		catalogue: c, now: page.Now, Lang: c.lang, Dir: c.direction(),
		Brand: p.brand, Logo: p.logo, Style: p.style, Script: p.script,
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
		if d.Boolean {
			if d.Value, err = v.Plain("detail." + strconv.FormatBool(d.Value == "true")); err != nil {
				return nil, err
			}
		}
		v.Details = append(v.Details, detailView{d.Name, linkOf(d)})
	}
	if to, ok := hyperlinks.Parse(page.Redirect); ok && to.Scheme == "https" {
		v.Redirect, v.RedirectHost = page.Redirect, to.Place
	}
	if v.Form != nil && slices.ContainsFunc(v.Form.Inputs, func(i *input) bool { return i.Local != "" }) {
		v.Script = p.typed
	}
	return v, errors.Join(v.named(), v.persons(page), v.asked(page), v.progress(page.Progress), v.decisions(page.Decisions))
}

// named sets the title in the browser, and says what the site is if it has no brand.
func (v *view) named() error {
	v.Title = v.Heading
	if v.Kind != nil {
		v.Title += " · " + v.Kind.Text
	}
	var err error
	if v.Form != nil && len(v.Form.Problems) > 0 {
		var problems string
		problems, err = v.Plain("problems")
		v.Title = problems + ": " + v.Title
	}
	if err != nil || v.Brand != "" || v.Logo != "" {
		return err
	}
	key := "site"
	if v.Form != nil {
		key = "site.form"
	}
	v.Site, err = v.Plain(key)
	return err
}

// open fills in the symbol, the heading and the form of a state.
func (v *view) open(page Page) error {
	switch page.State {
	case Waiting:
		return v.waiting(page)
	case Counted:
		return v.counted(page)
	case Decided, OnItsWay:
		return v.decided(page)
	}
	s, ok := simple[page.State]
	if !ok {
		return errors.New("no such state")
	}
	v.Symbol, v.Tone = s.Name, s.Tone
	key, text := string(page.State), ".text"
	if page.State == TooLate {
		key = "late"
	}
	v.Reload = page.State == SignIn // after signing in elsewhere
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

// words sets the heading, with the values of its placeholders, and the sentence below it.
func (v *view) words(heading, lead string, values ...any) (err error) {
	if v.Heading, err = v.Plain(heading, values...); err == nil && lead != "" {
		v.Lead, err = v.Plain(lead)
	}
	return err
}

// kinds has the symbols of the pages that wait for somebody.
var kinds = map[Action]symbol{
	ActionApproval:  {"pen", ""},
	ActionSuccess:   {"check", "ok"},
	ActionFailure:   {"warning", "no"},
	ActionHeartbeat: {"pulse", ""},
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
	v.Symbol, v.Tone = kinds[action].Name, kinds[action].Tone
	if page.Title != "" {
		v.Kind = &kindView{v.Symbol, v.Heading}
		v.Symbol, v.Heading, v.Subject = "", page.Title, ""
	}
	var err error
	if v.Form, err = newForm(v.catalogue, page.Form); err != nil || !long(page) {
		return err
	}
	jump := "jump"
	if action != ActionApproval {
		jump = "jump.answer"
	}
	v.Jump, err = v.Plain(jump)
	return err
}
