package senders

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"callback-relay/durations"
)

// proofs are the ways in which a sender may prove itself. One is enough.
type proofs []readyProof

// readyProof is a proof with its keys.
type readyProof struct {
	Proof
	keys     []key
	secrets  [][]byte // of the keys, in the same order
	borders  borders
	urlGiven bool // by the spec, so it is not as the post arrived
}

// newProofs reads the secrets. Each secret belongs to the proofs that have the longest
// prefix it begins with: a public key must never be used as the secret of an HMAC.
func newProofs(ways []Proof, s Spec, m *mistakes) proofs {
	ready := make(proofs, len(ways))
	for i, way := range ways {
		ready[i].Proof, ready[i].urlGiven = way, s.URL != ""
		ready[i].borders, _ = way.bordersOf(s.URL != "")
	}
	for i, secret := range s.Secrets {
		longest := -1
		for _, way := range ways {
			if strings.HasPrefix(secret, way.SecretPrefix) {
				longest = max(longest, len(way.SecretPrefix))
			}
		}
		if longest < 0 {
			m.add(secretField(i), "must begin with %q", ways[0].SecretPrefix)
			continue
		}
		for j := range ready {
			way := &ready[j]
			if len(way.SecretPrefix) != longest || !strings.HasPrefix(secret, way.SecretPrefix) {
				continue
			}
			key, err := way.newKey(secret)
			if err != nil {
				m.add(secretField(i), "is %s", err)
				break
			}
			way.keys = append(way.keys, key)
			way.secrets = append(way.secrets, []byte(strings.TrimPrefix(secret, way.SecretPrefix)))
		}
	}
	return slices.DeleteFunc(ready, func(p readyProof) bool { return len(p.keys) == 0 })
}

// prove implements [prover]. If no proof holds, the error is the one that got furthest.
func (all proofs) prove(_ context.Context, r Request) ([]byte, error) {
	var furthest *UnprovenError
	for i := range all {
		secret, failure := all[i].prove(r)
		if failure == nil {
			return secret, nil
		}
		if furthest == nil || slices.Index(reasons, failure.Reason) > slices.Index(reasons, furthest.Reason) {
			furthest = failure
		}
	}
	return nil, furthest
}

// prove checks one proof. The signature is checked before the time, so that a clock
// that is wrong can be told apart from a secret that is wrong.
func (p *readyProof) prove(r Request) ([]byte, *UnprovenError) {
	moments, failure := p.moments(r)
	if failure != nil {
		return nil, failure
	}
	for name, want := range p.Require {
		if r.Header.Get(name) != want {
			return nil, &UnprovenError{Version, fmt.Sprintf("the header %s is not %s", name, want)}
		}
	}
	for _, moment := range moments {
		parts, failure := p.parts(r, moment.timestamp)
		if failure != nil {
			return nil, failure
		}
		for i, key := range p.keys {
			if key.signed(parts, moment.signatures) {
				return p.secrets[i], p.checkTime(r, moment.timestamp)
			}
		}
	}
	if p.Algorithm == sharedSecret {
		return nil, &UnprovenError{Signature, "the value in " + p.place() + " is not the secret"}
	}
	return nil, &UnprovenError{Signature, "the signature in " + p.place() + " was made with another secret or over other bytes"}
}

// checkTime checks the timestamp of what is signed.
func (p *readyProof) checkTime(r Request, text string) *UnprovenError {
	if p.Timestamp == nil {
		return nil
	}
	if p.Timestamp.Body != "" {
		text = p.Timestamp.inBody(r.Body)
	}
	at, ok := p.Timestamp.parse(text)
	switch {
	case !ok:
		return &UnprovenError{Malformed, "the timestamp is not one in " + p.Timestamp.Unit}
	case !p.Timestamp.isFresh(at, r.Now):
		return &UnprovenError{Stale, fmt.Sprintf("the post was signed more than %s before or after the relay's time", durations.Format(p.Timestamp.tolerance()))}
	}
	return nil
}

// parts returns the signed bytes. It is certain where each part ends.
func (p *readyProof) parts(r Request, timestamp string) ([][]byte, *UnprovenError) {
	parts := make([][]byte, 0, len(p.Signed))
	for _, part := range p.Signed {
		kind, value, _ := strings.Cut(part, ":")
		switch kind {
		case "body":
			if failure := p.borders.check(r.Body); failure != nil {
				return nil, failure
			}
			parts = append(parts, r.Body)
		case "url":
			if failure := checkURL(r.URL); failure != nil && !p.urlGiven {
				return nil, failure
			}
			parts = append(parts, []byte(r.URL))
		case "method":
			parts = append(parts, []byte(r.Method))
		case "timestamp":
			parts = append(parts, []byte(timestamp))
		case "text":
			parts = append(parts, []byte(value))
		case "header":
			text, failure := single(r.Header, value)
			if failure != nil {
				return nil, failure
			}
			if !p.isTimestamp(part) && !signedHeader.MatchString(text) {
				return nil, &UnprovenError{Malformed, "the header " + value + ` is signed, and has something else than 1 to 128 letters, digits, "_", "-" and "="`}
			}
			parts = append(parts, []byte(text))
		}
	}
	return parts, nil
}

// single returns the value of a header that must be there once. If it were there twice,
// the value that is signed might not be the value that rules see.
func single(header http.Header, name string) (string, *UnprovenError) {
	switch values := header.Values(name); {
	case len(values) == 0 || values[0] == "":
		return "", &UnprovenError{Missing, "the header " + name + " is missing"}
	case len(values) > 1:
		return "", &UnprovenError{Malformed, "the header " + name + " is there more than once"}
	default:
		return values[0], nil
	}
}
