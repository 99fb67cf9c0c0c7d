package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/relay"
)

// Errors of HTTP itself, where package relay has none.
var (
	errUnauthorized = errors.New("no valid API key")
	// errSlow is not the sender's mistake for good, and so none that a sender
	// would take for final: the network may have been slow, or the relay.
	errSlow = errors.New("the body did not arrive in time")
	// errNoCallback is relay.ErrNotFound where an id was asked for.
	errNoCallback = errors.New("no callback has this id")
	// errNoLink is the same where a link's name was asked for too.
	errNoLink = errors.New("no callback has this id and such a link")
	// errAnswered is relay.ErrAlreadyAnswered where a callback was to be changed.
	errAnswered = errors.New("the callback has been answered")
	// errForeignSite is of a form that another site sent.
	errForeignSite = errors.New("the form was sent from another site")
)

// tryAgain is said of trouble that passes without the caller.
const tryAgain = "Nothing is wrong with the request. Send it again in a moment."

// problems is the table from errors to problem codes (and so to statuses), with
// what the caller is told. The first row that matches counts; an error that
// matches none is our fault, and the caller is told nothing.
var problems = []struct {
	err    error
	code   api.Code
	detail string
}{
	// Trouble with the store comes first: whatever else an error wraps, a
	// caller must not take it for an answer about the callback.
	{relay.ErrUnavailable, api.CodeUnavailable, tryAgain},
	{relay.ErrSealed, api.CodeUnavailable, tryAgain},
	{relay.ErrMeanwhile, api.CodeUnavailable, tryAgain},
	{relay.ErrOverloaded, api.CodeOverloaded, tryAgain},
	{errTooManyMisses, api.CodeTooManyRequests, "Too many requests lead nowhere. If this one should not, check its address and come again in a moment."},
	{errSlow, api.CodeUnavailable, "The body did not arrive in time. Send it again."},
	{errNoLink, api.CodeNotFound, "No callback has this id and a link of this name."},
	{errNoCallback, api.CodeNotFound, "No callback has this id."},
	{relay.ErrNotFound, api.CodeNotFound, "There is nothing at this address."},
	{errAnswered, api.CodeAlreadyAnswered, "This callback has already been answered, so it can no longer be changed."},
	{relay.ErrAlreadyAnswered, api.CodeAlreadyAnswered, "Another answer came first, and the first one counts."},
	{relay.ErrExpired, api.CodeExpired, "The deadline passed before this request came."},
	{relay.ErrCancelled, api.CodeCancelled, "The callback was cancelled."},
	{relay.ErrLinkClosed, api.CodeLinkClosed, "This link was withdrawn, or a wrong code was entered too often."},
	{errForeignSite, api.CodeForeignSite, "Open the link itself, and send the form from there."},
	{relay.ErrTaskClosed, api.CodeTaskClosed, "The workflow no longer waits for this answer."},
	{relay.ErrRefused, api.CodeRefused, "Step Functions did not accept this answer, and never will."},
	{relay.ErrSettingsDiffer, api.CodeSettingsDiffer, "This task token is registered with other settings; nothing was changed."},
	{relay.ErrRegistrationCancelled, api.CodeAlreadyCancelled, "This task token was registered before, and that callback was cancelled. Its links stay dead. Start the task again: that gives it a new task token."},
	{relay.ErrTooManyLinks, api.CodeTooManyLinks, "This callback has 32 open links, the most that there may be. Close one first, or replace one by giving its name."},
	{relay.ErrLinksUsedUp, api.CodeTooManyLinks, "This callback has had 256 links, closed ones included, the most that there may be. Those that are open go on working."},
	{errUnauthorized, api.CodeUnauthorized, "Send the header Authorization: Bearer and an API key of this relay."},
	{echo.ErrNotFound, api.CodeNotFound, "There is nothing at this address."},
	{echo.ErrMethodNotAllowed, api.CodeMethodNotAllowed, "The Allow header names the methods that work here."},
}

// retryAfter is what callers are told to wait when it is our turn to recover.
const retryAfter = "2" // seconds

// problemOf finds the problem document for an error.
func problemOf(err error) api.Problem {
	if p, ok := detailed(err); ok {
		return p
	}
	for _, row := range problems {
		if errors.Is(err, row.err) {
			return api.NewProblem(row.code, row.detail)
		}
	}
	return api.NewProblem(api.CodeInternal, "")
}

