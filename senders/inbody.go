package senders

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// inBody checks a sender whose signatures are inside of the body.
type inBody struct {
	name  string // of the sender
	keys  []hmacKey
	parse func(Request) ([]signedText, error)
}

// signedText is a text and its signature, as they are in a body.
type signedText struct {
	text      string
	signature []byte
}

// prove implements [prover]. All signatures in the body must hold, by the same key.
func (b inBody) prove(_ context.Context, r Request) ([]byte, error) {
	all, err := b.parse(r)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, unproven(Missing, "there is no signature of "+b.name+" in the body")
	}
	for _, key := range b.keys {
		held := true
		for _, one := range all {
			held = key.signed([][]byte{[]byte(one.text)}, [][]byte{one.signature}) && held
		}
		if held {
			return key.secret, nil
		}
	}
	return nil, unproven(Signature, "a signature of "+b.name+" in the body was made with another secret or over other values")
}

// newInBody reads the secrets.
func newInBody(name, encoding string, s Spec, m *mistakes, parse func(Request) ([]signedText, error)) prover {
	b := inBody{name: name, parse: parse}
	for i, secret := range s.Secrets {
		raw, err := decode(encoding, secret)
		if err != nil || len(raw) == 0 {
			m.add(secretField(i), "is not %s", encoding)
			continue
		}
		b.keys = append(b.keys, hmacKey{raw, sha256.New})
	}
	return b
}

// maxItems bounds how many signatures one body may hold.
const maxItems = 200

func newAdyen(s Spec, _ *Keys, m *mistakes) prover {
	return newInBody("Adyen", asHex, s, m, adyenItems)
}

// adyenItems returns what Adyen signs of each item of a notification.
func adyenItems(r Request) ([]signedText, error) {
	var body members
	var items []members
	if json.Unmarshal(r.Body, &body) != nil || json.Unmarshal(body["notificationItems"], &items) != nil || len(items) > maxItems {
		return nil, unproven(Malformed, "the body is not a notification of Adyen")
	}
	var all []signedText
	for _, item := range items {
		var fields, amount, data members
		if json.Unmarshal(item["NotificationRequestItem"], &fields) != nil || len(item) != 1 {
			return nil, unproven(Malformed, "an item of the notification cannot be read")
		}
		_ = json.Unmarshal(fields["amount"], &amount) // none if it is not an object
		_ = json.Unmarshal(fields["additionalData"], &data)
		signature, err := decode(asBase64, scalar(data["hmacSignature"]))
		if err != nil || len(signature) != sha256.Size {
			return nil, unproven(Missing, "an item of the notification has no additionalData.hmacSignature")
		}
		all = append(all, signedText{strings.Join([]string{
			scalar(fields["pspReference"]), scalar(fields["originalReference"]), scalar(fields["merchantAccountCode"]),
			scalar(fields["merchantReference"]), scalar(amount["value"]), scalar(amount["currency"]),
			scalar(fields["eventCode"]), truth(fields["success"]),
		}, ":"), signature})
	}
	return all, nil
}

// truth is the text of a JSON string or of true and false.
func truth(value json.RawMessage) string {
	if s := string(value); s == "true" || s == "false" {
		return s
	}
	return scalar(value)
}

// mailgunTime has a tolerance of nine hours, since Mailgun tries again for eight.
var mailgunTime = Timestamp{Unit: unitSeconds, Tolerance: 9 * 60 * 60}

func newMailgun(s Spec, _ *Keys, m *mistakes) prover {
	return newInBody("Mailgun", asText, s, m, func(r Request) ([]signedText, error) {
		var body, signature members
		if json.Unmarshal(r.Body, &body) != nil || json.Unmarshal(body["signature"], &signature) != nil {
			return nil, unproven(Malformed, "the body is not an event of Mailgun, with an object signature")
		}
		timestamp, token := scalar(signature["timestamp"]), scalar(signature["token"])
		// Both are signed as one text, so where one ends must be beyond doubt.
		at, ok := mailgunTime.parse(timestamp)
		if !ok || len(timestamp) != len("1700000000") || token == "" {
			return nil, unproven(Malformed, "the timestamp or the token of the signature is not one of Mailgun")
		}
		if !mailgunTime.isFresh(at, r.Now) {
			return nil, unproven(Stale, "the post was signed more than 9 hours before or after the relay's time")
		}
		return hexSigned(timestamp+token, scalar(signature["signature"]))
	})
}

