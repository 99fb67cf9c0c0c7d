package senders

import (
	"slices"
	"strings"
	"time"
)

// Proof is how a sender proves itself: which bytes are signed, how, and where the
// signature is. The presets are written in it as well.
//
// A sender that signs the body with HMAC-SHA256, and sends "X-Signature: sha256=<hex>":
//
//	{"algorithm": "hmac-sha256", "header": "x-signature", "take": "sha256=",
//	 "encoding": "hex", "signed": ["body"]}
type Proof struct {
	// Algorithm is hmac-sha1, hmac-sha256, hmac-sha512, ed25519 or ecdsa-p256. With
	// shared-secret nothing is signed: the sender posts the secret itself.
	Algorithm string `json:"algorithm"`
	// Header names the headers that hold signatures; one that matches is enough. A name
	// that ends in "*" stands for all headers that begin like it.
	Header Names `json:"header,omitempty"`
	// Query names the parameter of the URL that holds a shared secret, if no header does.
	Query string `json:"query,omitempty"`
	// Split holds the characters that separate the parts of the header's value, such as
	// "," in "t=1614265330,v1=5257a8…". Spaces around a part do not count.
	Split string `json:"split,omitempty"`
	// Take is what a signature begins with, such as "sha256=" or "v1=". Parts that begin
	// otherwise are skipped: a sender may send other versions beside it.
	Take     string `json:"take,omitempty"`
	Encoding string `json:"encoding,omitempty"` // of the signature: hex or base64
	// Signed are the parts of the signed bytes, in order: body, url, method, timestamp,
	// header:NAME, or text:TEXT for TEXT itself.
	Signed    []string   `json:"signed,omitempty"`
	Timestamp *Timestamp `json:"timestamp,omitempty"`
	// SecretEncoding is what the secrets are: text (as it is, the default), hex or
	// base64. A public key is hex or base64: 32 bytes for ed25519, a SubjectPublicKeyInfo
	// for ecdsa-p256.
	SecretEncoding string `json:"secretEncoding,omitempty"`
	// SecretPrefix is what secrets begin with, such as "whsec_". It is not part of the key.
	SecretPrefix string `json:"secretPrefix,omitempty"`
	// Require are headers that must have a given value, such as a version.
	Require map[string]string `json:"require,omitempty"`
}

// Timestamp says where the time of the signature is, which protects against posts that
// were recorded and sent again.
type Timestamp struct {
	Header string `json:"header,omitempty"` // that holds it
	Take   string `json:"take,omitempty"`   // or: what its part of the signature's header begins with, such as "t="
	Body   string `json:"body,omitempty"`   // or: a JSON Pointer into the body
	Unit   string `json:"unit"`             // s, ms, or rfc3339
	// Tolerance is how far it may be from the relay's time, in either direction, in
	// seconds. 0 means 300.
	Tolerance int `json:"tolerance,omitempty"`
}

// tolerance returns the tolerance as a duration.
func (t *Timestamp) tolerance() time.Duration {
	if t.Tolerance == 0 {
		return 300 * time.Second
	}
	return time.Duration(t.Tolerance) * time.Second
}

// Algorithms.
const (
	hmacSHA1     = "hmac-sha1"
	hmacSHA256   = "hmac-sha256"
	hmacSHA512   = "hmac-sha512"
	ed25519Sig   = "ed25519"
	ecdsaP256    = "ecdsa-p256"
	sharedSecret = "shared-secret"
)

// algorithms are the valid names of algorithms.
var algorithms = []string{hmacSHA1, hmacSHA256, hmacSHA512, ed25519Sig, ecdsaP256, sharedSecret}

// Encodings of signatures and secrets, and units of timestamps.
const (
	asText      = "text"
	asHex       = "hex"
	asBase64    = "base64"
	unitSeconds = "s"
	unitMillis  = "ms"
	unitRFC3339 = "rfc3339"
)

// maxParts is the number of signed parts and of required headers that a proof can have.
const maxParts = 20

// check notes the mistakes in a proof that somebody wrote.
func (p *Proof) check(m *mistakes) {
	if !slices.Contains(algorithms, p.Algorithm) {
		m.add("proof.algorithm", "%q is unknown; use %s", cut(p.Algorithm), oneOf(algorithms))
		return
	}
	for _, name := range p.Header {
		if !headerName.MatchString(name) || strings.Contains(strings.TrimSuffix(name, "*"), "*") || name == "*" {
			m.add("proof.header", "%q is not the name of a header, such as x-signature", cut(name))
		}
	}
	if len(p.Header) > maxParts {
		m.add("proof.header", "has %d entries; at most %d are allowed", len(p.Header), maxParts)
	}
	if p.SecretEncoding != "" && !slices.Contains([]string{asText, asHex, asBase64}, p.SecretEncoding) {
		m.add("proof.secretEncoding", "%q is unknown; use text, hex or base64", cut(p.SecretEncoding))
	}
	for name := range p.Require {
		if !headerName.MatchString(name) {
			m.add("proof.require", "%q is not the name of a header", cut(name))
		}
	}
	if len(p.Require) > maxParts {
		m.add("proof.require", "has %d entries; at most %d are allowed", len(p.Require), maxParts)
	}
	if p.Algorithm == sharedSecret {
		p.checkShared(m)
		return
	}
	p.checkSignature(m)
}

