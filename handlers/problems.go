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
	"callback-relay/senders"
)

// Errors of HTTP itself, where package relay has none.
var (
	errUnauthorized = errors.New("no valid API key")
	// errSlow may be the network's fault or the relay's, so senders must not take it
	// as final: it is a 503.
	errSlow = errors.New("the body did not arrive in time")
	// errNoCallback is relay.ErrNotFound for a request that names a callback's id.
	errNoCallback = errors.New("no callback has this id")
	// errNoReference is relay.ErrNotFound for a request that names the beginning of an id.
	errNoReference = errors.New("no callback has this reference")
	// errNoLink is relay.ErrNotFound for a request that names an id and a link.
	errNoLink = errors.New("no callback with this id has a link of this name")
	// errNoSender is relay.ErrNotFound for a request that names a sender, and errNoEvent for
	// one that names an event of a sender.
	errNoSender = errors.New("no sender has this name")
	errNoEvent  = errors.New("no event that nobody has used has this name")
	// errAnswered is relay.ErrAlreadyAnswered for a request to change a callback.
	errAnswered = errors.New("the callback has been answered")
	// errForeignSite is for a form that another site sent.
	errForeignSite = errors.New("the form was sent from another site")
)

// tryAgain is the detail of problems that the caller did not cause and that pass.
const tryAgain = "Nothing is wrong with the request. Send it again in a moment."

// problems is the table from errors to problem codes (and so to statuses), with the
// detail that the caller gets. The first row that matches counts. An error that
// matches no row is our fault, and the caller gets no detail.
var problems = []struct {
	err    error
	code   api.Code
	detail string
}{
	// Faults of the store come first: whatever else such an error wraps, the caller
	// must not take it as a fact about the callback.
	{relay.ErrUnavailable, api.CodeUnavailable, tryAgain},
	{relay.ErrSealed, api.CodeUnavailable, tryAgain},
	{relay.ErrMeanwhile, api.CodeUnavailable, tryAgain},
	{relay.ErrOverloaded, api.CodeOverloaded, tryAgain},
	{errTooManyMisses, api.CodeTooManyRequests, "There were too many requests to addresses that do not exist. Check the address and try again in a moment."},
	{errSlow, api.CodeUnavailable, "The body did not arrive in time. Send it again."},
	{errNoLink, api.CodeNotFound, "No callback with this id has a link of this name."},
	{errNoCallback, api.CodeNotFound, "No callback has this id."},
	{errNoReference, api.CodeNotFound, "No callback has an id that begins with this."},
	{relay.ErrTooManyToSearch, api.CodeTooManyToSearch, "The relay has too many callbacks to find one by the beginning of its id. Give the whole id, 26 characters: the response to the registration has it, and the last part of each link begins with it."},
	{errNoSender, api.CodeNotFound, "The relay's configuration file has no sender of this name."},
	{relay.ErrNoHook, api.CodeNotFound, "The sender has no hook."},
	{errNoEvent, api.CodeNotFound, "No such event of this sender is kept: it was used or dropped, or has ended."},
	{relay.ErrNotFound, api.CodeNotFound, "There is nothing at this address."},
	{errAnswered, api.CodeAlreadyAnswered, "This callback has already been answered, so it can no longer be changed."},
	{relay.ErrAlreadyAnswered, api.CodeAlreadyAnswered, "Another answer arrived first, and only the first one counts."},
	{relay.ErrExpired, api.CodeExpired, "The deadline had passed when this request arrived."},
	{relay.ErrCancelled, api.CodeCancelled, "The callback was cancelled."},
	{relay.ErrLinkClosed, api.CodeLinkClosed, "This link was withdrawn, or a wrong code was entered too often."},
	{errForeignSite, api.CodeForeignSite, "Open the link itself and send the form from its page."},
	{relay.ErrTaskClosed, api.CodeTaskClosed, "The workflow is no longer waiting for this answer."},
	{relay.ErrRefused, api.CodeRefused, "Step Functions has refused this answer for good."},
	{relay.ErrSettingsDiffer, api.CodeSettingsDiffer, "This task token is already registered with other settings. Nothing was changed."},
	{relay.ErrRegistrationCancelled, api.CodeAlreadyCancelled, "The callback of this task token was cancelled, so its links no longer work. Start the task again to get a new task token."},
	{relay.ErrTooManyLinks, api.CodeTooManyLinks, "This callback already has 32 open links, which is the maximum. Close a link first, or replace one by using its name."},
	{relay.ErrLinksUsedUp, api.CodeTooManyLinks, "This callback has had 256 links, including closed ones, which is the maximum. Its open links still work."},
	{relay.ErrTooManyWaiters, api.CodeTooManyWaiters, "100 callbacks already wait for this key, which is the maximum. This one is registered, but gets no events of the key. Register it again once some of the others are over, or cancel it."},
	{errUnauthorized, api.CodeUnauthorized, "Send an API key of this relay in the header, as in Authorization: Bearer KEY."},
	{echo.ErrNotFound, api.CodeNotFound, "There is nothing at this address."},
	{echo.ErrMethodNotAllowed, api.CodeMethodNotAllowed, "The Allow header lists the methods that are allowed here."},
}

