package senders

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// bordersAt is when the posts of these tests are signed.
var bordersAt = time.Unix(1_700_000_000, 0)

const bordersLink = "https://relay.example.com/c/abcdefgh"

// signedWay is one way of a preset to sign, with a key.
type signedWay struct {
	name string
	all  proofs
	key  crypto.Signer // of a public key
	url  string        // that the spec gives
}

// signedWays are all ways of all presets that sign, and some own proofs.
func signedWays(t testing.TB) []signedWay {
	t.Helper()
	var ways []signedWay
	add := func(name string, way Proof, url string) {
		w := signedWay{name: name, url: url}
		secret := way.SecretPrefix + base64.StdEncoding.EncodeToString([]byte("a secret of 24 bytes, ok"))
		switch {
		case way.Algorithm == ed25519Sig:
			public, private, _ := ed25519.GenerateKey(rand.Reader) // never fails
			w.key, secret = private, way.SecretPrefix+encode(way.SecretEncoding, public)
		case way.Algorithm == ecdsaP256:
			private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails
			der, err := x509.MarshalPKIXPublicKey(private.Public())
			if err != nil {
				t.Fatal(err)
			}
			w.key, secret = private, base64.StdEncoding.EncodeToString(der)
		case way.SecretEncoding == asHex:
			secret = hex.EncodeToString([]byte(secret))
		}
		var m mistakes
		w.all = newProofs([]Proof{way}, Spec{Secrets: []string{secret}, URL: url}, &m)
		if len(m) > 0 {
			t.Fatalf("%s: %v", name, m)
		}
		ways = append(ways, w)
	}
	for _, preset := range presets {
		for _, way := range preset.Ways {
			if way.Algorithm != sharedSecret {
				add(preset.Name, way, "")
			}
		}
	}
	for _, signed := range [][]string{
		{"text:x", "header:x-id", "body"}, {"body", "header:x-id"}, {"body", "url"}, {"url", "timestamp", "header:x-id", "text:.", "body"},
		{"header:x-id", "timestamp", "body"}, {"body", "timestamp", "text:|", "url"}, {"header:x-id", "text:a", "body", "text:.", "timestamp"},
		{"header:x-id", "url", "header:x-no", "text:.", "body"}, {"header:x-id", "url", "body"}, {"body", "url"},
	} {
		way := Proof{Algorithm: hmacSHA256, Header: Names{"x-signature"}, Encoding: asHex, Signed: signed}
		if slices.Contains(signed, "timestamp") {
			way.Timestamp = &Timestamp{Header: "x-time", Unit: unitSeconds}
		}
		for _, url := range []string{"", "https://gateway.example.com/hook"} {
			if _, clash := way.bordersOf(url != ""); clash == "" {
				add(strings.Join(signed, "+")+url, way, url)
			}
		}
	}
	return ways
}

// sign signs a request, and returns the signed text. It also signs what the relay would
// not, as a sender may.
func (w signedWay) sign(t testing.TB, r *Request, id string) string {
	t.Helper()
	p := w.all[0]
	var text strings.Builder
	for _, part := range p.Signed {
		switch kind, value, _ := strings.Cut(part, ":"); kind {
		case "header":
			r.Header.Set(value, id)
			text.WriteString(id)
		case "timestamp":
			text.WriteString(p.timestampOf(*r))
		default:
			text.WriteString(map[string]string{"body": string(r.Body), "url": r.URL, "method": r.Method, "text": value}[kind])
		}
	}
	for name, value := range p.Require {
		r.Header.Set(name, value)
	}
	var raw []byte
	if k, is := p.keys[0].(hmacKey); is {
		raw = k.sum([]byte(text.String()))
	} else {
		var err error
		if raw, err = signPrivately(w.key, p.Algorithm == ecdsaP256, []byte(text.String())); err != nil {
			t.Fatal(err)
		}
	}
	value := p.Take + encode(p.Encoding, raw)
	switch timestamp := p.Timestamp; {
	case timestamp == nil || timestamp.Body != "":
	case timestamp.Header != "":
		r.Header.Set(timestamp.Header, p.timestampOf(*r))
	default:
		value = timestamp.Take + p.timestampOf(*r) + p.Split[:1] + value
	}
	r.Header.Set(strings.Replace(p.Header[0], "*", "1", 1), value)
	return text.String()
}

// timestampOf is the timestamp of a signed request.
func (p *readyProof) timestampOf(r Request) string {
	if t := p.Timestamp; t == nil || t.Body != "" {
		return ""
	}
	return p.Timestamp.format(r.Now)
}

// divided is a signed text in parts.
type divided map[string]string

// divide calls try with every way to divide a text into the signed parts. A text and the
// method must be as they are, and a URL one of the link's.
func divide(signed []string, text string, found divided, try func(divided)) {
	if len(signed) == 0 {
		if text == "" {
			try(found)
		}
		return
	}
	kind, value, _ := strings.Cut(signed[0], ":")
	from, to := 0, len(text)
	switch kind {
	case "text":
		from, to = len(value), len(value)
	case "method":
		value, from, to = http.MethodPost, len("POST"), len("POST")
	case "url":
		value, from = bordersLink, len(bordersLink)
	case "timestamp":
		value, to = "", min(40, to)
	default:
		value = ""
	}
	if kind == "body" && len(signed) == 1 {
		from = to
	}
	for end := from; end <= min(to, len(text)); end++ {
		part := text[:end]
		if strings.HasPrefix(part, value) {
			found[signed[0]] = part
			divide(signed[1:], text[end:], found, try)
		}
	}
	delete(found, signed[0])
}

