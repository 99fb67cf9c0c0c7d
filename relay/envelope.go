package relay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"callback-relay/bodies"
)

// Envelope asks for an output that holds the body and what came with it.
type Envelope struct {
	Headers []string `json:"headers,omitempty"` // to include
}

// maxEnvelopeHeaders bounds how many headers an envelope may ask for.
const maxEnvelopeHeaders = 20

// secretHeaders are headers that must not become part of an output, where everybody who
// can read the execution's history would see them.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie"}

// check returns every mistake, joined.
func (e Envelope) check() error {
	if len(e.Headers) > maxEnvelopeHeaders {
		return &InvalidFieldError{"envelope.headers", fmt.Sprintf("has %d entries, but at most %d are allowed", len(e.Headers), maxEnvelopeHeaders)}
	}
	for _, name := range e.Headers {
		if slices.Contains(secretHeaders, strings.ToLower(name)) {
			return &InvalidFieldError{"envelope.headers", "cannot include " + strings.ToLower(name) + ", which is a secret: everybody who may read the execution would see it"}
		}
		if len(name) > 100 || !isHeaderName(name) {
			return &InvalidFieldError{"envelope.headers", "has a name that is no name of a header, such as x-event-id"}
		}
	}
	return nil
}

// isHeaderName tells whether a name has only the characters of RFC 9110, section 5.6.2.
func isHeaderName(name string) bool {
	return name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") == ""
}

// wrap returns an object with the body, each byte as it is, and what came with it.
// A header that was sent several times is one text, with commas between.
func (e Envelope) wrap(p Post, body []byte, at time.Time) []byte {
	headers := map[string]string{}
	for _, name := range e.Headers {
		if values := p.Header.Values(name); len(values) > 0 {
			headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
		}
	}
	var out bytes.Buffer
	out.WriteString(`{"body":`)
	out.Write(body)
	for _, member := range []struct {
		name  string
		value any
	}{
		{"contentType", strings.ToValidUTF8(p.Header.Get("Content-Type"), "\uFFFD")},
		{"headers", headers},
		{"query", strings.ToValidUTF8(p.Query, "\uFFFD")},
		{"receivedAt", at.UTC().Format(time.RFC3339)},
	} {
		out.WriteString(`,"` + member.name + `":`)
		out.Write(bodies.Encode(member.value))
	}
	out.WriteByte('}')
	return out.Bytes()
}