func newDropboxSign(s Spec, _ *Keys, m *mistakes) prover {
	return newInBody("Dropbox Sign", asText, s, m, func(r Request) ([]signedText, error) {
		var body, event members
		if json.Unmarshal(formField(r, "json"), &body) != nil || json.Unmarshal(body["event"], &event) != nil {
			return nil, unproven(Malformed, "the body is not a form of Dropbox Sign, with a field json that has an event")
		}
		return hexSigned(scalar(event["event_time"])+scalar(event["event_type"]), scalar(event["event_hash"]))
	})
}

// hexSigned is a text with a signature in hex.
func hexSigned(text, signature string) ([]signedText, error) {
	raw, err := decode(asHex, signature)
	if err != nil || len(raw) != sha256.Size || text == "" {
		return nil, unproven(Missing, "there is no signature in the body")
	}
	return []signedText{{text, raw}}, nil
}

// formField returns the only field of this name in a form, or nil.
func formField(r Request, name string) []byte {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil
	}
	if kind == "application/x-www-form-urlencoded" {
		if form, err := url.ParseQuery(string(r.Body)); err == nil && len(form[name]) == 1 {
			return []byte(form[name][0])
		}
		return nil
	}
	if kind != "multipart/form-data" {
		return nil
	}
	var found []byte
	parts := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	for range maxItems {
		part, err := parts.NextPart()
		if err != nil {
			break
		}
		if part.FormName() != name {
			continue
		}
		if found != nil {
			return nil // which one counts is not clear
		}
		if found, err = io.ReadAll(part); err != nil {
			return nil
		}
	}
	return found
}

// graph checks notifications of Microsoft Graph, each of which repeats the clientState
// of its subscription.
type graph struct{ keys []sharedKey }

func newGraph(s Spec, _ *Keys, _ *mistakes) prover {
	return graph{sharedKeysOf(s.Secrets)}
}

// prove implements [prover].
func (g graph) prove(_ context.Context, r Request) ([]byte, error) {
	var body members
	var all []members
	if json.Unmarshal(r.Body, &body) != nil || json.Unmarshal(body["value"], &all) != nil {
		return nil, unproven(Malformed, "the body is not a notification of Microsoft Graph")
	}
	if len(all) == 0 || len(all) > maxItems {
		return nil, unproven(Missing, "the body has no notifications, or too many")
	}
	held := true
	for _, one := range all {
		held = isShared(g.keys, scalar(one["clientState"])) && held
	}
	if !held {
		return nil, unproven(Signature, "a notification has another clientState")
	}
	return nil, nil
}

// sharedKeysOf returns the digests of secrets that are posted as they are.
func sharedKeysOf(secrets []string) []sharedKey {
	var all []sharedKey
	for _, secret := range secrets {
		all = append(all, sharedKey(sha256.Sum256([]byte(secret))))
	}
	return all
}

func isShared(keys []sharedKey, posted string) bool {
	found := false
	for _, key := range keys {
		found = posted != "" && key.signed(nil, [][]byte{[]byte(posted)}) || found
	}
	return found
}

// authorization checks a value in the header Authorization.
type authorization struct {
	keys  []sharedKey
	what  string
	value func(Request) string // "" if there is none
}

// prove implements [prover].
func (a authorization) prove(_ context.Context, r Request) ([]byte, error) {
	value := a.value(r)
	if value == "" {
		return nil, unproven(Missing, a.what+" is missing")
	}
	if !isShared(a.keys, value) {
		return nil, unproven(Signature, a.what+" is not the right one")
	}
	return nil, nil
}

func newBasicAuth(s Spec, _ *Keys, _ *mistakes) prover {
	return authorization{sharedKeysOf(s.Secrets), "the password in the header Authorization", func(r Request) string {
		user, password, ok := basicAuth(r)
		if !ok || s.User != "" && !isShared(sharedKeysOf([]string{s.User}), user) {
			return ""
		}
		return password
	}}
}

func newBearer(s Spec, _ *Keys, _ *mistakes) prover {
	return authorization{sharedKeysOf(s.Secrets), "the access token", func(r Request) string {
		if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
			return value
		}
		return r.Query.Get("access_token")
	}}
}

// digestOf is the SHA-256 of a body in hex.
func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// basicAuth returns what HTTP Basic authentication sends.
func basicAuth(r Request) (user, password string, ok bool) {
	return (&http.Request{Header: r.Header}).BasicAuth()
}
