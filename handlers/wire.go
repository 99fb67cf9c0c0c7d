package handlers

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/durations"
	"callback-relay/relay"
)

// maxRegistration bounds the body of a registration, in bytes. There is room for a
// link with the largest output, and for the longest texts that people read.
const maxRegistration = 512 << 10

// readRegistration reads the body of a registration.
func (h *private) readRegistration(c echo.Context) (relay.Registration, error) {
	var wire api.CreateRequest
	if err := h.readJSON(c, &wire); err != nil {
		return relay.Registration{}, err
	}
	return registration(wire)
}

// readUpdate reads the body of an update.
func (h *private) readUpdate(c echo.Context) (relay.Expires, error) {
	var wire api.UpdateRequest
	if err := h.readJSON(c, &wire); err != nil {
		return relay.Expires{}, err
	}
	return expires(wire.ExpiresIn, wire.ExpiresAt), nil
}

// readLink reads the body that asks for one more link.
func (h *private) readLink(c echo.Context) (name string, link relay.LinkRequest, err error) {
	var wire api.AddLinkRequest
	if err := h.readJSON(c, &wire); err != nil {
		return "", relay.LinkRequest{}, err
	}
	link, err = linkRequest("", wire.LinkRequest)
	return wire.Name, link, err
}

const byteOrderMark = "\ufeff"

// readJSON reads a body that is one JSON object. Its errors name what is wrong but
// quote no values, since one of them may be the task token.
func (h *private) readJSON(c echo.Context, into any) error {
	kind := bodies.KindOf(c.Request().Header)
	if kind.MediaType() != echo.MIMEApplicationJSON {
		return &bodies.UnsupportedError{Problem: "set the Content-Type header to application/json"}
	}
	if kind.Packed() {
		return &bodies.UnsupportedError{Problem: "send the body as it is, without a content encoding"}
	}
	held := &share{of: h.room}
	defer held.release()
	body, err := readBody(c, bodyLimit{bytes: maxRegistration}, held)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(body, []byte(byteOrderMark)) { // PowerShell writes one
		copy(body, "   ") // blanks, so that the offsets in errors stay correct
	}
	return decodeStrictly(body, into)
}

// ParseRegistration reads a registration as POST /v1/callbacks does. Its errors name the
// fields that are wrong; package relay finds further mistakes when it registers.
func ParseRegistration(body []byte) (relay.Registration, error) {
	var wire api.CreateRequest
	if err := decodeStrictly(body, &wire); err != nil {
		return relay.Registration{}, err
	}
	return registration(wire)
}

// never stands for a deadline that cannot be read: package relay refuses it together
// with all other mistakes in the registration.
const never time.Duration = -1

// registration converts a registration from the wire format.
func registration(wire api.CreateRequest) (relay.Registration, error) {
	r := relay.Registration{
		TaskToken: relay.TaskToken(wire.TaskToken),
		Expires:   expires(wire.ExpiresIn, wire.ExpiresAt),
		OnExpiry:  relay.OnExpiry(wire.OnExpiry),
		Tags:      wire.Tags,
	}
	var errs []error
	if len(wire.Links) > 0 {
		r.Links = make(map[string]relay.LinkRequest, len(wire.Links))
	}
	for _, name := range slices.Sorted(maps.Keys(wire.Links)) {
		link, err := linkRequest("links."+name+".", wire.Links[name])
		r.Links[name], errs = link, append(errs, err)
	}
	if len(wire.Awaits) > 0 {
		r.Awaits = make(map[string]relay.Guard, len(wire.Awaits))
	}
	for _, name := range slices.Sorted(maps.Keys(wire.Awaits)) {
		g, err := await("awaits."+name+".", wire.Awaits[name])
		r.Awaits[name], errs = g, append(errs, err)
	}
	if wire.Approval != nil {
		a, err := approval(*wire.Approval)
		r.Approval, errs = a, append(errs, err)
	}
	return r, errors.Join(errs...)
}

// expires converts a deadline from the wire format.
func expires(in string, at *time.Time) relay.Expires {
	var e relay.Expires
	if at != nil {
		e.At = *at
		if e.At.IsZero() {
			e.At = time.UnixMilli(0) // also in the past, but not mistaken for "none given"
		}
	}
	if in != "" {
		d, err := durations.Parse(in)
		if err != nil || d <= 0 {
			d = never
		}
		e.In = d
	}
	return e
}

