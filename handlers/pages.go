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

// standings are the states of a page by where its callback stands.
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

// statusOf is the status of a page that is only looked at.
func statusOf(s relay.Standing) int {
	over := []relay.Standing{relay.StandingTooLate, relay.StandingCancelled, relay.StandingTaskClosed, relay.StandingNotTaken}
	if slices.Contains(over, s) {
		return http.StatusGone
	}
	return http.StatusOK
}

// pageOf writes what a link's page shows, apart from its form, as the pages have
// it.
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

// formOf writes a form as the pages have it, nil for none. What was typed before
// is shown again, as far as the form asks for it.
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

// reference is the short part of an id that a person can read to somebody.
func reference(id string) string { return id[:min(len(id), 8)] }

// errorStates are the pages of problems. Any other is trouble on our side.
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
	// The pages themselves know every method that a browser has for them.
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
