package handlers

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"callback-relay/relay"
)

// What a request's context carries for the access log and for problems.
const (
	callbackAttr  = "callback"
	senderAttr    = "sender" // of a hook
	callerAttr    = "caller" // the name of the API key
	answerAttr    = "answer" // what became of a post to a link
	requestIDAttr = "request-id"
)

// noteCallback names the callback that a request is about.
func noteCallback(c echo.Context, id relay.CallbackID) { c.Set(callbackAttr, string(id)) }

// requestID matches the request ids that callers may choose. Any other id is
// replaced, so that nothing unexpected gets into logs and headers.
var requestID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// observe gives each request an id, and logs and counts it when it is done.
func (a *app) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		a.metrics.RequestBegun(a.listener)
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !requestID.MatchString(id) {
			id = rand.Text()
		}
		c.Set(requestIDAttr, id)
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		untraced := c.Request()
		end := a.beginSpan(c)

		if err := next(c); err != nil {
			a.renderError(err, c)
		}
		callback, _ := c.Get(callbackAttr).(string)
		if a.trusted || callback != "" || c.Get(senderAttr) != nil {
			end(c.Response().Status, callback)
		} else {
			// The request reached no callback and no hook, and strangers may send many of these. So the
			// span is dropped, and the log does not mention it.
			c.SetRequest(untraced)
		}
		a.done(c, id, time.Since(began))
		return nil
	}
}

// beginSpan begins the span of a request. end records the result. Requests without a
// route have no span, and neither have routes that are polled every few seconds.
func (a *app) beginSpan(c echo.Context) (end func(status int, callback string)) {
	if c.Path() == "" || isPolled(c.Path()) {
		return func(int, string) {}
	}
	request, end := a.tracer.Request(c.Request(), a.listener, c.Path(), a.trusted)
	c.SetRequest(request)
	return end
}

// isPolled tells whether a route is usually requested every few seconds.
func isPolled(route string) bool {
	return slices.Contains([]string{"healthz", "readyz", "metrics", "robots.txt"}, path.Base(route))
}

// loggedMethods are the methods that logs and metrics name. Any other method is
// arbitrary text from a client.
var loggedMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// routeOf returns the pattern of a request's route. c.Path is the pattern, or empty
// if no route matched; it is never the requested path.
func routeOf(c echo.Context) string { return cmp.Or(c.Path(), "none") }

// done logs and counts a request.
func (a *app) done(c echo.Context, id string, took time.Duration) {
	route := routeOf(c)
	method, status := c.Request().Method, c.Response().Status
	if !slices.Contains(loggedMethods, method) {
		method = "other"
	}
	a.metrics.RequestDone(a.listener, route, method, status, took)

	level := slog.LevelInfo
	switch {
	case isPolled(route):
		level = slog.LevelDebug
	case status == http.StatusTooManyRequests, status >= http.StatusBadRequest && !a.refusals.Allow():
		level = slog.LevelDebug // a flood is counted, and must not fill the log
	case status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	if !a.logger.Enabled(c.Request().Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("listener", a.listener), slog.String("method", method), slog.String("route", route),
		slog.Int("status", status), slog.Float64("took_ms", float64(took)/float64(time.Millisecond)),
	}
	for _, name := range []string{callerAttr, callbackAttr, senderAttr, answerAttr} {
		if value, ok := c.Get(name).(string); ok {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	a.logger.LogAttrs(c.Request().Context(), level, "request", append(attrs, slog.String("request", id))...)
}

// recover turns a panic into a 500. The panic's value is not logged, since it could
// quote a payload.
func (a *app) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				a.logger.ErrorContext(c.Request().Context(), "panic", "route", c.Path(), "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				err = echo.ErrInternalServerError
			}
		}()
		return next(c)
	}
}

// secureHeaders marks every answer as not to be stored, indexed, sniffed or named in
// referrers.
func secureHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		return next(c)
	}
}

// closeUnclear ends the connection after a request whose end two readers might see
// in different places (RFC 9112, 6.1): one that has both chunks and a length, or one
// in HTTP/1.0 with chunks. net/http removes the headers that would show this, so
// closeUnclear applies to all chunked requests and to all of HTTP/1.0.
func closeUnclear(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if req := c.Request(); len(req.TransferEncoding) > 0 || !req.ProtoAtLeast(1, 1) {
			c.Response().Header().Set("Connection", "close")
		}
		return next(c)
	}
}
