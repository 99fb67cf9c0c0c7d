package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/relay"
	"callback-relay/senders"
)

// handshakeOf tells whether a post only tries the link, and how its sender wants
// to be answered.
func handshakeOf(c echo.Context, body []byte) (senders.Reply, bool) {
	return senders.Handshake(senders.Post{Header: c.Request().Header, Query: c.QueryParams(), JSON: body})
}

// shakeHands answers a post that only tries the link. The task waits on. Senders
// try a link again after it was answered, some every few hours, and give up on
// it for good when they hear of an error; only where the callback was cancelled,
// or its time is over, they are told so.
func (h *public) shakeHands(c echo.Context, link relay.LinkRef, reply senders.Reply) error {
	if err := h.relay.Waits(c.Request().Context(), link); err != nil && !errors.Is(err, relay.ErrAlreadyAnswered) {
		return h.counted(err)
	}
	h.logger.LogAttrs(c.Request().Context(), slog.LevelInfo, "handshake answered",
		slog.String("callback", string(link.ID)), slog.String("sender", reply.Sender))
	h.metrics.Answered("handshake", "")
	for name, values := range reply.Header {
		c.Response().Header()[name] = slices.Clone(values)
	}
	if reply.Body == nil {
		return c.JSON(http.StatusOK, api.AnswerResponse{ID: string(link.ID), Status: api.StatusIgnored})
	}
	if len(reply.Body) == 0 {
		return c.NoContent(reply.Status)
	}
	return c.Blob(reply.Status, reply.ContentType, reply.Body)
}

// shortBody returns what the body of a request becomes, where it may be that of
// a handshake: "{}" for one that is too long, or that becomes nothing. It is for
// links that do not care what is posted to them, and must not be pressed by a
// handshake for which there was no room, or of which half arrived.
func (h *public) shortBody(c echo.Context) ([]byte, error) {
	empty := []byte("{}")
	if n := c.Request().ContentLength; n == 0 || n > senders.MaxHandshake { // -1 is not known
		return empty, nil
	}
	short := bodyReader{limit: senders.MaxHandshake, capacity: h.bodies.capacity}
	room, err := short.admit(c, short.limit)
	if err != nil {
		return nil, err
	}
	defer room.release()
	body, err := readAll(c, short.limit, room)
	if large := (*bodies.TooLargeError)(nil); errors.As(err, &large) {
		return empty, nil
	}
	if err != nil {
		return nil, err
	}
	output, err := short.convert(bodies.KindOf(c.Request().Header), body, room)
	switch {
	case errors.Is(err, errOverloaded):
		return nil, err
	case err != nil:
		return empty, nil
	}
	return output, nil
}
