package handlers

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"callback-relay/api"
)

// Metrics records what happens.
type Metrics interface {
	RequestBegun(listener string)
	RequestDone(listener, route, method string, status int, took time.Duration)
	// BodyBytes reports by how much the size of the bodies in memory has changed.
	BodyBytes(listener string, change int64)
	// Answered and Registered get the problem's code as the reason of a refused
	// request, and "" for an accepted one.
	Answered(result, reason string)
	Registered(result, reason string)
	Cancelled()
}

// Tracer follows requests.
type Tracer interface {
	// Request begins the span of a request to a route, as part of the caller's trace
	// if the caller is trusted. end is called with the status and the callback's id,
	// or "" if there is none. If end is not called, no span is recorded.
	Request(r *http.Request, listener, route string, trusted bool) (_ *http.Request, end func(status int, callback string))
}

// The results of requests that failed: because of the request, or because of us.
const (
	resultRejected = "rejected"
	resultFailed   = "failed"
)

// resultOf returns the result and the reason by which an error is counted.
func resultOf(err error) (result, reason string) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		return resultFailed, p.Type.Short()
	}
	return resultRejected, p.Type.Short()
}

// app is what the two listeners have in common.
type app struct {
	echo     *echo.Echo
	listener string // "public" or "private", for logs and metrics
	logger   *slog.Logger
	metrics  Metrics
	tracer   Tracer
	trusted  bool              // whether to continue a caller's trace
	allow    map[string]string // the Allow header by route pattern
	// errorPage shows an error to a person; nil on a listener without pages.
	errorPage func(echo.Context, api.Problem) error
	pagePaths []string      // prefixes of the paths of pages
	linkPaths []string      // prefixes of the paths of links for programs
	refusals  *rate.Limiter // limits how many answers of 400 and over are logged
}

func newApp(listener string, logger *slog.Logger, metrics Metrics, tracer Tracer) *app {
	a := &app{
		echo: echo.New(), listener: listener, logger: logger, metrics: metrics, tracer: tracer,
		allow: map[string]string{}, refusals: rate.NewLimiter(missRate, missBurst),
	}
	// X-Forwarded-For is not trusted, and nothing depends on the client's address.
	a.echo.IPExtractor = echo.ExtractIPDirect()
	a.echo.HTTPErrorHandler = a.renderError
	a.echo.Use(a.observe, a.recover, secureHeaders, closeUnclear)
	return a
}

// methods are a route's handlers by HTTP method.
type methods map[string]echo.HandlerFunc

// handle serves a path. Any method that is not listed gets 405, OPTIONS
// included: there is no CORS here.
func (a *app) handle(path string, by methods) {
	a.allow[path] = strings.Join(slices.Sorted(maps.Keys(by)), ", ")
	a.echo.Any(path, func(echo.Context) error { return echo.ErrMethodNotAllowed })
	for method, handler := range by {
		a.echo.Add(method, path, handler)
	}
}

// get serves a path for reading.
func (a *app) get(path string, handler echo.HandlerFunc) {
	a.handle(path, methods{http.MethodGet: handler, http.MethodHead: handler})
}

// NewServer returns an HTTP server for a handler, with every deadline and bound set:
// clients that send slowly or not at all are cut off and do not delay others. The
// write deadline leaves time for a delivery.
func NewServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // headers and body
		WriteTimeout:      60 * time.Second, // from the end of the headers
		IdleTimeout:       75 * time.Second, // longer than load balancers keep theirs (60 s)
		MaxHeaderBytes:    16 << 10,
		// We answer "OPTIONS *" too, with our headers.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