// detailed handles the errors that know more than their kind.
func detailed(err error) (api.Problem, bool) {
	var (
		large   *bodies.TooLargeError
		invalid *bodies.InvalidError
		kind    *bodies.UnsupportedError
		form    *relay.FormError
	)
	switch {
	case errors.As(err, &large):
		// Not the error's own text, which speaks of outputs: registrations
		// have a limit too.
		p := api.NewProblem(api.CodeTooLarge, fmt.Sprintf("At most %d bytes are taken.", large.Limit))
		p.LimitBytes = pointer(large.Limit)
		if large.Actual > 0 {
			p.ActualBytes = pointer(large.Actual)
		}
		return p, true
	case errors.As(err, &invalid):
		p := api.NewProblem(api.CodeInvalidBody, sentence(invalid.Error()))
		p.Offset = pointer(invalid.Offset)
		return p, true
	case errors.As(err, &kind):
		return api.NewProblem(api.CodeUnsupportedMediaType, sentence(kind.Problem)), true
	case errors.As(err, &form):
		return formProblem(form), true
	}
	if fields := fieldErrors(err); len(fields) > 0 {
		p := api.NewProblem(api.CodeInvalidRequest, "")
		p.Errors = fields
		p.Detail = fields[0].Field + " " + fields[0].Detail + "."
		return p, true
	}
	return api.Problem{}, false
}

// formProblem tells a program what a page would tell a person.
func formProblem(form *relay.FormError) api.Problem {
	p := api.NewProblem(api.CodeInvalidRequest, sentence(form.Error()))
	if form.Stale {
		p.Errors = []api.FieldError{{Field: "nonce", Detail: "must be that of the page, which this link shows for an hour"}}
	}
	for _, wrong := range form.Problems {
		p.Errors = append(p.Errors, api.FieldError{Field: wrong.Field, Detail: string(wrong.Kind)})
	}
	return p
}

// fieldErrors collects every [*relay.InvalidFieldError] that was joined.
func fieldErrors(err error) []api.FieldError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var fields []api.FieldError
		for _, e := range joined.Unwrap() {
			fields = append(fields, fieldErrors(e)...)
		}
		return fields
	}
	if field := (*relay.InvalidFieldError)(nil); errors.As(err, &field) {
		return []api.FieldError{{Field: field.Field, Detail: field.Problem}}
	}
	return nil
}

// renderError writes the problem document of an error, unless an answer has
// begun.
func (a *app) renderError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := problemOf(err)
	if p.Status == http.StatusMethodNotAllowed {
		c.Response().Header().Set(echo.HeaderAllow, a.allow[c.Path()])
	}
	a.report(c, p, err)
	write := writeProblem
	if a.wantsPage(c) || p.Type == api.CodeMethodNotAllowed && a.opensInBrowser(c) {
		write = a.errorPage
	}
	err = write(c, p)
	if errors.Is(err, relay.ErrOverloaded) { // there is no room even for this page
		err = writeProblem(c, p)
	}
	if err != nil {
		a.logger.Debug("answer not written", "request", c.Get(requestIDAttr), "error", err)
	}
}

// wantsPage tells whether a request is for a page, by a browser: those say that
// they take HTML, and programs as a rule do not.
func (a *app) wantsPage(c echo.Context) bool {
	return below(c, a.pagePaths) && acceptsHTML(c)
}

// opensInBrowser tells whether a person opens a link that is for programs.
func (a *app) opensInBrowser(c echo.Context) bool {
	return c.Request().Method == http.MethodGet && below(c, a.linkPaths) && acceptsHTML(c)
}

func below(c echo.Context, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return strings.HasPrefix(c.Request().URL.Path, prefix)
	})
}

func acceptsHTML(c echo.Context) bool {
	return accepts(c, api.ProblemMediaType, echo.MIMEApplicationJSON, echo.MIMETextHTML) == echo.MIMETextHTML
}

// report logs what a caller is told nothing of.
func (a *app) report(c echo.Context, p api.Problem, err error) {
	request, _ := c.Get(requestIDAttr).(string)
	callback, _ := c.Get(callbackAttr).(string)
	switch p.Type {
	case api.CodeInternal, api.CodeUnavailable:
		level := slog.LevelError
		switch {
		case errors.Is(err, context.Canceled):
			level = slog.LevelDebug // the caller has hung up, and nothing is wrong here
		case errors.Is(err, errSlow):
			level = slog.LevelInfo
		}
		a.logger.Log(c.Request().Context(), level, "request failed", "route", c.Path(), "request", request, "callback", callback, "error", err)
	}
}

// writeProblem answers with a problem document.
func writeProblem(c echo.Context, p api.Problem) error {
	p.RequestID, _ = c.Get(requestIDAttr).(string)
	setHeaders(c, p.Status)
	c.Response().Header().Set(echo.HeaderContentType, api.ProblemMediaType)
	return c.JSON(p.Status, p)
}

// setHeaders sets what a status calls for.
func setHeaders(c echo.Context, status int) {
	h := c.Response().Header()
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set(echo.HeaderRetryAfter, retryAfter)
	case http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, "Bearer")
	}
}

// sentence makes an error's text, which is ours and ASCII, one.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func pointer(n int) *int64 {
	n64 := int64(n)
	return &n64
}
