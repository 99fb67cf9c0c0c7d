package senders

import (
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
