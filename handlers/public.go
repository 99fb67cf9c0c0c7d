package handlers

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/pages"
	"callback-relay/relay"
)

// PublicOptions are the parts and limits of the public listener. All are
// required, except where a default is named.
type PublicOptions struct {
	Relay   *relay.Service
	Logger  *slog.Logger
	Metrics Metrics
	Tracer  Tracer
	Pages   *pages.Pages

	// MaxOutput bounds a body and the output made of it, in bytes.
	MaxOutput int
	// BytesInFlight bounds the bodies of all POSTs that are being handled, and
	// RequestsInFlight their number, by default 1024. Over it, callers are told
	// to come back.
	BytesInFlight    int64
	RequestsInFlight int
	// PageBytesInFlight likewise bounds the forms that people post and the pages
	// that they are shown, by default 16 MiB. Pages have room of their own, so
	// that who does not read them keeps no webhook out.
	PageBytesInFlight int64
}

// pageBytesInFlight is enough for several hundred pages of the usual length.
const pageBytesInFlight = 16 << 20

// public serves links.
type public struct {
	*app
	relay    *relay.Service
	bodies   *bodyReader // of what machines post
	pageRoom *capacity   // of what pages post and show
	crowds   perLink
	pages    *pages.Pages
	sameSite *http.CrossOriginProtection
}

// Public returns the handler of the public listener: links, robots.txt and a
// sign of life. Where the public URL has a path, everything is served under
// that path too, so it does not matter whether a proxy takes it off.
func Public(o PublicOptions) http.Handler {
	a := newApp("public", o.Logger, o.Metrics, o.Tracer)
	h := &public{
		app: a, relay: o.Relay, pages: o.Pages,
		bodies:   &bodyReader{limit: o.MaxOutput, capacity: a.byteCapacity(o.BytesInFlight)},
		pageRoom: a.byteCapacity(cmp.Or(o.PageBytesInFlight, pageBytesInFlight)),
		crowds:   perLink{busy: map[relay.LinkRef]int{}},
		sameSite: http.NewCrossOriginProtection(),
	}
	// A proxy may have changed the Host, with which browsers' Origin is compared.
	public := url.URL{Scheme: o.Relay.PublicURL.Scheme, Host: o.Relay.PublicURL.Host}
	if err := h.sameSite.AddTrustedOrigin(public.String()); err != nil {
		panic(err) // the settings were checked
	}
	a.errorPage = h.errorPage
	a.echo.Use(limitMisses())
	bound := bounded(cmp.Or(o.RequestsInFlight, requestsInFlight))
	prefixes := []string{""}
	prefix := strings.TrimSuffix(o.Relay.PublicURL.Path, "/")
	if prefix != "" {
		prefixes = append(prefixes, prefix)
	}
	a.echo.Pre(repairLinks(prefix))
	for _, prefix := range prefixes {
		a.pagePaths, a.linkPaths = append(a.pagePaths, prefix+"/a/"), append(a.linkPaths, prefix+"/c/")
		a.handle(prefix+"/c/:key", methods{http.MethodPost: bound(h.post)})
		a.handle(prefix+"/a/:key", methods{
			http.MethodGet: bound(h.page), http.MethodHead: bound(h.page), http.MethodPost: bound(h.submit),
		})
		a.get(prefix+"/robots.txt", robots)
		a.get(prefix+"/healthz", h.alive)
	}
	return a.echo
}

// enter finds the link that a request is for, and counts it among those of the
// link. The key comes first: a forged one costs neither memory nor a
// look-up. The caller calls leave when the request is done.
func (h *public) enter(c echo.Context, kinds []relay.LinkKind) (link relay.LinkRef, leave func(), err error) {
	link, err = h.relay.Resolve(c.Param("key"), kinds)
	if err != nil {
		return relay.LinkRef{}, nil, err
	}
	noteCallback(c, link.ID)
	leave, err = h.crowds.enter(link)
	if err != nil {
		return relay.LinkRef{}, nil, h.counted(err)
	}
	return link, leave, nil
}

