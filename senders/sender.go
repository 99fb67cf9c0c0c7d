package senders

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"callback-relay/publickeys"
	"callback-relay/rules"
)

// Request is a post as it arrived, for the check of its proof.
type Request struct {
	Method string
	// URL is the URL that the sender was given: the public URL, the path and the raw
	// query as they arrived.
	URL    string
	Header http.Header
	Query  url.Values
	Body   []byte // raw: not unpacked, not decoded
	Now    time.Time
}

// Sender knows how one sender proves itself, and what it expects. It does not change,
// and can be used by several goroutines.
type Sender struct {
	row    *row
	spec   Spec
	prover prover
}

// prover checks the proof of a post.
type prover interface {
	// prove returns the secret that proves the post; nil where there is none, such as
	// for signatures of the sender's own key.
	prove(ctx context.Context, r Request) (secret []byte, err error)
}

// New returns the sender that a spec describes. If it cannot, the error joins a
// [*SpecError] for each mistake. Presets that need a public key of their sender fetch it
// when the first post arrives; see [WithKeys].
func New(spec Spec, options ...Option) (*Sender, error) {
	settings := settings{keys: publickeys.Shared}
	for _, option := range options {
		option(&settings)
	}
	var m mistakes
	row := rowOf(spec, &m)
	if row == nil {
		return nil, errors.Join(m...)
	}
	if row.Account != "" && spec.Account == "" {
		m.add("account", "is missing: %s signs everybody's events with one key. Give %s", row.Title, row.Account)
	}
	secretsGiven := true
	if row.Needs != "" {
		secretsGiven = m.checkSecrets(spec, row.Needs)
		if row.ChosenByYou {
			m.checkChosen(spec, row.Ways)
		}
	}
	if spec.Header != "" && (row.HeaderDefault == "" || !headerName.MatchString(spec.Header)) {
		m.add("header", "%q cannot be chosen as the header of this sender", cut(spec.Header))
	}
	if spec.URL != "" && !strings.HasPrefix(spec.URL, "https://") && !strings.HasPrefix(spec.URL, "http://") {
		m.add("url", "must be a whole URL, such as https://hooks.example.com/stripe")
	}
	for _, field := range []struct{ name, value string }{{"url", spec.URL}, {"account", spec.Account}, {"user", spec.User}, {"verifyToken", spec.VerifyToken}} {
		if len(field.value) > maxText {
			m.add(field.name, "has %d bytes; at most %d are allowed", len(field.value), maxText)
		}
	}
	var prover prover
	if secretsGiven { // then all mistakes in them are found, too
		prover = row.newProver(spec, settings.keys, &m)
	}
	if len(m) > 0 {
		return nil, errors.Join(m...)
	}
	return &Sender{row: row, spec: spec, prover: prover}, nil
}

// Option is an option of [New].
type Option func(*settings)

// settings are what options set.
type settings struct{ keys *publickeys.Cache }

// WithKeys sets where public keys of senders are fetched and kept. Without it, all
// senders of the process share one cache.
func WithKeys(keys *publickeys.Cache) Option { return func(s *settings) { s.keys = keys } }

// OwnProof is what [Sender.Preset] returns for a sender that has a proof of its own.
const OwnProof = "proof"

// Preset returns the name of the preset, or [OwnProof]. It is one of few, so metrics
// can use it as a label.
func (s *Sender) Preset() string { return s.row.Name }

// Check checks the proof of a post. It returns nil if the sender posted it, an
// [*UnprovenError] if not, and an [*UnavailableError] if that could not be found out.
func (s *Sender) Check(ctx context.Context, r Request) error {
	if s.spec.URL != "" {
		r.URL = s.spec.URL
	}
	if s.row.objects && !bytes.HasPrefix(r.Body, []byte("{")) {
		return unproven(Signature, "a signature of "+s.row.Title+" counts only for a body that begins with {, so not for a compressed one")
	}
	_, err := s.prover.prove(ctx, r)
	return err
}

