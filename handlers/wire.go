package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/relay"
)

// maxRegistration bounds the body of a registration, in bytes: a task token,
// tags and links at their longest, escaped in the longest way, fit.
const maxRegistration = 128 << 10

// readRegistration reads the body of a registration. All its errors name what
// is wrong, and quote no value: one of them is the task token.
func readRegistration(c echo.Context) (relay.Registration, error) {
	if mediaType, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); err != nil || mediaType != echo.MIMEApplicationJSON {
		return relay.Registration{}, &unsupportedError{"want Content-Type: application/json"}
	}
	if err := checkDeclared(c, maxRegistration); err != nil {
		return relay.Registration{}, err
	}
	body, err := readAll(c, maxRegistration)
	if err != nil {
		return relay.Registration{}, err
	}
	var wire api.CreateRequest
	if err := decodeStrictly(body, &wire); err != nil {
		return relay.Registration{}, err
	}
	return registration(wire), nil
}

// decodeStrictly decodes one JSON object. A field that is not known is a
// mistake, most likely a misspelt one.
func decodeStrictly(body []byte, into any) error {
	if err := relay.CheckJSON(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return nil
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		field := wrong.Field
		if field == "" {
			field = "body"
		}
		return &relay.InvalidFieldError{Field: field, Problem: fmt.Sprintf("has the wrong type (at byte %d)", wrong.Offset)}
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return &relay.InvalidFieldError{Field: fmt.Sprintf("%.64s", strings.Trim(name, `"`)), Problem: "is not a known field"}
	}
	// What is left is a time that is not one.
	return &relay.InvalidFieldError{Field: "expiresAt", Problem: "must be an RFC 3339 time such as 2030-01-31T12:00:00Z"}
}

// never is how a deadline that cannot be read is passed on: package relay
// refuses it, together with every other mistake in the registration.
const never time.Duration = -1

// registration turns the wire's form into the relay's.
func registration(wire api.CreateRequest) relay.Registration {
	r := relay.Registration{
		TaskToken: relay.TaskToken(wire.TaskToken),
		OnExpiry:  relay.OnExpiry(wire.OnExpiry),
		Tags:      wire.Tags,
	}
	if wire.ExpiresAt != nil {
		r.Expires.At = *wire.ExpiresAt
	}
	if wire.ExpiresIn != "" {
		in, err := api.ParseDuration(wire.ExpiresIn)
		if err != nil || in <= 0 {
			in = never
		}
		r.Expires.In = in
	}
	if len(wire.Links) > 0 {
		r.Links = make(map[string]relay.LinkType, len(wire.Links))
		for name, link := range wire.Links {
			r.Links[name] = relay.LinkType(link.Type)
		}
	}
	return r
}

// render turns a callback into the wire's form, with the URLs of its links.
func (h *private) render(cb relay.Callback) api.Callback {
	wire := api.Callback{
		ID: string(cb.ID), State: string(cb.State),
		CreatedAt: cb.CreatedAt, ExpiresAt: cb.ExpiresAt, OnExpiry: string(cb.OnExpiry),
		Tags: cb.Tags, Links: make(map[string]api.Link, len(cb.Links)),
	}
	for _, link := range cb.Links {
		wire.Links[link.Name] = api.Link{Type: string(link.Type), URL: h.relay.URL(cb, link)}
	}
	wire.URL = wire.Links[relay.DefaultLink].URL
	if o := cb.Outcome; o != nil {
		wire.Outcome = &api.Outcome{Type: string(o.Type), By: o.By, At: o.At, Error: o.Error}
	}
	if d := cb.Delivery; d != nil {
		wire.Delivery = &api.Delivery{
			Attempts: d.Attempts, LastError: d.LastError,
			NextAttemptAt: unlessZero(d.NextAttemptAt), DeliveredAt: unlessZero(d.DeliveredAt),
		}
		if cb.State == relay.StateDelivered {
			wire.Delivery.Confirmed = &d.Confirmed
		}
	}
	return wire
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
