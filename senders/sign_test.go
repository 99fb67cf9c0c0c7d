//go:build !release

package senders_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"callback-relay/senders"
)

// What is signed here is what the sender's own library or documentation signed: every
// published request gets the very same signature.
func TestSignAsPublished(t *testing.T) {
	for _, v := range vectors(t) {
		switch {
		case strings.HasPrefix(v.Secret, "whpk_"), v.Sender == "sendgrid":
			continue // nobody has their private keys
		case v.Headers["svix-id"] != "":
			continue // these names are only read: Sign uses those of the specification
		case v.Sender == "box": // its timestamp has a zone, and its second signature another secret
			v.Headers = maps.Clone(v.Headers)
			delete(v.Headers, "BOX-SIGNATURE-SECONDARY")
		}
		t.Run(v.Sender, func(t *testing.T) {
			sender, err := senders.New(senders.Spec{Preset: v.Sender, Secrets: []string{v.Secret}})
			if err != nil {
				t.Fatal(err)
			}
			r := v.request(t)
			want := r.Header
			r.Header = http.Header{}
			r.Now = time.Unix(v.At, 0).In(time.FixedZone("", -7*60*60))
			for name := range want {
				if !v.signs(name) {
					r.Header.Set(name, want.Get(name))
				}
			}
			if err := sender.Sign(&r, nil); err != nil {
				t.Fatal(err)
			}
			if got := r.Header; !maps.EqualFunc(got, want, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
				t.Errorf("signed %v, want %v", got, want)
			}
			if string(r.Body) != v.Body {
				t.Error("the body was changed")
			}
		})
	}
}

// signs tells whether a header is made by signing.
func (v vector) signs(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "signature") || strings.Contains(name, "timestamp") || strings.Contains(name, "hmac")
}

// Adyen's signature is inside of the body. This one is from its own library
// (adyen-go-api-library, src/hmacvalidator).
func TestSignInsideTheBody(t *testing.T) {
	sender, err := senders.New(senders.Spec{Preset: "adyen", Secrets: []string{"DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00"}})
	if err != nil {
		t.Fatal(err)
	}
	const item = `{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"{{signature}}"},"pspReference":"pspReference","originalReference":"originalReference",` +
		`"merchantAccountCode":"merchantAccount","merchantReference":"reference","amount":{"value":1000,"currency":"EUR"},"eventCode":"EVENT","success":"true"}}]}`
	r := senders.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(item)}
	if err := sender.Sign(&r, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(r.Body), `"hmacSignature":"ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc="`) {
		t.Errorf("signed %s", r.Body)
	}
}
