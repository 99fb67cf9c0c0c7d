package handlers

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/forms"
	"callback-relay/pages"
	"callback-relay/relay"
)

// page shows a link's page. It changes nothing.
func (h *public) page(c echo.Context, link relay.LinkRef) error {
	p, err := h.relay.Page(c.Request().Context(), link, c.Request().Header)
	if err != nil {
		return err
	}
	if p.Barred != "" && !h.wantsPage(c) {
		return &relay.BarredError{Barred: p.Barred}
	}
	page := pageOf(p)
	page.Form = formOf(link, p.Form, nil)
	return h.show(c, statusOf(p), page)
}

// standings maps each standing to the state of the page.
var standings = map[relay.Standing]pages.State{
	relay.StandingWaiting:    pages.Waiting,
	relay.StandingCounted:    pages.Counted,
	relay.StandingOnItsWay:   pages.OnItsWay,
	relay.StandingDecided:    pages.Decided,
	relay.StandingTooLate:    pages.TooLate,
	relay.StandingCancelled:  pages.Cancelled,
	relay.StandingTaskClosed: pages.TaskClosed,
	relay.StandingNotTaken:   pages.NotTaken,
}

// statusOf returns the status of a page that is shown and not submitted.
func statusOf(p relay.LinkPage) int {
	if p.Barred != "" {
		return http.StatusForbidden
	}
	over := []relay.Standing{relay.StandingTooLate, relay.StandingCancelled, relay.StandingTaskClosed, relay.StandingNotTaken}
	if slices.Contains(over, p.Standing) {
		return http.StatusGone
	}
	return http.StatusOK
}

// pageOf converts what a link's page shows, without its form, for package pages.
func pageOf(p relay.LinkPage) pages.Page {
	page := pages.Page{
		State: standings[p.Standing], Title: p.Title, Message: p.Message, Reference: reference(p.ID),
		Requester: p.Requester, Requested: p.Requested, Until: p.Until, Now: p.Now,
		Text: p.Response.Text, Redirect: p.Response.Redirect,
	}
	for _, d := range p.Details {
		page.Details = append(page.Details, pages.Detail(d))
	}
	if p.Progress != nil {
		progress := pages.Progress(*p.Progress)
		page.Progress = &progress
	}
	for _, step := range p.Steps {
		page.Decisions = append(page.Decisions, pages.Decision{
			Action: pages.Action(step.Type), Approved: step.Approved, Choice: step.Choice, Approver: step.Approver, Typed: step.Typed, Yours: step.Yours, At: step.At,
			Comment: step.Comment,
		})
	}
	if p.Barred != "" && page.State == pages.Waiting {
		page.State = barred[p.Barred]
		if p.Person != nil {
			page.SignedIn = p.Person.Label()
		}
		if p.Barred == relay.BarredOther {
			page.For = p.Approver
		}
	}
	return page
}

// barred maps why somebody cannot decide to the state of the page.
var barred = map[relay.Barred]pages.State{
	relay.BarredNobody:   pages.SignIn,
	relay.BarredOther:    pages.NotYou,
	relay.BarredExcluded: pages.NotByYou,
	relay.BarredUsed:     pages.Used,
	relay.BarredUnknown:  pages.NoAddress,
}

// formOf converts a form for package pages; nil stays nil. It keeps what was typed
// before in the inputs that the form has.
func formOf(link relay.LinkRef, f *relay.Form, typed url.Values) *pages.Form {
	if f == nil {
		return nil
	}
	form := &pages.Form{
		Action: pages.Action(link.Type), Nonce: f.Nonce, Approver: f.Approver, ApproveLabel: f.ApproveLabel, RejectLabel: f.RejectLabel,
		Comment: string(f.Comment), Confirm: string(f.Confirm), Word: f.Word,
		NotForMe: true, Declined: f.Declined,
	}
	for _, choice := range f.Choices {
		form.Answers = append(form.Answers, pages.Answer{Value: choice.Value, Label: choice.Label, Style: string(choice.Style)})
	}
	for _, field := range f.Fields {
		form.Fields = append(form.Fields, fieldOf(field))
	}
	if typed != nil {
		form.Values, form.Problems = keep(typed, f.Inputs)
		if f.Word != "" && f.Nonce != typed.Get(relay.InputNonce) { // the word goes with the nonce
			form.Values.Del(relay.InputConfirm)
		}
	}
	return form
}

func fieldOf(f forms.Field) pages.Field {
	field := pages.Field{
		Name: f.Name, Label: f.Title, Help: f.Description, Kind: string(f.Kind), Required: f.Required,
		Minimum: f.Minimum, Maximum: f.Maximum, MaxLength: f.MaxLength, Default: f.Default,
	}
	for _, choice := range f.Choices {
		field.Choices = append(field.Choices, pages.Choice{Value: choice.Value, Label: choice.Title})
	}
	return field
}

// reference is the short part of an id that a person can read out to somebody.
func reference(id relay.CallbackID) string { return string(id.Reference()) }

// errorStates maps each problem to the state of its page. For any other problem the
// page shows [pages.Trouble].
var errorStates = map[api.Code]pages.State{
	api.CodeNotFound:             pages.Unknown,
	api.CodeLinkClosed:           pages.LinkClosed,
	api.CodeForeignSite:          pages.ForeignSite,
	api.CodeExpired:              pages.TooLate,
	api.CodeCancelled:            pages.Cancelled,
	api.CodeTaskClosed:           pages.TaskClosed,
	api.CodeRefused:              pages.NotTaken,
	api.CodeAlreadyAnswered:      pages.Decided,
	api.CodeTooLarge:             pages.TooMuch,
	api.CodeInvalidBody:          pages.Unreadable,
	api.CodeInvalidRequest:       pages.Unreadable,
	api.CodeUnsupportedMediaType: pages.Unreadable,
	// Pages allow every method that browsers use, so this is a link for programs.
	api.CodeMethodNotAllowed: pages.ForPrograms,
}

// errorPage shows a problem to a person.
func (h *public) errorPage(c echo.Context, p api.Problem) error {
	state, known := errorStates[p.Type]
	if !known {
		state = pages.Trouble
	}
	id, _ := c.Get(callbackAttr).(string) // "" if the page is about no callback
	return h.show(c, p.Status, pages.Page{
		State: state, Reference: reference(relay.CallbackID(id)), Posted: c.Request().Method == http.MethodPost,
	})
}
