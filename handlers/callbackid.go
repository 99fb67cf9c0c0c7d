package handlers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/labstack/echo/v4"

	"callback-relay/relay"
)

// callbackID returns the id in the path of a request. The path may have a reference, as
// pages show it, if only one callback has it.
func (h *private) callbackID(c echo.Context) (relay.CallbackID, error) {
	id, _, err := h.findCallback(c)
	return id, err
}

// wholeID is callbackID for a request that changes the callback, which must have the whole
// id: a reference that was misread must not cancel another callback.
func (h *private) wholeID(c echo.Context) (relay.CallbackID, error) {
	id, whole, err := h.findCallback(c)
	if err == nil && !whole {
		err = &relay.InvalidFieldError{Field: "id", Problem: fmt.Sprintf(
			"must be the whole id in a request that changes a callback: if you mean %s, repeat the request with it", id)}
	}
	return id, err
}

func (h *private) findCallback(c echo.Context) (id relay.CallbackID, whole bool, err error) {
	text := c.Param("id")
	if id, err = relay.ParseCallbackID(text); err == nil {
		noteCallback(c, id)
		return id, true, nil
	}
	reference, ok := relay.ParseReference(text)
	if !ok {
		return "", false, ofCallback(err)
	}
	id, err = h.relay.WithReference(c.Request().Context(), reference)
	if errors.Is(err, relay.ErrNotFound) {
		return "", false, fmt.Errorf("%w: %w", errNoReference, err)
	}
	if err != nil {
		return "", false, err
	}
	noteCallback(c, id)
	return id, false, nil
}

// ofCallback makes two errors more specific: an unknown id is not the same as an
// unknown address, and a change that is too late is not the same as an answer that
// is too late.
func ofCallback(err error) error {
	if errors.Is(err, relay.ErrNotFound) {
		return fmt.Errorf("%w: %w", errNoCallback, err)
	}
	if errors.Is(err, relay.ErrAlreadyAnswered) {
		return fmt.Errorf("%w: %w", errAnswered, err)
	}
	return err
}

// listed writes ids for an error's text.
func listed(ids []relay.CallbackID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}
