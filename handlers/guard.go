package handlers

import (
	"encoding/json"
	"errors"

	"callback-relay/api"
	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
)

// guard converts the part of a link that says who may post and what their events mean.
// It is nil if the link says nothing of it.
func guard(at string, wire api.LinkRequest) (*relay.Guard, error) {
	if wire.Sender == nil && wire.Vars == nil && wire.Outcomes == nil && wire.Otherwise == "" && wire.Envelope == nil {
		return nil, nil
	}
	g := &relay.Guard{Vars: wire.Vars, Otherwise: rules.Do(wire.Otherwise)}
	for _, outcome := range wire.Outcomes {
		g.Outcomes = append(g.Outcomes, rules.Outcome{
			When: outcome.When, Schema: outcome.Schema, Do: rules.Do(outcome.Do),
			Output: outcome.Output, Error: outcome.Error, Cause: outcome.Cause,
		})
	}
	if wire.Envelope != nil {
		g.Envelope = &relay.Envelope{Headers: wire.Envelope.Headers}
	}
	if wire.Sender == nil {
		return g, nil
	}
	var err error
	g.Sender, g.Inline, g.OneSecret, err = sender(at+"sender", wire.Sender)
	return g, err
}

// sender reads a sender: the name of a configured one, or a description.
func sender(field string, raw json.RawMessage) (name string, inline *senders.Spec, oneSecret bool, err error) {
	if json.Unmarshal(raw, &name) == nil && name != "" {
		return name, nil, false, nil
	}
	if len(raw) == 0 || raw[0] != '{' {
		return "", nil, false, &relay.InvalidFieldError{Field: field, Problem: `must be the name of a configured sender, or an object such as {"preset":"github","secret":"..."}`}
	}
	var wire api.Sender
	if err := decodePart(field, raw, &wire); err != nil {
		return "", nil, false, err
	}
	spec := &senders.Spec{
		Preset: wire.Preset, Secrets: wire.Secrets, Account: wire.Account, Header: wire.Header, User: wire.User, URL: wire.URL,
	}
	if wire.Event != nil {
		spec.Event = &rules.EventSpec{ID: wire.Event.ID, Type: wire.Event.Type}
	}
	if wire.Secret != "" {
		spec.Secrets = append(spec.Secrets, wire.Secret)
	}
	if wire.Proof != nil {
		spec.Proof = &senders.Proof{}
		err = decodePart(field+".proof", wire.Proof, spec.Proof)
	}
	return "", spec, len(wire.Secrets) == 0, err
}

// decodePart decodes a part of a registration that has a shape of its own.
func decodePart(field string, raw json.RawMessage, into any) error {
	err := decodeStrictly(raw, into)
	if wrong := (*relay.InvalidFieldError)(nil); errors.As(err, &wrong) {
		return &relay.InvalidFieldError{Field: field + "." + wrong.Field, Problem: wrong.Problem}
	}
	return err
}
