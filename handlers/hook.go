package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/relay"
)

// otherMethods are the methods other than POST. The sender of a hook may test its URL with
// some of them.
var otherMethods = slices.DeleteFunc(slices.Clone(loggedMethods), func(method string) bool { return method == http.MethodPost })

// methodError is for a method with which the sender of a hook does not test its URL.
type methodError struct{ allowed []string }

// Error implements error.
func (*methodError) Error() string { return "the sender of this hook does not use this method" }

// Unwrap makes it a 405.
func (*methodError) Unwrap() error { return echo.ErrMethodNotAllowed }

// hookPart is the part of a listener's requests and bytes that one hook may take. All
// events of an account come to one hook, so the bound of a link would be too low. But
// whoever knows its URL must leave room for links and other hooks.
const hookPart = 4

// hookBounds bound the requests to each hook and their bytes.
type hookBounds struct {
	bounds[string]
	all *room // of the listener

	roomsMu sync.Mutex
	rooms   map[string]*room // of each hook, by the name of its sender
}

func newHookBounds(requests int, all *room) hookBounds {
	return hookBounds{
		bounds: bounds[string]{most: max(1, requests/hookPart), requests: map[string]int{}},
		all:    all, rooms: map[string]*room{},
	}
}

// room returns the room of a hook. Only the configuration file can name hooks, so they
// are few.
func (b *hookBounds) room(sender string) *room {
	b.roomsMu.Lock()
	defer b.roomsMu.Unlock()
	found, ok := b.rooms[sender]
	if !ok {
		found = &room{most: b.all.most / hookPart, within: b.all}
		b.rooms[sender] = found
	}
	return found
}

// hookHandler serves a request to a hook.
type hookHandler func(c echo.Context, hook relay.Hook) error

// onHook finds the hook that a request is for, and bounds how many requests to the hook
// are handled at once. As for a link, the key is checked first.
func (h *public) onHook(serve hookHandler) echo.HandlerFunc {
	return func(c echo.Context) error {
		hook, err := h.relay.ResolveHook(c.Param("key"))
		if err != nil {
			return err
		}
		c.Set(senderAttr, hook.Name)
		return h.hooks.bound(hook.Name, func() error { return serve(c, hook) })
	}
}

// event takes what the sender of a hook posts.
func (h *public) event(c echo.Context, hook relay.Hook) error {
	held := &share{of: h.hooks.room(hook.Name)}
	defer held.release()
	body, err := readBody(c, bodyLimit{bytes: h.relay.EventBodyLimit()}, held)
	if large := (*bodies.TooLargeError)(nil); errors.As(err, &large) {
		h.relay.EventTooLarge(c.Request().Context(), hook, large.Actual)
	}
	if err != nil {
		return err
	}
	receipt, err := h.relay.ReceiveEvent(c.Request().Context(), hook, h.postOf(c, body, held))
	if err != nil {
		return err
	}
	if receipt.Handshake {
		h.answered(c, receipt.Reply.Sender)
	}
	if receipt.Reply != nil {
		if wrote, err := writeReply(c, *receipt.Reply); wrote {
			return err
		}
	}
	return c.JSON(http.StatusOK, api.EventResponse{Status: string(receipt.Verdict), Reason: receipt.Reason})
}

// probe answers a request other than a POST with which the sender of a hook tests its URL.
// Its body is not read.
func (h *public) probe(c echo.Context, hook relay.Hook) error {
	reply, found, err := h.relay.ProbeHook(c.Request().Context(), hook, c.Request().Method, h.postOf(c, nil, nil))
	if err != nil {
		return err
	}
	if !found {
		others := slices.DeleteFunc(hook.Methods(), func(method string) bool { return method == c.Request().Method })
		return &methodError{slices.Sorted(slices.Values(others))}
	}
	h.answered(c, reply.Sender)
	_, err = writeReply(c, reply)
	return err
}

// answered logs that a handshake at a hook was answered.
func (h *public) answered(c echo.Context, sender string) {
	name, _ := c.Get(senderAttr).(string)
	h.logger.LogAttrs(c.Request().Context(), slog.LevelInfo, "handshake answered", slog.String("hook", name), slog.String("sender", sender))
}
