//go:build !release

package senders

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Marks in the body of a request that [Sender.Sign] replaces, for senders that prove
// themselves inside of the body.
const (
	SignatureMark = "{{signature}}"
	SecretMark    = "{{secret}}"
)

// Sign adds to a request what proves that the sender posted it at r.Now: headers, or the
// marks in the body. It uses the first secret. Senders that sign with a private key need
// it: an Ed25519, ECDSA or RSA key, as the sender has. The headers that are signed must be
// there already. The URL is not changed.
//
// The relay itself signs nothing. This is for samples, and for tests of a registration.
func (s *Sender) Sign(r *Request, private crypto.Signer) error {
	if s.spec.URL != "" {
		defer func(given string) { r.URL = given }(r.URL)
		r.URL = s.spec.URL
	}
	switch p := s.prover.(type) {
	case proofs:
		return p[0].sign(r, private)
	case twilio:
		return p.sign(r)
	case inBody:
		return p.sign(r, s.row.Name)
	case graph:
		secret, err := json.Marshal(s.spec.Secrets[0])
		r.Body = bytes.ReplaceAll(r.Body, []byte(SecretMark), secret[1:len(secret)-1])
		return err
	case authorization:
		return signAuthorization(r, s.row.Name, cmpOr(s.spec.User, "relay"), s.spec.Secrets[0])
	case fal:
		return p.sign(r, private)
	case sns:
		return signSNS(r, private)
	}
	return fmt.Errorf("requests of %s cannot be signed", s.row.Title)
}

// sign adds the headers of a proof.
func (p *readyProof) sign(r *Request, private crypto.Signer) error {
	if len(p.Header) == 0 {
		return errors.New("a secret in the URL is not added to a request")
	}
	for name, value := range p.Require {
		r.Header.Set(name, value)
	}
	timestamp := ""
	if t := p.Timestamp; t != nil && t.Body == "" {
		timestamp = t.format(r.Now)
		if t.Header != "" {
			r.Header.Set(t.Header, timestamp)
		}
	}
	value, err := p.signature(*r, timestamp, private)
	if err != nil {
		return err
	}
	value = p.Take + value
	if p.Timestamp != nil && p.Timestamp.Take != "" {
		value = p.Timestamp.Take + timestamp + p.Split[:1] + value
	}
	name := p.Header[0]
	if stem, many := strings.CutSuffix(name, "*"); many {
		name = stem + "1"
	}
	r.Header.Set(name, value)
	return nil
}

// signature returns the signature of a request as it is written.
func (p *readyProof) signature(r Request, timestamp string, private crypto.Signer) (string, error) {
	parts, failure := p.parts(r, timestamp)
	if failure != nil {
		return "", failure
	}
	var raw []byte
	switch k := p.keys[0].(type) {
	case sharedKey:
		return string(p.secrets[0]), nil
	case hmacKey:
		raw = k.sum(parts...)
	default:
		var err error
		if raw, err = signPrivately(private, p.Algorithm == ecdsaP256, bytes.Join(parts, nil)); err != nil {
			return "", err
		}
		if !k.signed(parts, [][]byte{raw}) {
			return "", errors.New("the private key does not belong to the public key that is the secret")
		}
	}
	return encode(p.Encoding, raw), nil
}

// signPrivately signs a text, or its SHA-256 for algorithms that need a digest.
func signPrivately(private crypto.Signer, digest bool, text []byte) ([]byte, error) {
	if private == nil {
		return nil, errors.New("it takes the sender's private key to sign")
	}
	if !digest {
		return private.Sign(rand.Reader, text, crypto.Hash(0))
	}
	sum := sha256.Sum256(text)
	return private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// encode is the reverse of [decode].
func encode(encoding string, raw []byte) string {
	if encoding == asHex {
		return hex.EncodeToString(raw)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// format writes a time as the sender does.
func (t *Timestamp) format(at time.Time) string {
	switch t.Unit {
	case unitRFC3339:
		return at.Format(time.RFC3339)
	case unitMillis:
		return strconv.FormatInt(at.UnixMilli(), 10)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// sign adds the header of Twilio.
func (t twilio) sign(r *Request) error {
	fields, err := t.fields(*r)
	if err != nil {
		return err
	}
	r.Header.Set("X-Twilio-Signature", encode(asBase64, t.keys[0].sum([]byte(r.URL), fields)))
	return nil
}

// sign replaces each [SignatureMark] by the signature of what is signed beside it.
func (b inBody) sign(r *Request, preset string) error {
	encoding := asHex
	if preset == "adyen" {
		encoding = asBase64
	}
	none := []byte(encode(encoding, make([]byte, sha256.Size))) // has the form of a signature
	r.Body = bytes.ReplaceAll(r.Body, []byte(SignatureMark), none)
	all, err := b.parse(*r)
	if err != nil {
		return err
	}
	for _, one := range all {
		r.Body = bytes.Replace(r.Body, none, []byte(encode(encoding, b.keys[0].sum([]byte(one.text)))), 1)
	}
	return nil
}

// signAuthorization adds the header Authorization.
func signAuthorization(r *Request, preset, user, secret string) error {
	if preset == "basic-auth" {
		(&http.Request{Header: r.Header}).SetBasicAuth(user, secret)
		return nil
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	return nil
}

// sign adds the headers of fal.
func (f fal) sign(r *Request, private crypto.Signer) error {
	var body members
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return err
	}
	id, now, digest := body.text("request_id"), falTime.format(r.Now), sha256.Sum256(r.Body)
	signature, err := signPrivately(private, false, []byte(strings.Join([]string{id, f.user, now, hex.EncodeToString(digest[:])}, "\n")))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Request-Id": id, "User-Id": f.user, "Timestamp": now, "Signature": encode(asHex, signature),
	} {
		r.Header.Set("X-Fal-Webhook-"+name, value)
	}
	return nil
}

// signSNS replaces the mark in a message of SNS.
func signSNS(r *Request, private crypto.Signer) error {
	var body members
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return err
	}
	hash, digest, err := snsDigest(body, snsSigned[body.text("Type")])
	if err != nil {
		return err
	}
	if private == nil {
		return errors.New("it takes the sender's private key to sign")
	}
	signature, err := private.Sign(rand.Reader, digest, hash)
	r.Body = bytes.ReplaceAll(r.Body, []byte(SignatureMark), []byte(encode(asBase64, signature)))
	r.Header.Set("X-Amz-Sns-Message-Type", body.text("Type"))
	return err
}
