package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/pages"
	"callback-relay/relay"
)

// page shows a link's page. It changes nothing.
func (h *public) page(c echo.Context, link relay.LinkRef) error {
	v, err := h.relay.View(c.Request().Context(), link)
	if err != nil {
		return err
	}
	page := pageOf(v)
	page.Form = formOf(link, v, nil)
	return h.show(c, statusOf(v.Standing()), page)
}

// submit takes what a person sends from a page, and shows what came of it.
func (h *public) submit(c echo.Context, link relay.LinkRef) error {
	if err := h.sameSite.Check(c.Request()); err != nil {
		return errForeignSite
	}
	// What the form may have is known before it is read. Where Redis cannot be
	// asked, the form is read all the same, to be shown again; and whoever decided
	// through a link that is closed by now may repeat that.
	v, unseen := h.relay.View(c.Request().Context(), link)
	switch {
	case errors.Is(unseen, relay.ErrLinkClosed):
		unseen = nil
	case unseen != nil && !errors.Is(unseen, relay.ErrUnavailable):
		return unseen
	}
	room := &share{of: h.pageRoom}
	defer room.release() // once the page that repeats the text is written
	typed, err := h.readForm(c, formBytes(v), room)
	if err != nil {
		return err
	}
	if err := cmp.Or(unseen, checkOnce(v, typed)); err != nil {
		return h.refused(c, link, v, typed, err)
	}
	v, duplicate, err := h.relay.Submit(c.Request().Context(), link, submission(typed))
	if err != nil {
		return h.refused(c, link, v, typed, err)
	}
	page, result := pageOf(v), "counted"
	switch {
	case link.Type == relay.LinkHeartbeat:
		page.State, result = pages.Alive, api.StatusAlive
		page.Text, page.Redirect = v.Request.Response.Text, v.Request.Response.Redirect
	case duplicate:
		result = "duplicate"
	case v.State == relay.StateDelivered:
		result = api.StatusDelivered
	case v.State == relay.StateAnswered:
		result = api.StatusAccepted
	}
	h.metrics.Answered(result, "")
	return h.show(c, http.StatusOK, page)
}

// refused shows why a submission was not taken, with what was typed.
func (h *public) refused(c echo.Context, link relay.LinkRef, v relay.View, typed url.Values, err error) error {
	p := problemOf(err)
	form := (*relay.FormError)(nil)
	switch {
	case !h.wantsPage(c):
		return err
	case errors.As(err, &form):
		page := pageOf(v)
		page.Form = formOf(link, v, typed)
		page.Form.Stale = form.Stale
		for _, wrong := range form.Problems {
			isCut := func(p pages.Problem) bool { return p.Input == wrong.Field } // which says more
			if !slices.ContainsFunc(page.Form.Problems, isCut) {
				page.Form.Problems = append(page.Form.Problems, pages.Problem{Input: wrong.Field, Kind: string(wrong.Kind), Limit: wrong.Limit})
			}
		}
		return h.showError(c, p.Status, page, err)
	case p.Status >= http.StatusInternalServerError:
		h.report(c, p, err)
		// The nonce is as good as it was: what it is worth is looked at anew.
		return h.showError(c, p.Status, pages.Page{
			State: pages.Trouble, Reference: reference(string(link.ID)),
			Form: &pages.Form{Action: pages.Action(link.Type), Nonce: firstChars(typed.Get("nonce"), maxNonceChars), Values: keepUnknown(typed)},
		}, err)
	case v.ID == "":
		return err
	}
	page := pageOf(v)
	if page.State == pages.Waiting { // it ended between the look and the record
		page.State, page.Form = errorStates[p.Type], nil
	}
	return h.showError(c, p.Status, page, err)
}

// showError shows an error as a page. Then it returns the error, to be counted:
// what is written already is not written again.
func (h *public) showError(c echo.Context, status int, page pages.Page, err error) error {
	return cmp.Or(h.show(c, status, page), err)
}