// post is what proves the same text, divided in another way.
func (d divided) post(genuine Request, p *readyProof) Request {
	r := genuine
	r.Header, r.Body, r.URL = genuine.Header.Clone(), []byte(d["body"]), cmpOr(d["url"], genuine.URL)
	for part, value := range d {
		if name, is := strings.CutPrefix(part, "header:"); is {
			r.Header.Set(name, value)
		}
	}
	timestamp, signed := d["timestamp"]
	switch t := p.Timestamp; {
	case !signed:
	case t.Header != "":
		r.Header.Set(t.Header, timestamp)
	default:
		name := p.Header[0]
		r.Header.Set(name, strings.Replace(r.Header.Get(name), t.Take+t.format(r.Now), t.Take+timestamp, 1))
	}
	return r
}

// onlyGenuine checks that of all posts that a signature may be for, it proves only the one
// that was signed.
func (w signedWay) onlyGenuine(t testing.TB, id, query, body string) {
	t.Helper()
	p := &w.all[0]
	genuine := Request{Method: http.MethodPost, URL: cmpOr(w.url, bordersLink+query), Header: http.Header{}, Body: []byte(body), Now: bordersAt}
	text := w.sign(t, &genuine, id)
	if p.Timestamp != nil && p.Timestamp.Body != "" { // of which the genuine one has none
		return
	}
	_, err := w.all.prove(t.Context(), genuine)
	want := 1
	if open := p.borders.before || p.borders.after; open && p.borders.check(genuine.Body) != nil {
		want = 0
		if bytes.ContainsAny(genuine.Body, "{}[]") { // which no sender with such a proof may post
			return
		}
	}
	var proven []string
	parts := slices.Clone(p.Signed)
	if at := slices.Index(parts, "url"); at >= 0 && w.url != "" {
		parts[at] = "text:" + w.url
	}
	divide(parts, text, divided{}, func(d divided) {
		r := d.post(genuine, p)
		if _, err := w.all.prove(t.Context(), r); err == nil {
			proven = append(proven, fmt.Sprintf("%q %q %q", r.URL, r.Header, r.Body))
		}
	})
	if len(proven) != want || (err == nil) != (want == 1) {
		t.Errorf("%s: the signature of %q proves %d posts instead of %d, and the genuine one: %v\n%s", w.name, text, len(proven), want, err, strings.Join(proven, "\n"))
	}
}

// Row 99: a signed text can be divided into its parts in one way only, whatever the body is.
// Otherwise a text in a genuine event could become the id, the time and the body of another.
func TestOneSignatureOnePost(t *testing.T) {
	for _, w := range signedWays(t) {
		for _, body := range []string{
			`{"id":"p1","input":{"p":"a.1700000100.status=succeeded&output=evil&x="},"status":"starting"}`,
			`{"text":"a2023-11-14T22:13:20Z{}"}`, `{"t":"1700000000"}`, `[{"n":10}]`, `7`, `0`, "a=1&b=1700000000", "1700000001.a", `"."`, "",
		} {
			for _, query := range []string{"", "?job=7"} {
				w.onlyGenuine(t, "msg_1", query, body)
			}
		}
	}
}

// Row 99: the same for any id and body.
func FuzzOneSignatureOnePost(f *testing.F) {
	ways := signedWays(f)
	for i := range ways {
		f.Add(uint8(i), "msg_1", "?job=7", `{"a":"b.1700000000.c=d"}`)
		f.Add(uint8(i), "17", "?a=1700000000", `1700000000a.{}`)
	}
	f.Fuzz(func(t *testing.T, which uint8, id, query, body string) {
		if len(id)+len(query)+len(body) > 60 || !signedHeader.MatchString(id) || query != "" && (query[0] != '?' || checkURL("x:///"+query) != nil) {
			return
		}
		ways[int(which)%len(ways)].onlyGenuine(t, id, query, body)
	})
}

// A URL that the spec gives ends a header as a text does; one that the poster chooses does not.
func TestGivenURLSeparates(t *testing.T) {
	for _, c := range []struct {
		signed        []string
		given, chosen borders
		clash         string // if the poster chooses the URL
	}{
		{[]string{"header:a", "url", "header:b", "body"}, borders{before: true}, borders{}, "url"},
		{[]string{"header:a", "url", "body"}, borders{}, borders{}, "url"},
		{[]string{"body", "url", "header:a"}, borders{}, borders{}, "url"},
		{[]string{"header:a", "method", "header:b", "text:.", "body"}, borders{}, borders{}, "header:b"},
		{[]string{"url", "body"}, borders{}, borders{before: true}, ""},
	} {
		p := Proof{Signed: c.signed}
		given, clash := p.bordersOf(true)
		if wrong := clash != "" && clash != c.clash || clash != "" && slices.Contains(c.signed, "url"); wrong || given != c.given {
			t.Errorf("%v, given: %v %q", c.signed, given, clash)
		}
		if chosen, clash := p.bordersOf(false); clash != c.clash || chosen != c.chosen {
			t.Errorf("%v, chosen: %v %q, want %v %q", c.signed, chosen, clash, c.chosen, c.clash)
		}
	}
}

// No preset signs parts of which it is never certain where they begin.
func TestPresetsHaveNoClash(t *testing.T) {
	for _, preset := range presets {
		for _, way := range preset.Ways {
			if _, clash := way.bordersOf(false); clash != "" {
				t.Errorf("%s: %s", preset.Name, clash)
			}
		}
	}
}
