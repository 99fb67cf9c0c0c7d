package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
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
)

// unsupportedError reports a body of a kind that is not taken.
type unsupportedError struct{ problem string }

func (e *unsupportedError) Error() string { return e.problem }

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
	{errOverloaded, api.CodeOverloaded, tryAgain},
	{errTooManyMisses, api.CodeTooManyRequests, "Too many requests lead nowhere. If this one should not, check its address and come again in a moment."},
	{errSlow, api.CodeUnavailable, "The body did not arrive in time. Send it again."},
	{errNoCallback, api.CodeNotFound, "No callback has this id."},
	{relay.ErrNotFound, api.CodeNotFound, "There is nothing at this address."},
	{relay.ErrAlreadyAnswered, api.CodeAlreadyAnswered, "Another answer came first, and the first one counts."},
	{relay.ErrExpired, api.CodeExpired, "The deadline passed before this request came."},
	{relay.ErrCancelled, api.CodeCancelled, "The callback was cancelled."},
	{relay.ErrTaskClosed, api.CodeTaskClosed, "The workflow no longer waits for this answer."},
	{relay.ErrRefused, api.CodeRefused, "Step Functions did not accept this answer, and never will."},
	{relay.ErrSettingsDiffer, api.CodeSettingsDiffer, "This task token is registered with other settings; nothing was changed."},
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
		large   *relay.TooLargeError
		invalid *relay.InvalidBodyError
		kind    *unsupportedError
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
		return api.NewProblem(api.CodeUnsupportedMediaType, sentence(kind.problem)), true
	}
	if fields := fieldErrors(err); len(fields) > 0 {
		p := api.NewProblem(api.CodeInvalidRequest, "")
		p.Errors = fields
		p.Detail = fields[0].Field + " " + fields[0].Detail + "."
		return p, true
	}
	return api.Problem{}, false
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
	request, _ := c.Get(requestIDAttr).(string)
	callback, _ := c.Get(callbackAttr).(string)
	switch p.Type {
	case api.CodeInternal, api.CodeUnavailable:
		// The caller is told nothing, so the log has to say it.
		level := slog.LevelError
		switch {
		case errors.Is(err, context.Canceled):
			level = slog.LevelDebug // the caller has hung up, and nothing is wrong here
		case errors.Is(err, errSlow):
			level = slog.LevelInfo
		}
		a.logger.Log(c.Request().Context(), level, "request failed", "route", c.Path(), "request", request, "callback", callback, "error", err)
	}
	if err := writeProblem(c, p); err != nil {
		a.logger.Debug("answer not written", "request", request, "error", err)
	}
}

// writeProblem answers with a problem document, and with the headers that its
// status calls for.
func writeProblem(c echo.Context, p api.Problem) error {
	p.RequestID, _ = c.Get(requestIDAttr).(string)
	h := c.Response().Header()
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set(echo.HeaderRetryAfter, retryAfter)
	case http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, "Bearer")
	}
	h.Set(echo.HeaderContentType, api.ProblemMediaType)
	return c.JSON(p.Status, p)
}

// sentence makes an error's text, which is ours and ASCII, one.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func pointer(n int) *int64 {
	n64 := int64(n)
	return &n64
}
