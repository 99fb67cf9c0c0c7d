package senders

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"callback-relay/bodies"
	"callback-relay/publickeys"
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
	event     []byte // the JSON that both are in
	stale     bool   // signed at another time
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
		if held && all[0].stale {
			return nil, unproven(Stale, "the post of "+b.name+" was signed too long before or after the relay's time")
		}
		if held {
			return key.secret, checkNames(all[0].event)
		}
	}
	return nil, unproven(Signature, "a signature of "+b.name+" in the body was made with another secret or over other values")
}

// object returns the members of a body that is proven by values inside of it. The bytes
// must be the very JSON that rules will see, whatever the headers say about them. Once
// the values prove the post, [checkNames] must be called too.
func object(r Request) (members, error) {
	kind := bodies.KindOf(r.Header)
	if kind.Packed() {
		return nil, errors.New("compressed")
	}
	if text, err := kind.JSON(r.Body, len(r.Body)); err != nil || !bytes.Equal(text, r.Body) {
		return nil, errors.New("not sent as JSON in UTF-8")
	}
	var all members
	err := json.Unmarshal(r.Body, &all)
	return all, err
}

// checkNames checks that no object in a JSON text, which was unmarshalled before, has two
// members of one name: the one that proves the post could be another than the one that
// counts for the task. This takes long for a long text, so it is done for proven posts
// only.
func checkNames(text []byte) error {
	if checkUnique(bodies.NewCursor(text)) != nil {
		return unproven(Malformed, "an object in the body has two members of one name")
	}
	return nil
}

// checkUnique reads a value in which no object may have two members of one name.
func checkUnique(c *bodies.Cursor) error {
	switch c.Next() {
	case '{':
		seen := map[string]bool{}
		return c.Members(func(quoted []byte) error {
			name := bodies.Unquote(quoted)
			if seen[name] {
				return errors.New("a name is given twice")
			}
			seen[name] = true
			return checkUnique(c)
		})
	case '[':
		return c.Elements(func(int) error { return checkUnique(c) })
	}
	c.Token()
	return nil
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

func newAdyen(s Spec, _ *publickeys.Cache, m *mistakes) prover {
	return newInBody("Adyen", asHex, s, m, adyenItems)
}

// adyenID is the id of a notification with one item, as all in JSON are. The same payment
// can have a failed and a successful event of one code.
var adyenID = "body.notificationItems[?1].hasValue() ? '' : " + joined(
	"body.notificationItems[0].NotificationRequestItem.pspReference", "body.notificationItems[0].NotificationRequestItem.eventCode",
	"body.notificationItems[0].NotificationRequestItem.success")

// adyenPlatformID is the id of an event of a balance platform. A transfer has several
// events of one type, and some things have only one, so its number or its status counts.
var adyenPlatformID = "has(body.data.sequenceNumber) ? " + joined("body.data.id", "body.type", "string(body.data.sequenceNumber)") +
	" : has(body.data.status) ? " + joined("body.data.id", "body.type", "body.data.status") +
	" : " + joined("body.data.id", "body.type")

// adyenItems returns what Adyen signs of each item of a notification.
func adyenItems(r Request) ([]signedText, error) {
	var items []members
	body, err := object(r)
	if err != nil || json.Unmarshal(body["notificationItems"], &items) != nil || len(items) > maxItems {
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
		values := []string{
			scalar(fields["pspReference"]), scalar(fields["originalReference"]), scalar(fields["merchantAccountCode"]),
			scalar(fields["merchantReference"]), scalar(amount["value"]), scalar(amount["currency"]),
			scalar(fields["eventCode"]), truth(fields["success"]),
		}
		// Only the merchant's own reference may have colons, so that it is beyond doubt
		// where each value ends.
		if others := slices.Delete(slices.Clone(values), 3, 4); strings.Contains(strings.Join(others, ""), ":") {
			return nil, unproven(Malformed, "an item of the notification has a colon in a value that cannot have one")
		}
		all = append(all, signedText{text: strings.Join(values, ":"), signature: signature, event: r.Body})
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

func newMailgun(s Spec, _ *publickeys.Cache, m *mistakes) prover {
	return newInBody("Mailgun", asText, s, m, func(r Request) ([]signedText, error) {
		var signature members
		body, err := object(r)
		if err != nil || json.Unmarshal(body["signature"], &signature) != nil {
			return nil, unproven(Malformed, "the body is not an event of Mailgun, with an object signature")
		}
		timestamp, token := scalar(signature["timestamp"]), scalar(signature["token"])
		// Both are signed as one text, so where one ends must be beyond doubt.
		at, ok := mailgunTime.parse(timestamp)
		if !ok || len(timestamp) != len("1700000000") || token == "" {
			return nil, unproven(Malformed, "the timestamp or the token of the signature is not one of Mailgun")
		}
		signed, err := hexSigned(r.Body, timestamp+token, scalar(signature["signature"]))
		if err == nil {
			signed[0].stale = !mailgunTime.isFresh(at, r.Now)
		}
		return signed, err
	})
}

// dropboxSignReply is the text without which Dropbox Sign repeats an event.
const dropboxSignReply = "Hello API Event Received"

// dropboxSignID is the id of an event. The hash covers only its time and its type, so two
// documents can have the same.
const dropboxSignID = "body.event.event_hash + (has(body.signature_request) ? '/' + body.signature_request.signature_request_id : '')"

func newDropboxSign(s Spec, _ *publickeys.Cache, m *mistakes) prover {
	return newInBody("Dropbox Sign", asText, s, m, func(r Request) ([]signedText, error) {
		var form, body, event members
		kind := bodies.KindOf(r.Header)
		text, err := kind.JSON(r.Body, 2*len(r.Body)) // as rules will see it
		if err != nil || kind.Packed() || json.Unmarshal(text, &form) != nil {
			return nil, unproven(Malformed, "the body is not a form")
		}
		text = []byte(form.text("json"))
		if json.Unmarshal(text, &body) != nil || json.Unmarshal(body["event"], &event) != nil {
			return nil, unproven(Malformed, "the body is not a form of Dropbox Sign, with a field json that has an event")
		}
		at := scalar(event["event_time"])
		// It is signed with the type as one text, so where it ends must be beyond doubt.
		if _, ok := (&Timestamp{Unit: unitSeconds}).parse(at); !ok || len(at) != len("1700000000") {
			return nil, unproven(Malformed, "the event_time is not a time in seconds")
		}
		return hexSigned(text, at+scalar(event["event_type"]), scalar(event["event_hash"]))
	})
}

// hexSigned is a text of an event, with a signature in hex.
func hexSigned(event []byte, text, signature string) ([]signedText, error) {
	raw, err := decode(asHex, signature)
	if err != nil || len(raw) != sha256.Size || text == "" {
		return nil, unproven(Missing, "there is no signature in the body")
	}
	return []signedText{{text: text, signature: raw, event: event}}, nil
}
