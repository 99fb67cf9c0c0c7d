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
	g := demands(wire)
	if wire.Sender == nil {
		return &g, nil
	}
	var err error
	g.Sender, g.Inline, g.OneSecret, err = sender(at+"sender", wire.Sender)
	return &g, err
}

// await converts an await.
func await(at string, wire api.AwaitRequest) (relay.Guard, error) {
	g := demands(api.LinkRequest{Vars: wire.Vars, Outcomes: wire.Outcomes, Otherwise: wire.Otherwise, Envelope: wire.Envelope})
	g.Sender = wire.Sender
	if wire.Key == nil {
		return g, nil // package relay says so
	}
	key, ok := rules.KeyOf(wire.Key)
	if g.Key = key; !ok {
		return g, &relay.InvalidFieldError{Field: at + "key", Problem: `must be a text such as "pi_3N", or a whole number such as 42 of at most 64 bits, ` +
			`in digits if it has more than 15 of them`}
	}
	return g, nil
}

// demands converts what a link and an await can demand of an event, beside its sender.
func demands(wire api.LinkRequest) relay.Guard {
	g := relay.Guard{Vars: wire.Vars, Otherwise: rules.Do(wire.Otherwise)}
	for _, outcome := range wire.Outcomes {
		g.Outcomes = append(g.Outcomes, rules.Outcome{
			When: outcome.When, Schema: outcome.Schema, Do: rules.Do(outcome.Do),
			Output: outcome.Output, Error: outcome.Error, Cause: outcome.Cause,
		})
	}
	if wire.Envelope != nil {
		g.Envelope = &relay.Envelope{Headers: wire.Envelope.Headers}
	}
	return g
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
