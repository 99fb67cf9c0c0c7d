package handlers

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/relay"
)

// PublicOptions are the parts and limits of the public listener. All are
// required, except where a default is named.
type PublicOptions struct {
	Relay   *relay.Service
	Logger  *slog.Logger
	Metrics Metrics

	// MaxOutput bounds a body and the output made of it, in bytes.
	MaxOutput int
	// BytesInFlight bounds the bodies of all POSTs that are being handled, and
	// RequestsInFlight their number, by default 1024. Over it, callers are told
	// to come back.
	BytesInFlight    int64
	RequestsInFlight int
}

// public serves links.
type public struct {
	relay   *relay.Service
	metrics Metrics
	bodies  *bodyReader
	crowds  perCallback
}

// Public returns the handler of the public listener: links, robots.txt and a
// sign of life. Where the public URL has a path, everything is served under
// that path too, so it does not matter whether a proxy takes it off.
func Public(o PublicOptions) http.Handler {
	a := newApp("public", o.Logger, o.Metrics)
	h := &public{
		relay: o.Relay, metrics: o.Metrics,
		bodies: newBodyReader(o.MaxOutput, o.BytesInFlight),
		crowds: perCallback{busy: map[relay.CallbackID]int{}},
	}
	a.echo.Use(limitMisses())
	post := bounded(cmp.Or(o.RequestsInFlight, requestsInFlight))(h.post)
	prefixes := []string{""}
	if prefix := strings.TrimSuffix(o.Relay.PublicURL.Path, "/"); prefix != "" {
		prefixes = append(prefixes, prefix)
	}
	for _, prefix := range prefixes {
		a.handle(prefix+"/c/:key", methods{http.MethodPost: post})
		a.get(prefix+"/robots.txt", robots)
		a.get(prefix+"/healthz", healthz)
	}
	return a.echo
}

// post serves the links that machines call.
func (h *public) post(c echo.Context) error {
	// The key comes first: a forged one costs neither memory nor a look-up.
	link, err := h.relay.Resolve(c.Param("key"), relay.LinkWebhook, relay.LinkHeartbeat)
	if err != nil {
		return err
	}
	noteCallback(c, link.ID)
	leave, err := h.crowds.enter(link.ID)
	if err != nil {
		return h.counted(err)
	}
	defer leave()
	if link.Type == relay.LinkHeartbeat {
		return h.heartbeat(c, link)
	}
	return h.answer(c, link)
}

// answer records what was posted as the task's output.
func (h *public) answer(c echo.Context, link relay.LinkRef) error {
	release, err := h.bodies.admit(c)
	if err != nil {
		return h.counted(err)
	}
	defer release()
	output, err := h.bodies.read(c)
	if err != nil {
		return h.counted(err)
	}
	answered, err := h.relay.Answer(c.Request().Context(), link,
		relay.Outcome{Type: relay.OutcomeSuccess, Output: output})
	if err != nil {
		return h.counted(err)
	}
	body := api.AnswerResponse{ID: string(answered.ID), Status: api.StatusAccepted, Duplicate: answered.Duplicate}
	if answered.State == relay.StateDelivered {
		body.Status = api.StatusDelivered
	}
	if answered.Duplicate {
		h.metrics.Answered("duplicate")
	} else {
		h.metrics.Answered(body.Status)
	}
	return c.JSON(http.StatusOK, body)
}

// heartbeat tells Step Functions that the work goes on. A body is ignored.
func (h *public) heartbeat(c echo.Context, link relay.LinkRef) error {
	if err := h.relay.Heartbeat(c.Request().Context(), link); err != nil {
		return h.counted(err)
	}
	h.metrics.Answered(api.StatusAlive)
	return c.JSON(http.StatusOK, api.AnswerResponse{ID: string(link.ID), Status: api.StatusAlive})
}

// counted counts an answer that failed, by its problem's code.
func (h *public) counted(err error) error {
	h.metrics.Answered(problemOf(err).Type.Short())
	return err
}

// robots asks search engines to stay away.
func robots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nDisallow: /\n")
}

// healthz says that the process runs. It depends on nothing else.
func healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, api.Health{Status: api.HealthOK})
}
