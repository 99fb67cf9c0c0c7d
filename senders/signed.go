package senders

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
)

// Bounds of what is tried for one post, so that a forged one costs little. DocuSign
// sends up to 100 signatures.
const (
	maxSignatures       = 100
	maxPublicSignatures = 10 // each takes longer to check
	maxMoments          = 4  // timestamps in one header, of which each takes a pass over the body
)

// proofs are the ways in which a sender may prove itself. One is enough.
type proofs []readyProof

// readyProof is a proof with its keys.
type readyProof struct {
	Proof
	keys    []key
	secrets [][]byte // of the keys, in the same order
}

// newProofs reads the secrets. Each secret belongs to the proofs that have the longest
// prefix it begins with: a public key must never be used as the secret of an HMAC.
func newProofs(ways []Proof, secrets []string, m *mistakes) proofs {
	ready := make(proofs, len(ways))
	for i, way := range ways {
		ready[i].Proof = way
	}
	for i, secret := range secrets {
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
				m.add(secretField(i), "%s", err)
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
		return &UnprovenError{Stale, fmt.Sprintf("the post was signed more than %v before or after the relay's time", p.Timestamp.tolerance())}
	}
	return nil
}

// parts returns the signed bytes.
func (p *readyProof) parts(r Request, timestamp string) ([][]byte, *UnprovenError) {
	parts := make([][]byte, 0, len(p.Signed))
	for _, part := range p.Signed {
		kind, value, _ := strings.Cut(part, ":")
		switch kind {
		case "body":
			parts = append(parts, r.Body)
		case "url":
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

// moment is what one timestamp has signatures for.
type moment struct {
	timestamp  string
	signatures [][]byte
}

// moments returns the signatures of a post. There are several timestamps only if the
// header of the signature holds them.
func (p *readyProof) moments(r Request) ([]moment, *UnprovenError) {
	values := p.values(r)
	if len(values) == 0 {
		return nil, &UnprovenError{Missing, p.place() + " is missing"}
	}
	timestamp := ""
	if p.Timestamp != nil && p.Timestamp.Header != "" {
		var failure *UnprovenError
		if timestamp, failure = single(r.Header, p.Timestamp.Header); failure != nil {
			return nil, failure
		}
	}
	found := collector{proof: p, moments: []moment{{timestamp: timestamp}}}
	for _, value := range values {
		for _, part := range split(value, p.Split) {
			found.add(part)
		}
	}
	return found.result()
}

// values returns what the headers or the query hold.
func (p *readyProof) values(r Request) []string {
	var values []string
	if p.Query != "" {
		values = r.Query[p.Query]
	}
	for _, name := range p.Header {
		stem, many := strings.CutSuffix(name, "*")
		if !many {
			values = append(values, r.Header.Values(name)...)
			continue
		}
		var matching []string
		for present := range r.Header {
			if len(present) > len(stem) && strings.EqualFold(present[:len(stem)], stem) {
				matching = append(matching, present)
			}
		}
		sort.Strings(matching)
		for _, present := range matching {
			values = append(values, r.Header[present]...)
		}
	}
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
}

// place names where the signature should be.
func (p *readyProof) place() string {
	if len(p.Header) > 0 {
		return "the header " + strings.Join(p.Header, " or ")
	}
	return "the parameter " + p.Query
}

// split splits the value of a header at any of some characters.
func split(value, at string) []string {
	if at == "" {
		return []string{value}
	}
	parts := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(at, c) })
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return parts
}

// collector collects the signatures in the parts of a header.
type collector struct {
	proof            *readyProof
	moments          []moment
	other, malformed bool // parts of another kind, and signatures that cannot be one
	count            int
}

// add looks at one part.
func (c *collector) add(part string) {
	if t := c.proof.Timestamp; t != nil && t.Take != "" {
		if timestamp, is := strings.CutPrefix(part, t.Take); is {
			c.setTimestamp(timestamp)
			return
		}
	}
	text, is := strings.CutPrefix(part, c.proof.Take)
	if !is {
		c.other = true
		return
	}
	signature, err := decode(cmpOr(c.proof.Encoding, asText), text)
	if err != nil || !c.proof.keys[0].fits(signature) {
		c.malformed = true
		return
	}
	c.count++
	last := &c.moments[len(c.moments)-1]
	last.signatures = append(last.signatures, signature)
}

// setTimestamp sets the timestamp of the signatures that follow: while a secret is
// rotated, some senders repeat both.
func (c *collector) setTimestamp(timestamp string) {
	last := &c.moments[len(c.moments)-1]
	if last.timestamp == "" {
		last.timestamp = timestamp // also of signatures before it
		return
	}
	c.moments = append(c.moments, moment{timestamp: timestamp})
}

// result returns what was found.
func (c *collector) result() ([]moment, *UnprovenError) {
	most := maxSignatures
	if c.proof.isPublicKey() {
		most = maxPublicSignatures
	}
	place := c.proof.place()
	switch {
	case c.count > most || len(c.moments) > maxMoments:
		return nil, &UnprovenError{Malformed, "there are too many signatures in " + place}
	case c.count == 0 && c.malformed:
		return nil, &UnprovenError{Malformed, "what is in " + place + " cannot be a signature of this kind"}
	case c.count == 0 && c.other:
		return nil, &UnprovenError{Version, "there is no signature that begins with " + c.proof.Take + " in " + place}
	case c.count == 0:
		return nil, &UnprovenError{Missing, "there is no signature in " + place}
	}
	if t := c.proof.Timestamp; t != nil && t.Body == "" && c.moments[0].timestamp == "" {
		return nil, &UnprovenError{Missing, "there is no timestamp that begins with " + t.Take + " in " + place}
	}
	return slices.DeleteFunc(c.moments, func(m moment) bool { return len(m.signatures) == 0 }), nil
}
