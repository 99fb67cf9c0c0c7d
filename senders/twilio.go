package senders

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// twilio checks signatures of Twilio: HMAC-SHA1 over the URL, followed by the name and
// values of each field of a form, sorted. For any other body, the URL holds its SHA-256
// in the parameter bodySHA256.
type twilio struct{ keys []hmacKey }

func newTwilio(s Spec, _ *Keys, _ *mistakes) prover {
	var t twilio
	for _, secret := range s.Secrets {
		t.keys = append(t.keys, hmacKey{[]byte(secret), sha1.New})
	}
	return t
}

// prove implements [prover].
func (t twilio) prove(_ context.Context, r Request) ([]byte, error) {
	const header = "X-Twilio-Signature"
	value, failure := single(r.Header, header)
	if failure != nil {
		return nil, failure
	}
	signature, err := decode(asBase64, value)
	if err != nil || len(signature) != sha1.Size {
		return nil, unproven(Malformed, "the value of the header "+header+" is not a signature of Twilio")
	}
	fields, err := twilioFields(r)
	if err != nil {
		return nil, err
	}
	for _, given := range ports(r.URL) {
		for _, key := range t.keys {
			if key.signed([][]byte{[]byte(given), fields}, [][]byte{signature}) {
				return key.secret, nil
			}
		}
	}
	return nil, unproven(Signature, "the signature in the header "+header+" was made with another auth token, for another URL or over other fields")
}

// twilioFields returns what is signed after the URL.
func twilioFields(r Request) ([]byte, error) {
	if digests := r.Query["bodySHA256"]; len(digests) == 1 {
		got := sha256.Sum256(r.Body)
		if !hmac.Equal([]byte(strings.ToLower(digests[0])), []byte(hex.EncodeToString(got[:]))) {
			return nil, unproven(Digest, "the body is not the one whose SHA-256 is in the parameter bodySHA256")
		}
		return nil, nil // the URL is signed, and so is the digest
	}
	if len(r.Body) == 0 {
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return nil, unproven(Digest, "the body is not a form, and the URL has no parameter bodySHA256 that would cover it")
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, unproven(Malformed, "the body is not a form as Twilio writes it")
	}
	var signed []byte
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			signed = append(append(signed, name...), value...)
		}
	}
	return signed, nil
}

// ports returns a URL as it is, and with the default port added or removed: Twilio signs
// either.
func ports(given string) []string {
	u, err := url.Parse(given)
	if err != nil {
		return []string{given}
	}
	port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	begin, host := u.Scheme+"://", u.Host
	if port == "" || !strings.HasPrefix(given, begin+host) {
		return []string{given}
	}
	rest := given[len(begin+host):]
	if bare, had := strings.CutSuffix(host, port); had {
		return []string{given, begin + bare + rest}
	}
	if u.Port() != "" {
		return []string{given}
	}
	return []string{given, begin + host + port + rest}
}