// standings are the states of a page by what the callback's view means.
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

// pageOf is what a view shows, apart from its form.
func pageOf(v relay.View) pages.Page {
	page := pages.Page{
		State: standings[v.Standing()], Title: v.Title(), Reference: reference(string(v.ID)),
		Decisions: decisionsOf(v),
	}
	if v.Approval.Quorum() {
		approved, rejected := relay.Count(v.Decisions)
		page.Progress = &pages.Progress{
			Required: v.Approval.Required, Approved: approved, Rejections: v.Approval.Rejections, Rejected: rejected,
		}
	}
	switch page.State {
	case pages.Waiting, pages.Counted:
		page.Until, page.Message = v.ExpiresAt, v.Message()
		for _, d := range v.Approval.Details {
			page.Details = append(page.Details, pages.Detail(d))
		}
	case pages.TooLate:
		page.Until = v.ExpiresAt
	}
	if n := len(page.Decisions); n > 0 && page.Decisions[n-1].Yours || page.State == pages.Counted {
		page.Text, page.Redirect = v.Request.Response.Text, v.Request.Response.Redirect
	}
	return page
}

// decisionsOf lists who decided; where that was no approval, who answered.
func decisionsOf(v relay.View) []pages.Decision {
	mine, decided := v.Mine()
	var all []pages.Decision
	for _, d := range v.Decisions {
		all = append(all, pages.Decision{
			Approved: d.Approved, Action: pages.ActionApproval, Approver: d.Approver, Typed: d.Typed,
			Yours: decided && d.Number == mine.Number, At: d.At,
		})
	}
	o := v.Outcome
	if o == nil || o.By == relay.ByExpiry || slices.ContainsFunc(v.Decisions, func(d relay.Decision) bool { return d.Number == o.Number }) {
		return all
	}
	action := pages.ActionSuccess
	if o.Type == relay.OutcomeFailure {
		action = pages.ActionFailure
	}
	return append(all, pages.Decision{Approved: o.Type == relay.OutcomeSuccess, Action: action, Yours: o.Number == v.Link.Number, At: o.At})
}

// formOf is the form of a page that waits, or nil. What was typed before is
// shown again, as far as the form asks for it.
func formOf(link relay.LinkRef, v relay.View, typed url.Values) *pages.Form {
	if v.Standing() != relay.StandingWaiting {
		return nil
	}
	nonce := typed.Get("nonce")
	if !link.CheckNonce(nonce, v.Now) {
		nonce = link.NewNonce(v.Now)
	}
	form := &pages.Form{Action: pages.Action(link.Type), Nonce: nonce, Approver: v.Link.Approver}
	if typed != nil {
		form.Values, form.Problems = keep(typed, v.Inputs())
		if nonce != typed.Get("nonce") && v.Approval.Confirm == relay.ConfirmWord { // which goes with the nonce
			form.Values.Del(relay.InputConfirm)
		}
	}
	switch link.Type {
	case relay.LinkApproval:
		form.ApproveLabel, form.RejectLabel = v.Approval.ApproveLabel, v.Approval.RejectLabel
	case relay.LinkSuccess:
		form.ApproveLabel = cmp.Or(v.Request.ButtonLabel, v.Approval.ApproveLabel)
	default:
		// Not the approval's rejectLabel: "Not now" would not say that the task fails.
		form.ApproveLabel = v.Request.ButtonLabel
	}
	if link.Type != relay.LinkHeartbeat {
		form.Confirm = string(v.Approval.Confirm)
	}
	if v.Approval.Confirm == relay.ConfirmWord {
		form.Word = link.Word(nonce)
	}
	if link.Type != relay.LinkApproval {
		return form
	}
	form.Comment = string(v.Approval.Comment)
	for _, f := range v.Fields() {
		form.Fields = append(form.Fields, fieldOf(f))
	}
	return form
}

func fieldOf(f relay.Field) pages.Field {
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