// SecretPlaces returns where the sender posts a shared value as it is: the names of headers,
// in lower case, and of parameters of the query, as they are written. What is there must
// not be shown to those who read the task's output. A header that ends in "*" stands for
// all that begin like it.
func (s *Sender) SecretPlaces() (headers, parameters []string) {
	switch p := s.prover.(type) {
	case authorization:
		headers = []string{"authorization"}
		if p.parameter != "" {
			parameters = []string{p.parameter}
		}
	case proofs:
		for _, way := range p {
			if way.Algorithm != sharedSecret {
				continue
			}
			for _, name := range way.Header {
				headers = append(headers, strings.ToLower(name))
			}
			if way.Query != "" {
				parameters = append(parameters, way.Query)
			}
		}
	}
	return headers, parameters
}

// SignsURL reports whether the URL is part of what the sender signs, so that a post is not
// proven at another one.
func (s *Sender) SignsURL() bool {
	switch p := s.prover.(type) {
	case twilio:
		return true
	case proofs:
		return slices.ContainsFunc(p, func(way readyProof) bool { return slices.Contains(way.Signed, "url") })
	}
	return false
}

// Event says where events have their id and type, as CEL expressions over body, headers
// and query.
func (s *Sender) Event() rules.EventSpec {
	if s.spec.Event != nil {
		return *s.spec.Event
	}
	return s.row.Event
}

// Unwrap returns the event in the JSON of a body. It is the body, unless the sender posts
// a form with the event in one of its fields.
func (s *Sender) Unwrap(body []byte) []byte {
	if s.row.Field == "" || !bytes.Contains(body, []byte(s.row.Field)) { // most bodies are not forms
		return body
	}
	var form members
	if json.Unmarshal(body, &form) != nil {
		return body
	}
	if event := []byte(form.text(s.row.Field)); json.Valid(event) {
		return event
	}
	return body
}

// Outcomes returns what events mean to a task, or nil if a registration must say so.
// Presets have outcomes if their sender can be given one URL for each job, and it is
// clear which events are final.
func (s *Sender) Outcomes() []rules.Outcome { return s.row.Outcomes }

// Acknowledgement returns the reply that the sender expects to an event, or nil if any
// success will do.
func (s *Sender) Acknowledgement() *Reply { return s.row.acknowledgement }

// Patience returns how long the sender waits for the response to a post; 0 if that is not
// known, or over ten seconds.
func (s *Sender) Patience() time.Duration { return s.row.patience }

// Unproven returns the reply that the sender expects if its proof does not hold, or nil
// if any will do. Some senders test a URL with wrong signatures.
func (s *Sender) Unproven() *Reply { return s.row.unproven }

// UnprovenError says that a post was not proven to be the sender's.
type UnprovenError struct {
	Reason Reason
	Detail string // for people; it shows nothing that was posted
}

// Error implements error.
func (e *UnprovenError) Error() string { return "not proven (" + string(e.Reason) + "): " + e.Detail }

// Reason is why a proof does not hold.
type Reason string

// The reasons, in the order of how much is right.
const (
	Missing     Reason = "missing"     // no signature
	Malformed   Reason = "malformed"   // not what the sender writes
	Version     Reason = "version"     // only signatures of other kinds
	Account     Reason = "account"     // the sender's, for somebody else
	Certificate Reason = "certificate" // signed by a certificate that is not the sender's
	Digest      Reason = "digest"      // the signed digest is of another body
	Signature   Reason = "signature"   // another secret, or other bytes
	Stale       Reason = "timestamp"   // signed, but at another time
)

// reasons are all reasons in order.
var reasons = []Reason{Missing, Malformed, Version, Account, Certificate, Digest, Signature, Stale}

// Reasons returns all reasons.
func Reasons() []Reason { return append([]Reason(nil), reasons...) }

// unproven returns an [*UnprovenError].
func unproven(reason Reason, detail string) error { return &UnprovenError{reason, detail} }

// UnavailableError says that a proof could not be checked now, for example because the
// sender's certificate cannot be fetched. The sender should try again.
type UnavailableError struct {
	What string // such as "the certificate of SNS"
	Err  error
}

// Error implements error.
func (e *UnavailableError) Error() string { return e.What + " is unavailable: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }
