package handlers

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/durations"
	"callback-relay/relay"
	"callback-relay/senders"
)

// senders shows the senders of the configuration file.
func (h *private) senders(c echo.Context) error {
	wire := api.SenderList{Senders: []api.ConfiguredSender{}}
	for _, s := range h.relay.ConfiguredSenders() {
		shown := api.ConfiguredSender{Name: s.Name}
		if s.Sender != nil && s.Sender.Preset() != senders.OwnProof {
			shown.Preset = s.Sender.Preset()
		}
		if s.Hook != nil {
			shown.Hook = &api.Hook{URL: h.relay.HookURL(s.Name), Keep: durations.Format(s.Hook.Keep), Proof: s.Sender != nil}
		}
		wire.Senders = append(wire.Senders, shown)
	}
	return c.JSON(http.StatusOK, wire)
}

// events shows events of a sender's hook that nobody has used.
func (h *private) events(c echo.Context) error {
	most := 0
	err := readParameters(c, []string{"limit"}, func(_, value string) (problem string) {
		most, problem = limit(value, relay.MaxFreeListed)
		return problem
	})
	if err != nil {
		return err
	}
	events, total, err := h.relay.FreeEvents(c.Request().Context(), c.Param("name"), most)
	if err != nil {
		return ofSender(err)
	}
	wire := api.KeptEvents{Events: make([]api.KeptEvent, len(events)), Total: total}
	for i, e := range events {
		wire.Events[i] = api.KeptEvent{
			Key: string(e.Digest), Event: e.Event, ID: e.ID, Type: e.Type, At: e.At, EndsAt: e.Ends, Bytes: e.Bytes,
		}
	}
	return c.JSON(http.StatusOK, wire)
}

// dropEvents drops events of a sender's hook that nobody has used, as many as one step may.
func (h *private) dropEvents(c echo.Context) error {
	dropped, left, err := h.relay.DropEvents(c.Request().Context(), c.Param("name"))
	if err != nil {
		return ofSender(err)
	}
	return c.JSON(http.StatusOK, api.DroppedEvents{Dropped: dropped, Left: left})
}

// dropEvent drops one of them.
func (h *private) dropEvent(c echo.Context) error {
	digest, err := relay.ParseAwaitDigest(c.Param("key"))
	if err == nil {
		err = h.relay.DropEvent(c.Request().Context(), c.Param("name"), digest, c.Param("event"))
	}
	if errors.Is(err, relay.ErrNotFound) {
		return fmt.Errorf("%w: %w", errNoEvent, err)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// ofSender makes an error more specific, as [ofCallback] does.
func ofSender(err error) error {
	if errors.Is(err, relay.ErrNotFound) {
		return fmt.Errorf("%w: %w", errNoSender, err)
	}
	return err
}