// post serves the links that machines call.
func (h *public) post(c echo.Context) error {
	link, leave, err := h.enter(c, relay.MachineLinks)
	if err != nil {
		return err
	}
	defer leave()
	if link.Type == relay.LinkWebhook {
		return h.answer(c, link)
	}
	body, err := h.shortBody(c)
	if err != nil {
		return h.counted(err)
	}
	if reply, found := handshakeOf(c, body); found {
		return h.shakeHands(c, link, reply)
	}
	if link.Type == relay.LinkHeartbeat {
		return h.heartbeat(c, link)
	}
	return h.press(c, link)
}

// answer records what was posted as the task's output.
func (h *public) answer(c echo.Context, link relay.LinkRef) error {
	room, err := h.bodies.admit(c, bodies.KindOf(c.Request().Header).MaxBytes(h.bodies.limit))
	if err != nil {
		return h.counted(err)
	}
	defer room.release()
	output, err := h.bodies.read(c, room)
	if err != nil {
		return h.counted(err)
	}
	if reply, found := handshakeOf(c, output); found {
		return h.shakeHands(c, link, reply)
	}
	answered, err := h.relay.Answer(c.Request().Context(), link,
		relay.Outcome{Type: relay.OutcomeSuccess, Output: output})
	if err != nil {
		return h.counted(err)
	}
	return h.answered(c, link, answered)
}

// press answers with the outcome that a link has. A body is ignored.
func (h *public) press(c echo.Context, link relay.LinkRef) error {
	answered, err := h.relay.Press(c.Request().Context(), link)
	if err != nil {
		return h.counted(err)
	}
	return h.answered(c, link, answered)
}

// answered says that an answer was taken.
func (h *public) answered(c echo.Context, link relay.LinkRef, answered relay.Answered) error {
	body := api.AnswerResponse{
		ID: string(answered.ID), Status: api.StatusAccepted, Duplicate: answered.Duplicate, Text: answered.Response.Text,
	}
	page := pages.Page{State: pages.OnItsWay}
	if link.Type == relay.LinkFailure { // which a page must not thank for as for a success
		page.Decisions = []pages.Decision{{Action: pages.ActionFailure, Yours: true}}
	}
	if answered.State == relay.StateDelivered {
		body.Status, page.State = api.StatusDelivered, pages.Decided
	}
	if answered.Duplicate {
		h.metrics.Answered("duplicate", "")
	} else {
		h.metrics.Answered(body.Status, "")
	}
	return h.said(c, body, page)
}

// said tells whoever used a machine's link what came of it: as JSON, unless the
// link has a text and the caller would rather read that.
func (h *public) said(c echo.Context, body api.AnswerResponse, page pages.Page) error {
	if body.Text != "" {
		switch accepts(c, echo.MIMEApplicationJSON, echo.MIMETextHTML, echo.MIMETextPlain) {
		case echo.MIMETextHTML:
			page.Text, page.Reference = body.Text, reference(body.ID)
			return h.show(c, http.StatusOK, page)
		case echo.MIMETextPlain:
			return c.String(http.StatusOK, body.Text+"\n")
		}
	}
	return c.JSON(http.StatusOK, body)
}

// heartbeat tells Step Functions that the work goes on. A body is ignored.
func (h *public) heartbeat(c echo.Context, link relay.LinkRef) error {
	response, err := h.relay.Heartbeat(c.Request().Context(), link)
	if err != nil {
		return h.counted(err)
	}
	h.metrics.Answered(api.StatusAlive, "")
	return h.said(c, api.AnswerResponse{ID: string(link.ID), Status: api.StatusAlive, Text: response.Text}, pages.Page{State: pages.Alive})
}

// counted counts an answer that was not taken.
func (h *public) counted(err error) error {
	h.metrics.Answered(resultOf(err))
	return err
}

// robots asks search engines to stay away.
func robots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nDisallow: /\n")
}
