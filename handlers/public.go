package handlers

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

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

	// BytesInFlight bounds the bodies of all POSTs that are being handled, and
	// RequestsInFlight their number, by default 1024. Callers over these bounds get a
	// 503 and try again.
	BytesInFlight    int64
	RequestsInFlight int
	// PageBytesInFlight bounds in the same way the forms that people post and the pages
	// that they get, by default 16 MiB. Pages have their own room, so that clients who
	// do not read them cannot block webhooks.
	PageBytesInFlight int64
}

// pageBytesInFlight is enough for several hundred pages of the usual length.
const pageBytesInFlight = 16 << 20

// public serves links and hooks.
type public struct {
	*app
	relay    *relay.Service
	postRoom *room // for what machines post
	pageRoom *room // for what pages post and show
	links    bounds[relay.LinkRef]
	hooks    hookBounds
	pages    *pages.Pages
	sameSite *http.CrossOriginProtection
}

// Public returns the handler of the public listener: links, hooks, robots.txt and healthz.
// If the public URL has a path, everything is also served under that path, so it does
// not matter whether a proxy removes it.
func Public(o PublicOptions) http.Handler {
	a := newApp("public", o.Logger, o.Metrics, o.Tracer)
	h := &public{
		app: a, relay: o.Relay, pages: o.Pages,
		postRoom: a.byteRoom(o.BytesInFlight),
		pageRoom: a.byteRoom(cmp.Or(o.PageBytesInFlight, pageBytesInFlight)),
		links:    bounds[relay.LinkRef]{most: requestsPerLink, requests: map[relay.LinkRef]int{}},
		sameSite: http.NewCrossOriginProtection(),
	}
	// The Origin is compared with the Host, which a proxy may have changed.
	public := o.Relay.PublicURL()
	origin := url.URL{Scheme: public.Scheme, Host: public.Host}
	if err := h.sameSite.AddTrustedOrigin(origin.String()); err != nil {
		panic(err) // impossible: the settings were checked
	}
	a.errorPage = h.errorPage
	a.echo.Use(limitMisses())
	requests := cmp.Or(o.RequestsInFlight, requestsInFlight)
	bound := bounded(requests)
	h.hooks = newHookBounds(requests, h.postRoom)
	prefixes := []string{""}
	prefix := strings.TrimSuffix(public.Path, "/")
	if prefix != "" {
		prefixes = append(prefixes, prefix)
	}
	a.echo.Pre(repairLinks(prefix))
	for _, prefix := range prefixes {
		a.pagePaths, a.linkPaths = append(a.pagePaths, prefix+"/a/"), append(a.linkPaths, prefix+"/c/", prefix+"/h/")
		a.handle(prefix+"/c/:key", methods{http.MethodPost: bound(h.onLink(relay.MachineLinks, h.post))})
		a.handle(prefix+"/h/:key", methods{http.MethodPost: bound(h.onHook(h.event))})
		a.echo.Match(otherMethods, prefix+"/h/:key", bound(h.onHook(h.probe))) // each sender has its own
		page, submit := bound(h.onLink(relay.PageLinks, h.page)), bound(h.onLink(relay.PageLinks, h.submit))
		a.handle(prefix+"/a/:key", methods{http.MethodGet: page, http.MethodHead: page, http.MethodPost: submit})
		a.get(prefix+"/robots.txt", robots)
		a.get(prefix+"/healthz", h.alive)
	}
	return a.echo
}

// linkHandler serves one link of a callback.
type linkHandler func(c echo.Context, link relay.LinkRef) error

// onLink finds the link that a request is for, bounds how many requests to the link
// are handled at once, and counts each post that fails. The key is checked first, so
// that a forged key costs neither memory nor a look-up, and is not counted.
func (h *public) onLink(kinds []relay.LinkKind, serve linkHandler) echo.HandlerFunc {
	return func(c echo.Context) error {
		link, err := h.relay.Resolve(c.Param("key"), kinds)
		if err != nil {
			return err
		}
		noteCallback(c, link.ID)
		err = h.links.bound(link, func() error { return serve(c, link) })
		if err != nil && c.Request().Method == http.MethodPost {
			result, reason := resultOf(err)
			h.endedAs(c, result, reason)
		}
		return err
	}
}

// endedAs counts a post to a link, and notes for the log what became of it: the reason if
// there is one, and otherwise the result.
func (h *public) endedAs(c echo.Context, result, reason string) {
	h.metrics.Answered(result, reason)
	c.Set(answerAttr, cmp.Or(reason, result))
}

// robots asks search engines to stay away.
func robots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nDisallow: /\n")
}
