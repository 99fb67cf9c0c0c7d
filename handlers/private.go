package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/relay"
)

// PrivateOptions are the parts of the private listener. All are required.
type PrivateOptions struct {
	Relay   *relay.Service
	Logger  *slog.Logger
	Metrics Metrics
	Tracer  Tracer

	Keys       []APIKey
	Exposition http.Handler // of the metrics
	// Ready returns what keeps the relay from serving, and Warnings what else may be
	// wrong. /readyz shows both.
	Ready    func(context.Context) []api.FailedCheck
	Warnings func() []api.Warning
}

// privateBytesInFlight bounds the bodies that are being handled.
const privateBytesInFlight = 32 << 20

// private serves the API.
type private struct {
	relay    *relay.Service
	metrics  Metrics
	room     *room // for bodies
	ready    func(context.Context) []api.FailedCheck
	warnings func() []api.Warning
}

// Private returns the handler of the private listener. The API requires a key; health,
// metrics and the API's description do not.
func Private(o PrivateOptions) http.Handler {
	a := newApp("private", o.Logger, o.Metrics, o.Tracer)
	a.trusted = true
	h := &private{
		relay: o.Relay, metrics: o.Metrics, ready: o.Ready, warnings: o.Warnings,
		room: a.byteRoom(privateBytesInFlight),
	}
	guard, bound := requireKey(o.Keys), bounded(requestsInFlight)
	auth := func(handler echo.HandlerFunc) echo.HandlerFunc { return bound(guard(handler)) }
	a.handle("/v1/callbacks", methods{http.MethodPost: auth(h.counted(h.create)), http.MethodGet: auth(h.list)})
	a.handle("/v1/callbacks/:id", methods{
		http.MethodGet: auth(h.inspect), http.MethodPatch: auth(h.update), http.MethodDelete: auth(h.cancel),
	})
	a.handle("/v1/callbacks/:id/links", methods{http.MethodPost: auth(h.addLink)})
	a.handle("/v1/callbacks/:id/links/:name", methods{http.MethodDelete: auth(h.revoke)})
	a.handle("/v1/callbacks/:id/history", methods{http.MethodGet: auth(h.history)})
	a.handle("/v1/senders", methods{http.MethodGet: auth(h.senders)})
	a.handle("/v1/senders/:name/events", methods{http.MethodGet: auth(h.events), http.MethodDelete: auth(h.dropEvents)})
	a.handle("/v1/senders/:name/events/:key/:event", methods{http.MethodDelete: auth(h.dropEvent)})
	a.get("/healthz", healthz)
	a.get("/readyz", h.readyz)
	a.get("/metrics", echo.WrapHandler(o.Exposition))
	a.get("/openapi.yaml", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/yaml", api.OpenAPI)
	})
	return a.echo
}

// create registers a task token.
func (h *private) create(c echo.Context) error {
	r, err := h.readRegistration(c)
	if err != nil {
		return err
	}
	cb, created, err := h.relay.Create(c.Request().Context(), r)
	if err != nil {
		return err
	}
	noteCallback(c, cb.ID)
	if created {
		h.metrics.Registered("created", "")
		return c.JSON(http.StatusCreated, h.renderWithSecrets(cb, r))
	}
	h.metrics.Registered("existed", "")
	return c.JSON(http.StatusOK, h.renderWithSecrets(cb, r))
}

// counted counts the registrations that a handler refuses.
func (h *private) counted(create echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := create(c)
		if err != nil {
			h.metrics.Registered(resultOf(err))
		}
		return err
	}
}

// inspect shows one callback.
func (h *private) inspect(c echo.Context) error {
	id, err := h.callbackID(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	cb, err := h.relay.Inspect(ctx, id)
	if err != nil {
		return ofCallback(err)
	}
	return c.JSON(http.StatusOK, h.renderWithAwaits(cb, nil, h.relay.Awaits(ctx, cb)))
}

// history shows what was not the straight way to the outcome of one callback.
func (h *private) history(c echo.Context) error {
	id, err := h.callbackID(c)
	if err != nil {
		return err
	}
	entries, err := h.relay.History(c.Request().Context(), id)
	if err != nil {
		return ofCallback(err)
	}
	wire := api.History{Entries: []api.HistoryEntry{}}
	for _, e := range entries {
		wire.Entries = append(wire.Entries, api.HistoryEntry{
			At: e.At, LastAt: e.Last, Count: e.Count, Link: e.Link,
			Verdict: e.Verdict, Reason: e.Reason, Outcome: outcomeNumber(e.Rule), EventID: e.EventID, Note: string(e.Text), Bytes: e.Bytes,
		})
	}
	return c.JSON(http.StatusOK, wire)
}

// outcomeNumber is nil for none.
func outcomeNumber(rule int) *int {
	if rule < 0 {
		return nil
	}
	return &rule
}

// update gives one callback another deadline.
func (h *private) update(c echo.Context) error {
	e, err := h.readUpdate(c)
	if err != nil {
		return err
	}
	return h.one(c, func(ctx context.Context, id relay.CallbackID) (relay.Callback, error) {
		return h.relay.Reschedule(ctx, id, e)
	})
}

// addLink gives one callback one more link, or replaces one.
func (h *private) addLink(c echo.Context) error {
	id, err := h.wholeID(c)
	if err != nil {
		return err
	}
	name, request, err := h.readLink(c)
	if err != nil {
		return err
	}
	v, err := h.relay.AddLink(c.Request().Context(), id, name, request)
	if err != nil {
		return ofCallback(err)
	}
	wire := h.renderLink(v.Callback, v.Link, &v.Approval)
	wire.Secret = h.relay.SenderSecret(v.Callback, v.Link, request.Guard)
	return c.JSON(http.StatusCreated, wire)
}

// revoke closes one link of a callback.
func (h *private) revoke(c echo.Context) error {
	err := h.one(c, func(ctx context.Context, id relay.CallbackID) (relay.Callback, error) {
		return h.relay.Revoke(ctx, id, c.Param("name"))
	})
	if errors.Is(err, errNoCallback) {
		return fmt.Errorf("%w: %w", errNoLink, err)
	}
	return err
}

// cancel withdraws one callback.
func (h *private) cancel(c echo.Context) error {
	err := h.one(c, h.relay.Cancel)
	if err == nil {
		h.metrics.Cancelled()
	}
	return err
}

// one changes one callback, and shows it.
func (h *private) one(c echo.Context, do func(context.Context, relay.CallbackID) (relay.Callback, error)) error {
	id, err := h.wholeID(c)
	if err != nil {
		return err
	}
	cb, err := do(c.Request().Context(), id)
	if err != nil {
		return ofCallback(err)
	}
	return c.JSON(http.StatusOK, h.render(cb, nil))
}

// list shows a page of callbacks.
func (h *private) list(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	page, err := h.relay.List(c.Request().Context(), q)
	if err != nil {
		return err
	}
	body := api.CallbackList{
		Callbacks: make([]api.Callback, len(page.Callbacks)), NextCursor: page.Next,
		Examined: page.Examined,
	}
	if page.Examined > 0 {
		body.ExaminedTo = &page.ExaminedTo
	}
	for i, cb := range page.Callbacks {
		body.Callbacks[i] = h.render(cb, nil)
	}
	return c.JSON(http.StatusOK, body)
}