// checkShared notes the mistakes in a proof that is a shared secret.
func (p *Proof) checkShared(m *mistakes) {
	if (len(p.Header) == 0) == (p.Query == "") {
		m.add("proof.header", "is missing: with shared-secret, either header or query says where the secret is")
	}
	for field, used := range map[string]bool{
		"encoding": p.Encoding != "", "signed": p.Signed != nil, "timestamp": p.Timestamp != nil,
	} {
		if used {
			m.add("proof."+field, "is not possible with shared-secret, which signs nothing")
		}
	}
}

// checkSignature notes the mistakes in a proof that is a signature.
func (p *Proof) checkSignature(m *mistakes) {
	if len(p.Header) == 0 {
		m.add("proof.header", "is missing: name the header that holds the signature, such as x-signature")
	}
	if p.Query != "" {
		m.add("proof.query", "is only for a shared-secret")
	}
	if p.Encoding != asHex && p.Encoding != asBase64 {
		m.add("proof.encoding", "%q is not possible; use hex or base64", cut(p.Encoding))
	}
	if p.isPublicKey() && p.SecretEncoding != asHex && p.SecretEncoding != asBase64 {
		m.add("proof.secretEncoding", "must be hex or base64 for a public key")
	}
	if !slices.Contains(p.Signed, "body") {
		m.add("proof.signed", `must contain "body": otherwise anything could be posted with a signature that was seen once`)
	}
	if n := len(slices.DeleteFunc(slices.Clone(p.Signed), func(part string) bool { return part != "body" })); n > 1 {
		m.add("proof.signed", `contains "body" %d times; it can be signed once`, n)
	}
	if len(p.Signed) > maxParts {
		m.add("proof.signed", "has %d parts; at most %d are allowed", len(p.Signed), maxParts)
	}
	for _, part := range p.Signed {
		p.checkPart(m, part)
	}
	if p.Timestamp != nil {
		p.checkTimestamp(m)
	}
}

// checkPart notes a signed part that cannot be.
func (p *Proof) checkPart(m *mistakes, part string) {
	kind, value, hasValue := strings.Cut(part, ":")
	switch {
	case !hasValue && (kind == "body" || kind == "url" || kind == "method"):
	case part == "timestamp":
		if p.Timestamp == nil || p.Timestamp.Body != "" {
			m.add("proof.signed", "has timestamp, which is the value of timestamp.header or timestamp.take, and proof.timestamp has neither")
		}
	case hasValue && kind == "header" && headerName.MatchString(value):
	case hasValue && kind == "text" && value != "":
	default:
		m.add("proof.signed", "%q is unknown; use body, url, method, timestamp, header:NAME or text:TEXT", cut(part))
	}
}

// checkTimestamp notes the mistakes in the timestamp.
func (p *Proof) checkTimestamp(m *mistakes) {
	t := p.Timestamp
	places := 0
	for _, place := range []string{t.Header, t.Take, t.Body} {
		if place != "" {
			places++
		}
	}
	if places != 1 {
		m.add("proof.timestamp", "must have exactly one of header, take and body, which says where it is")
	}
	if t.Header != "" && !headerName.MatchString(t.Header) {
		m.add("proof.timestamp.header", "%q is not the name of a header", cut(t.Header))
	}
	if t.Body != "" && !strings.HasPrefix(t.Body, "/") {
		m.add("proof.timestamp.body", "%q is not a JSON Pointer, such as /timestamp", cut(t.Body))
	}
	if !slices.Contains([]string{unitSeconds, unitMillis, unitRFC3339}, t.Unit) {
		m.add("proof.timestamp.unit", "%q is unknown; use s, ms or rfc3339", cut(t.Unit))
	}
	if t.Tolerance < 0 || t.Tolerance > 24*60*60 {
		m.add("proof.timestamp.tolerance", "%d is not possible; use 1 to 86400 seconds", t.Tolerance)
	}
	covered := slices.ContainsFunc(p.Signed, func(part string) bool {
		return part == "timestamp" || strings.EqualFold(part, "header:"+t.Header)
	})
	if t.Body == "" && !covered {
		m.add("proof.signed", `must contain "timestamp": a time that is not signed protects nothing`)
	}
}

// isPublicKey tells whether the secrets are public keys.
func (p *Proof) isPublicKey() bool {
	return p.Algorithm == ed25519Sig || p.Algorithm == ecdsaP256
}

// cut returns what an error shows of a text that somebody wrote.
func cut(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// oneOf lists names for an error.
func oneOf(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
