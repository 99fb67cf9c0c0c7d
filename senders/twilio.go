package senders

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"

	"callback-relay/publickeys"
)

// twilio checks signatures of Twilio: HMAC-SHA1 over the URL, followed by the name and
// values of each field of a form, sorted. For any other body, the URL holds its SHA-256
// in the parameter bodySHA256.
type twilio struct {
	keys     []hmacKey
	urlGiven bool // by the spec, so it is not as the post arrived
}

func newTwilio(s Spec, _ *publickeys.Cache, _ *mistakes) prover {
	t := twilio{urlGiven: s.URL != ""}
	for _, secret := range s.Secrets {
		t.keys = append(t.keys, hmacKey{[]byte(secret), sha1.New})
	}
	return t
}

const twilioSignature = "X-Twilio-Signature"

// prove implements [prover].
func (t twilio) prove(_ context.Context, r Request) ([]byte, error) {
	value, failure := single(r.Header, twilioSignature)
	if failure != nil {
		return nil, failure
	}
	// An account can choose another algorithm, whose key is not the auth token.
	if settings := strings.Join(r.Header.Values("X-Twilio-Webhooks-Signature-Settings"), ","); strings.Contains(strings.ToUpper(settings), "SHA256") {
		return nil, unproven(Version, "Twilio signed with HMAC-SHA256 and another key; the relay checks signatures made with the auth token")
	}
	signature, err := decode(asBase64, value)
	if err != nil || len(signature) != sha1.Size {
		return nil, unproven(Malformed, "the value of the header "+twilioSignature+" is not a signature of Twilio")
	}
	fields, err := t.fields(r)
	if err != nil {
		return nil, err
	}
	for _, given := range twilioURLs(r) {
		for _, key := range t.keys {
			if key.signed([][]byte{[]byte(given), fields}, [][]byte{signature}) {
				return key.secret, nil
			}
		}
	}
	return nil, unproven(Signature, "the signature in the header "+twilioSignature+" was made with another auth token, for another URL or over other fields")
}

// fields returns what is signed after the URL, and checks that both are beyond doubt.
func (t twilio) fields(r Request) ([]byte, error) {
	form, err := twilioForm(r)
	if err != nil {
		return nil, err
	}
	chosen := r.URL // by the poster
	if t.urlGiven {
		chosen = ""
	}
	fields := twilioFields(form)
	if failure := cmp.Or(checkTwilioFields(chosen, form, fields), checkURL(chosen)); failure != nil {
		return nil, failure
	}
	return twilioText(fields), nil
}

// twilioForm returns the form whose fields are signed after the URL. There is none if the
// URL has the digest of the body.
func twilioForm(r Request) (url.Values, error) {
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
	return form, nil
}

// twilioFields returns the fields of a form in the order in which they are signed. A value
// that a field has twice is signed once.
func twilioFields(form url.Values) []twilioField {
	var fields []twilioField
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			fields = append(fields, twilioField{name, value})
		}
	}
	return fields
}

// twilioText returns the text that fields are signed as.
func twilioText(fields []twilioField) []byte {
	var text []byte
	for _, f := range fields {
		text = append(append(text, f.name...), f.value...)
	}
	return text
}

// twilioURLs returns the forms of the URL that Twilio may have signed. Its own libraries
// try it with the port and without. A user name and password in the URL arrive as a
// header, and are signed as a part of the URL.
func twilioURLs(r Request) []string {
	all := []string{r.URL}
	u, err := url.Parse(r.URL)
	scheme, rest, found := strings.Cut(r.URL, "://")
	if err != nil || !found {
		return all
	}
	end := strings.IndexAny(rest+"/", "/?#")
	authority, path := rest[:end], rest[end:]
	standard := map[string]string{"https": ":443", "http": ":80"}[scheme]
	if port := u.Port(); port != "" {
		all = append(all, scheme+"://"+strings.TrimSuffix(authority, ":"+port)+path)
	} else if standard != "" {
		all = append(all, scheme+"://"+authority+standard+path)
	}
	if user, password, sent := basicAuth(r); sent && u.User == nil {
		login := url.UserPassword(user, password).String() + "@"
		for _, without := range slices.Clone(all) {
			all = append(all, strings.Replace(without, "://", "://"+login, 1))
		}
	}
	return all
}