// retryAfter is how long callers are told to wait while the relay recovers.
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

// detailed handles the errors that carry details of their own.
func detailed(err error) (api.Problem, bool) {
	var (
		large   *bodies.TooLargeError
		invalid *bodies.InvalidError
		kind    *bodies.UnsupportedError
		form    *relay.FormError
		proof   *relay.UnprovenError
		rule    *relay.RuleError
		several *relay.AmbiguousError
		barred  *relay.BarredError
	)
	switch {
	case errors.As(err, &large):
		// The limit alone, since it may apply to the body or to the output made from it.
		p := api.NewProblem(api.CodeTooLarge, fmt.Sprintf("At most %d bytes are allowed.", large.Limit))
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
	case errors.As(err, &proof):
		code := api.CodeUnproven
		if proof.Reason == senders.Stale {
			code = api.CodeStaleTimestamp // a wrong clock must not look like a wrong secret
		}
		return api.NewProblem(code, sentence(proof.Detail)), true
	case errors.As(err, &several):
		p := api.NewProblem(api.CodeAmbiguousID, "Several ids begin with this: "+listed(several.IDs)+". Give more of the one that you mean.")
		for _, id := range several.IDs {
			p.IDs = append(p.IDs, string(id))
		}
		return p, true
	case errors.As(err, &barred):
		return api.NewProblem(api.CodeNotApprover, sentence(barred.Error())), true
	case errors.As(err, &rule):
		return api.NewProblem(api.CodeRuleFailed, rule.Error()+"."), true
	}
	if fields := fieldErrors(err); len(fields) > 0 {
		p := api.NewProblem(api.CodeInvalidRequest, "")
		p.Errors = fields
		p.Detail = fields[0].Field + " " + fields[0].Detail
		if !strings.Contains(p.Detail, "\n") && !strings.HasSuffix(p.Detail, "?") { // no dot below an excerpt
			p.Detail += "."
		}
		return p, true
	}
	return api.Problem{}, false
}

// formProblem is for programs: it says what the page would tell a person.
func formProblem(form *relay.FormError) api.Problem {
	p := api.NewProblem(api.CodeInvalidRequest, sentence(form.Error()))
	if form.Stale {
		p.Errors = []api.FieldError{{Field: "nonce", Detail: "must be the nonce of this link's page, loaded within the last hour"}}
	}
	for _, wrong := range form.Problems {
		p.Errors = append(p.Errors, api.FieldError{Field: wrong.Field, Detail: string(wrong.Kind)})
	}
	return p
}

// fieldErrors collects every [*relay.InvalidFieldError] in a joined error.
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
		allow := a.allow[c.Path()]
		if hook := (*methodError)(nil); errors.As(err, &hook) {
			allow = strings.Join(hook.allowed, ", ")
		}
		c.Response().Header().Set(echo.HeaderAllow, allow)
	}
	a.report(c, p, err)
	if proof := (*relay.UnprovenError)(nil); errors.As(err, &proof) {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, "Signature")
		if proof.Reply != nil {
			_, err := writeReply(c, *proof.Reply)
			a.notWritten(c, err)
			return
		}
	}
	write := writeProblem
	if a.wantsPage(c) || p.Type == api.CodeMethodNotAllowed && a.opensInBrowser(c) {
		write = a.errorPage
	}
	err = write(c, p)
	if errors.Is(err, relay.ErrOverloaded) { // there is no room for the page
		err = writeProblem(c, p)
	}
	a.notWritten(c, err)
}

func (a *app) notWritten(c echo.Context, err error) {
	if err != nil {
		a.logger.Debug("answer not written", "request", c.Get(requestIDAttr), "error", err)
	}
}

// wantsPage tells whether a browser requests a page. Browsers say that they accept
// HTML, and programs usually do not.
func (a *app) wantsPage(c echo.Context) bool {
	return below(c, a.pagePaths) && acceptsHTML(c)
}

// opensInBrowser tells whether a person has opened a link that is for programs.
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

// report logs errors that the caller gets no details of.
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

// setHeaders sets the headers that a status requires.
func setHeaders(c echo.Context, status int) {
	h := c.Response().Header()
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set(echo.HeaderRetryAfter, retryAfter)
	case http.StatusUnauthorized:
		if h.Get(echo.HeaderWWWAuthenticate) == "" {
			h.Set(echo.HeaderWWWAuthenticate, "Bearer")
		}
	}
}

// sentence turns an error's text into a sentence. The text is ours, so it is ASCII.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func pointer(n int) *int64 {
	n64 := int64(n)
	return &n64
}