// linkRequest converts a link from the wire format. at is the prefix of the names of its
// fields.
func linkRequest(at string, wire api.LinkRequest) (relay.LinkRequest, error) {
	link := relay.LinkRequest{
		LinkKind: relay.LinkKind{Type: relay.LinkType(wire.Type), Page: wire.Page},
		Output:   relay.Payload(wire.Output), Error: wire.Error, Cause: wire.Cause, Approver: wire.Approver.Name, Email: wire.Approver.Email,
		Title: wire.Title, Message: wire.Message, ButtonLabel: wire.ButtonLabel,
	}
	if wire.Response != nil {
		link.Response = relay.Response(*wire.Response)
	}
	var err error
	link.Guard, err = guard(at, wire)
	return link, err
}

func approval(wire api.Approval) (*relay.Approval, error) {
	details, err := readDetails(wire.Details)
	if err != nil {
		return nil, err
	}
	a := &relay.Approval{
		Title: wire.Title, Message: wire.Message, Details: details, RequestedBy: wire.RequestedBy, Forget: wire.Forget,
		ApproveLabel: wire.ApproveLabel, RejectLabel: wire.RejectLabel,
		Comment: relay.CommentMode(wire.Comment), OnReject: relay.OutcomeType(wire.OnReject),
		Verify: relay.Verify(wire.Verify), NotBy: wire.NotBy,
		Confirm: relay.Confirm(wire.Confirm), Required: wire.Required, Rejections: wire.Rejections,
	}
	for _, choice := range wire.Choices {
		a.Choices = append(a.Choices, relay.Choice{Value: choice.Value, Label: choice.Label, Style: relay.ButtonStyle(choice.Style)})
	}
	if wire.Fields != nil {
		a.Fields = []byte(wire.Fields)
	}
	return a, nil
}

// render converts a callback to the wire format, with the URLs of its links and, with an
// approval, the codes that their pages ask for.
func (h *private) render(cb relay.Callback, a *relay.Approval) api.Callback {
	wire := api.Callback{
		ID: string(cb.ID), State: string(cb.State),
		CreatedAt: cb.CreatedAt, ExpiresAt: cb.ExpiresAt, OnExpiry: string(cb.OnExpiry),
		Tags: cb.Tags, Links: make(map[string]api.Link, len(cb.Links)),
	}
	for _, link := range cb.Links {
		if link.Type != relay.LinkAwait {
			wire.Links[link.Name] = h.renderLink(cb, link, a)
			continue
		}
		if wire.Awaits == nil {
			wire.Awaits = map[string]api.Await{}
		}
		wire.Awaits[link.Name] = api.Await{Sender: link.Sender, Closed: link.Closed}
	}
	for _, d := range cb.Decisions {
		wire.Decisions = append(wire.Decisions, api.Decision{
			Decision: d.Word(), By: decider(d), At: d.At,
		})
	}
	for _, d := range cb.Declined {
		wire.Declined = append(wire.Declined, api.Decline{Link: d.Link, Approver: d.Approver, At: d.At, Note: string(d.Note)})
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

// decider converts who decided to the wire format.
func decider(d relay.Decision) api.Decider {
	wire := api.Decider{Link: d.Link, Approver: d.Approver, Typed: d.Typed}
	if p := d.Verified; p != nil {
		wire.Verified = &api.Person{Issuer: p.Issuer, Subject: p.Subject, Email: p.Email}
	}
	return wire
}

// renderWithAwaits is render, with the digests of what the callback waits for.
func (h *private) renderWithAwaits(cb relay.Callback, a *relay.Approval, awaits map[string]relay.Guard) api.Callback {
	wire := h.render(cb, a)
	for name, await := range awaits {
		if shown, found := wire.Awaits[name]; found {
			shown.Key = string(h.relay.AwaitDigest(await))
			wire.Awaits[name] = shown
		}
	}
	return wire
}

// renderLink converts a link to the wire format. With an approval, it includes the
// code that the link's page asks for.
func (h *private) renderLink(cb relay.Callback, link relay.Link, a *relay.Approval) api.Link {
	return api.Link{
		Type: string(link.Type), URL: h.relay.URL(cb, link), Code: h.relay.Code(cb, link, a),
		Page: link.Page, Approver: link.Approver, Guarded: link.Guarded, Closed: link.Closed,
	}
}

// renderWithSecrets is render, with the codes that pages ask for and the secrets that
// the relay chose for senders. Only the caller who registers or adds a link gets them,
// to send them separately from the links. Registering again returns them again, since
// an answer may be lost.
func (h *private) renderWithSecrets(cb relay.Callback, r relay.Registration) api.Callback {
	wire := h.renderWithAwaits(cb, r.Approval, r.Awaits)
	for _, link := range cb.Links {
		if secret := h.relay.SenderSecret(cb, link, r.Links[link.Name].Guard); secret != "" {
			shown := wire.Links[link.Name]
			shown.Secret = secret
			wire.Links[link.Name] = shown
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
