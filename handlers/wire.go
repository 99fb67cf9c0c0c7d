package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
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

// shapes says of what type a field is, where that is not a text.
var shapes = map[string]string{
	"body":  "an object",
	"tags":  "an object of texts",
	"links": `an object of objects such as {"type":"webhook"}`,
}

// decodeStrictly decodes one JSON object. A field that is not known is a
// mistake, most likely a misspelt one, and so is one that is given twice.
func decodeStrictly(body []byte, into any) error {
	if err := relay.CheckJSON(body); err != nil {
		return err
	}
	if err := checkNames(json.NewDecoder(bytes.NewReader(body)), reflect.TypeOf(into), "body"); err != nil {
		return err
	}
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		field := cmp.Or(wrong.Field, "body")
		return &relay.InvalidFieldError{Field: field, Problem: "must be " + cmp.Or(shapes[field], "a text")}
	}
	// What is left is a time that is not one.
	return &relay.InvalidFieldError{Field: "expiresAt", Problem: "must be an RFC 3339 time such as 2030-01-31T12:00:00Z"}
}

// checkNames reads one JSON value that is to become a t, and refuses what
// encoding/json lets pass: names that are not quite those of a field, in other
// case say, and names given twice, of which the last would count.
func checkNames(d *json.Decoder, t reflect.Type, field string) error {
	token, err := d.Token()
	if err != nil {
		return &relay.InvalidBodyError{Offset: int(d.InputOffset()), Problem: "not one JSON value"}
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if token == json.Delim('[') {
			if err := checkNames(d, nil, field); err != nil {
				return err
			}
			continue
		}
		key, _ := d.Token() // of JSON that was checked
		name := fmt.Sprint(key)
		of, at, err := member(t, field, name)
		if err == nil && seen[name] {
			problem := "is given more than once"
			if at == field {
				problem = "has one name more than once"
			}
			err = &relay.InvalidFieldError{Field: at, Problem: problem}
		}
		if err != nil {
			return err
		}
		seen[name] = true
		if err := checkNames(d, of, at); err != nil {
			return err
		}
	}
	_, _ = d.Token() // the end of it
	return nil
}

// member returns the type of what has the name in an object that is to become
// a t, and the field that mistakes in it are reported of. The type is nil where
// there should be no object: that is for the decoder to report.
func member(t reflect.Type, field, name string) (reflect.Type, string, error) {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil || t == reflect.TypeFor[time.Time]():
		return nil, field, nil
	case t.Kind() == reflect.Map:
		return t.Elem(), field, nil
	case t.Kind() != reflect.Struct:
		return nil, field, nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f.Type, strings.TrimPrefix(field+"."+name, "body."), nil
		}
	}
	return nil, "", &relay.InvalidFieldError{Field: fmt.Sprintf("%.64s", name), Problem: "is not a known field"}
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
		if r.Expires.At.IsZero() {
			r.Expires.At = time.UnixMilli(0) // as long past, but not "none given"
		}
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
