package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/pages"
	"callback-relay/relay"
	"callback-relay/senders"
)

// post takes what a machine posts to a link.
func (h *public) post(c echo.Context, link relay.LinkRef) error {
	arrived := time.Now()
	held := &share{of: h.postRoom}
	defer held.release()
	body, err := h.readPost(c, link, held)
	if err != nil {
		return err
	}
	post := h.postOf(c, body, held)
	post.Arrived = arrived
	receipt, err := h.relay.Receive(c.Request().Context(), link, post)
	if err != nil {
		return err
	}
	return h.received(c, link, receipt)
}

// postOf returns what was posted, once its body was read.
func (h *public) postOf(c echo.Context, body []byte, held *share) relay.Post {
	req := c.Request()
	return relay.Post{URL: h.givenURL(req), Header: req.Header, Query: req.URL.RawQuery, Body: body, Room: held}
}

// givenURL returns the URL that the sender of a request was given: the public URL's
// scheme and host, whatever the proxies in between made of them, and the path and
// query as they arrived.
func (h *public) givenURL(req *http.Request) string {
	public := h.relay.PublicURL()
	prefix := strings.TrimSuffix(public.EscapedPath(), "/")
	target := req.RequestURI
	if !strings.HasPrefix(target, prefix+"/") { // a proxy has removed it
		target = prefix + target
	}
	return public.Scheme + "://" + public.Host + target
}

// readPost reads the body of a post. If the link needs no body, a body that is too
// long is ignored.
func (h *public) readPost(c echo.Context, link relay.LinkRef, held *share) ([]byte, error) {
	most, needed := h.relay.BodyLimit(link, c.Request().Header)
	limit := bodyLimit{bytes: most}
	if n := c.Request().ContentLength; !needed && (n == 0 || n > int64(most)) {
		return nil, nil
	}
	var tooLong func(bytes int)
	if needed {
		limit.longer = func() (longer int, err error) {
			longer, tooLong, err = h.relay.LongerBodyLimit(c.Request().Context(), link, c.Request().Header)
			return longer, err
		}
	}
	body, err := readBody(c, limit, held)
	if large := (*bodies.TooLargeError)(nil); errors.As(err, &large) {
		if !needed {
			return nil, nil
		}
		if tooLong != nil {
			tooLong(large.Actual)
		}
	}
	return body, err
}

// received answers a post: with the reply that its sender expects, or with the
// relay's own.
func (h *public) received(c echo.Context, link relay.LinkRef, r relay.Receipt) error {
	h.endedAs(c, resultOfPost(r), "")
	if r.Handshake {
		h.logger.LogAttrs(c.Request().Context(), slog.LevelInfo, "handshake answered",
			slog.String("callback", string(link.ID)), slog.String("sender", r.Reply.Sender))
	}
	if r.Reply != nil {
		if wrote, err := writeReply(c, *r.Reply); wrote {
			return err
		}
	}
	body := api.AnswerResponse{ID: string(r.ID), Status: string(r.Verdict), Duplicate: r.Duplicate, Text: r.Response.Text}
	if body.Text != "" {
		switch accepts(c, echo.MIMEApplicationJSON, echo.MIMETextHTML, echo.MIMETextPlain) {
		case echo.MIMETextHTML:
			return h.show(c, http.StatusOK, pageOfPost(link, body))
		case echo.MIMETextPlain:
			return c.String(http.StatusOK, body.Text+"\n")
		}
	}
	return c.JSON(http.StatusOK, body)
}

// resultOfPost returns the result of a post for the metrics.
func resultOfPost(r relay.Receipt) string {
	switch {
	case r.Handshake:
		return "handshake"
	case r.Duplicate:
		return "duplicate"
	}
	return string(r.Verdict)
}

// writeReply writes exactly the reply that a sender expects. It returns false if the
// reply only adds headers.
func writeReply(c echo.Context, reply senders.Reply) (wrote bool, err error) {
	for name, values := range reply.Header {
		c.Response().Header()[name] = slices.Clone(values)
	}
	switch {
	case reply.Body == nil:
		return false, nil
	case len(reply.Body) == 0:
		return true, c.NoContent(reply.Status)
	}
	return true, c.Blob(reply.Status, reply.ContentType, reply.Body)
}

// pageOfPost is the page for a person who posts to a machine's link from a browser.
func pageOfPost(link relay.LinkRef, body api.AnswerResponse) pages.Page {
	page := pages.Page{State: pages.OnItsWay, Text: body.Text, Reference: reference(link.ID)}
	switch relay.Verdict(body.Status) {
	case relay.PostAlive:
		page.State = pages.Alive
	case relay.PostDelivered:
		page.State = pages.Decided
	}
	if link.Type == relay.LinkFailure { // the page must not look like a success
		page.Decisions = []pages.Decision{{Action: pages.ActionFailure, Yours: true}}
	}
	return page
}
