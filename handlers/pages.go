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
	p, err := h.relay.Page(c.Request().Context(), link)
	if err != nil {
		return err
	}
	page := pageOf(p)
	page.Form = formOf(link, p.Form, nil)
	return h.show(c, statusOf(p.Standing), page)
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
func statusOf(s relay.Standing) int {
	over := []relay.Standing{relay.StandingTooLate, relay.StandingCancelled, relay.StandingTaskClosed, relay.StandingNotTaken}
	if slices.Contains(over, s) {
		return http.StatusGone
	}
	return http.StatusOK
}

// pageOf converts what a link's page shows, without its form, for package pages.
func pageOf(p relay.LinkPage) pages.Page {
	page := pages.Page{
		State: standings[p.Standing], Title: p.Title, Message: p.Message, Until: p.Until, Reference: reference(string(p.ID)),
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
			Action: pages.Action(step.Type), Approved: step.Approved, Approver: step.Approver, Typed: step.Typed, Yours: step.Yours, At: step.At,
		})
	}
	return page
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
func reference(id string) string { return id[:min(len(id), 8)] }

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
	id, ok := c.Get(callbackAttr).(string)
	if !ok {
		id, _ = c.Get(requestIDAttr).(string)
	}
	return h.show(c, p.Status, pages.Page{
		State: state, Reference: reference(id), Posted: c.Request().Method == http.MethodPost,
	})
}
