package handlers

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/pages"
	"callback-relay/relay"
)

// submit takes what a person sends from a page, and shows the result.
func (h *public) submit(c echo.Context, link relay.LinkRef) error {
	if err := h.sameSite.Check(c.Request()); err != nil {
		return errForeignSite
	}
	// The page says how long the form may be, so look it up before reading the form. If
	// Redis is unavailable, read the form anyway, to show it again. A closed link is no
	// reason to stop either: a person may repeat what they decided through it.
	before, unseen := h.relay.Page(c.Request().Context(), link, c.Request().Header)
	switch {
	case errors.Is(unseen, relay.ErrLinkClosed):
		unseen = nil
	case unseen != nil && !errors.Is(unseen, relay.ErrUnavailable):
		return unseen
	}
	held := &share{of: h.pageRoom}
	defer held.release() // once the page that repeats the text is written
	typed, err := readForm(c, formLimit(before.Form), held)
	if err != nil {
		return err
	}
	if unseen != nil {
		return h.refused(c, link, before, typed, unseen)
	}
	sub := relay.NewSubmission(typed)
	p, duplicate, err := h.relay.Submit(c.Request().Context(), link, c.Request().Header, sub)
	if err != nil {
		return h.refused(c, link, p, typed, err)
	}
	page, result := pageOf(p), "counted"
	switch {
	case duplicate:
		result = "duplicate"
	case sub.Decision == relay.NotForMe:
		page.State, result = pages.Declined, relay.NotForMe
	case link.Type == relay.LinkHeartbeat:
		page.State, result = pages.Alive, api.StatusAlive
	case p.State == relay.StateDelivered:
		result = api.StatusDelivered
	case p.State == relay.StateAnswered:
		result = api.StatusAccepted
	}
	h.endedAs(c, result, "")
	return h.show(c, http.StatusOK, page)
}

// refused shows why a submission was not accepted, together with what was typed. It
// returns the reason, for counting.
func (h *public) refused(c echo.Context, link relay.LinkRef, shown relay.LinkPage, typed url.Values, err error) error {
	problem := problemOf(err)
	form := (*relay.FormError)(nil)
	page := pageOf(shown)
	switch {
	case !h.wantsPage(c):
		return err
	case errors.As(err, &form):
		page.Form = formOf(link, shown.Form, typed)
		page.Form.Stale = form.Stale
		page.Form.Problems = withProblems(page.Form.Problems, form)
	case problem.Status >= http.StatusInternalServerError:
		h.report(c, problem, err)
		page = troublePage(link, typed)
	case shown.ID == "":
		return err
	case page.State == pages.Waiting: // it ended after the page was looked up
		page.State = errorStates[problem.Type]
	}
	// If the page was written, the error is only counted.
	return cmp.Or(h.show(c, problem.Status, page), err)
}

// withProblems adds the mistakes in a form to the problems of inputs that were cut. If
// an input has both, only the cut is reported.
func withProblems(cut []pages.Problem, form *relay.FormError) []pages.Problem {
	all := cut
	for _, wrong := range form.Problems {
		if !slices.ContainsFunc(cut, func(p pages.Problem) bool { return p.Input == wrong.Field }) {
			all = append(all, pages.Problem{Input: wrong.Field, Kind: string(wrong.Kind), Limit: wrong.Limit})
		}
	}
	return all
}

// troublePage repeats what was typed if it is unknown what the form asks for. It keeps
// the nonce, which will be checked again.
func troublePage(link relay.LinkRef, typed url.Values) pages.Page {
	values, _ := keep(typed, relay.AnyInputs(slices.Sorted(maps.Keys(typed))))
	return pages.Page{
		State: pages.Trouble, Reference: reference(link.ID),
		Form: &pages.Form{Action: pages.Action(link.Type), Nonce: firstChars(typed.Get(relay.InputNonce), maxNonceChars), Values: values},
	}
}
