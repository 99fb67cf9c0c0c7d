package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/munnerz/goautoneg"

	"callback-relay/bodies"
	"callback-relay/pages"
)

// A client must read a page at this pace, in bytes a second, after a grace period.
// Until the page is read, it holds its room.
const (
	pagePace  = 16 << 10
	pageGrace = 10 * time.Second
)

// show answers with a page. The page holds its room until it is written.
func (h *public) show(c echo.Context, status int, page pages.Page) error {
	held := &share{of: h.pageRoom}
	defer held.release()
	html := bodies.Buffer{Room: held}
	if err := h.pages.Render(&html, c.Request().Header.Get("Accept-Language"), page); err != nil {
		return err
	}
	setHeaders(c, status)
	for name, value := range h.pages.Headers() {
		c.Response().Header().Set(name, value)
	}
	c.Response().Header().Add(echo.HeaderVary, "Accept-Language")
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(html.Bytes())))
	within := pageGrace + time.Duration(len(html.Bytes()))*time.Second/pagePace
	if server, ok := c.Request().Context().Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout > 0 {
		within = min(within, server.WriteTimeout)
	}
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(within)) // fails only for the writers of tests
	return c.HTMLBlob(status, html.Bytes())
}

// accepts returns which of the media types a request prefers, or the first one if it
// does not say.
func accepts(c echo.Context, mediaTypes ...string) string {
	accept := c.Request().Header.Get(echo.HeaderAccept)
	if accept == "" {
		return mediaTypes[0]
	}
	if best := goautoneg.Negotiate(accept, mediaTypes); best != "" {
		return best
	}
	return mediaTypes[0]
}
