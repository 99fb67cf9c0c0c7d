package relay

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"callback-relay/bodies"
	"callback-relay/senders"
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

// secretPlaces are the headers and parameters in which a post has a secret. sender is nil if
// everybody may post.
func secretPlaces(sender *senders.Sender) (headers, parameters []string) {
	if sender != nil {
		headers, parameters = sender.SecretPlaces()
	}
	return append(headers, secretHeaders...), parameters
}

// isSecret reports whether a header is one of the secret ones, of which some end in "*".
func isSecret(name string, secret []string) bool {
	return slices.ContainsFunc(secret, func(s string) bool {
		if stem, many := strings.CutSuffix(s, "*"); many {
			return strings.HasPrefix(strings.ToLower(name), stem)
		}
		return strings.EqualFold(name, s)
	})
}

// check returns the first mistake. sender is nil if everybody may post.
func (e Envelope) check(sender *senders.Sender) error {
	secret, _ := secretPlaces(sender)
	if len(e.Headers) > maxEnvelopeHeaders {
		return &InvalidFieldError{"envelope.headers", fmt.Sprintf("has %d entries, but at most %d are allowed", len(e.Headers), maxEnvelopeHeaders)}
	}
	for _, name := range e.Headers {
		if isSecret(name, secret) {
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

// withoutParameters returns a raw query without the parameters of these names.
func withoutParameters(query string, names []string) string {
	if len(names) == 0 {
		return query
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(parameter string) bool {
		name, _, _ := strings.Cut(parameter, "=")
		plain, err := url.QueryUnescape(name)
		return err != nil || slices.Contains(names, plain)
	})
	return strings.Join(kept, "&")
}

// wrap returns an object with the body, each byte as it is, and what came with it, but no
// secret of the sender. A header that was sent several times is one text, with commas
// between.
func (e Envelope) wrap(p Post, body []byte, at time.Time, sender *senders.Sender) []byte {
	secret, parameters := secretPlaces(sender)
	headers := map[string]string{}
	for _, name := range e.Headers {
		if isSecret(name, secret) { // the sender of the configuration file has changed
			continue
		}
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
		{"query", strings.ToValidUTF8(withoutParameters(p.Query, parameters), "\uFFFD")},
		{"receivedAt", at.UTC().Format(time.RFC3339)},
	} {
		out.WriteString(`,"` + member.name + `":`)
		out.Write(bodies.Encode(member.value))
	}
	out.WriteByte('}')
	return out.Bytes()
}
