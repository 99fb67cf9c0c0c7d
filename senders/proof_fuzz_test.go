package senders_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/publickeys"
	"callback-relay/senders"
)

// sendgridKey is a public key whose private key nobody has kept.
const sendgridKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA=="

// unguessable returns all presets with secrets that nobody has.
func unguessable(f *testing.F) []*senders.Sender {
	f.Helper()
	var all []*senders.Sender
	for _, p := range senders.Presets() {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		spec := senders.Spec{Preset: p.Name}
		switch {
		case p.Name == "sns":
			spec.Account = snsTopic
		case p.Account != "":
			spec.Account = falUser
		case p.Name == "sendgrid":
			spec.Secrets = []string{sendgridKey}
		default:
			spec.Secrets = []string{hex.EncodeToString(secret)}
		}
		sender, err := senders.New(spec, senders.WithKeys(publickeys.New(newWeb())))
		if err != nil {
			f.Fatalf("%s: %v", p.Name, err)
		}
		all = append(all, sender)
	}
	return all
}

// Row 99: whatever is posted to a link of any preset: nothing panics, and nothing is proven
// to somebody who does not have the secret. The reason is always one of the known ones,
// and a handshake is answered only if its sender does not sign it.
func FuzzProof(f *testing.F) {
	all := unguessable(f)
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var published []vector
	if err := json.Unmarshal(text, &published); err != nil {
		f.Fatal(err)
	}
	for i, s := range signings {
		f.Add(uint8(i), headerText(s.headers), "a=1", []byte(s.body))
	}
	for i, v := range published {
		f.Add(uint8(i), headerText(v.Headers), "access_token=x&bodySHA256=00", []byte(v.Body))
	}
	for i := range all {
		for _, challenge := range []string{
			`{"type":"url_verification","challenge":"x"}`, `{"event":"endpoint.url_validation","payload":{"plainToken":"x"}}`, `{"type":1}`,
			`{"challenge":"x"}`, `{"verification_token":"secret_x"}`, `{"events":[]}`, `{"event":{"event_type":"pagey.ping"}}`,
			`{"Type":"SubscriptionConfirmation","TopicArn":"x","SubscribeURL":"x"}`, `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"x"}}]`,
		} {
			f.Add(uint8(i), "X-Github-Event: ping\nX-Signature-Ed25519: 00\nX-Xero-Signature: x\nTwitch-Eventsub-Message-Type: revocation\nX-Pagerduty-Signature: v1=00\n",
				"validationToken=x", []byte(challenge))
		}
		f.Add(uint8(i), "Authorization: Basic OjAw\nAuthorization: Bearer x\nContent-Type: multipart/form-data; boundary=X\n", "", []byte("--X\r\nContent-Disposition: form-data; name=json\r\n\r\n{}\r\n--X--"))
		f.Add(uint8(i), "Content-Type: application/json\n", "", []byte(`{"value":[{"clientState":""}],"notificationItems":[],"signature":{},"Type":"Notification","Signature":"AAAA"}`))
	}
	f.Fuzz(func(t *testing.T, which uint8, headers, query string, body []byte) {
		sender := all[int(which)%len(all)]
		header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(headers + "\n\n"))).ReadMIMEHeader()
		if err != nil {
			header = textproto.MIMEHeader{}
		}
		values, _ := url.ParseQuery(query)
		r := senders.Request{
			Method: http.MethodPost, URL: "https://relay.example.com/c/x?" + query, Header: http.Header(header), Query: values, Body: body, Now: time.Unix(signedAt, 0),
		}
		err = sender.Check(t.Context(), r)
		unproven, is := errors.AsType[*senders.UnprovenError](err)
		_, unavailable := errors.AsType[*senders.UnavailableError](err)
		switch {
		case err == nil:
			t.Fatalf("%s is proven", sender.Preset())
		case is && (unproven.Reason == "" || unproven.Detail == "") || !is && !unavailable:
			t.Fatalf("%s: %T %v", sender.Preset(), err, err)
		}
		reply, found := sender.Handshake(t.Context(), r, body, false)
		if found && (reply.Sender != sender.Preset() || !slices.Contains([]string{"event-grid", "microsoft-graph", "notion"}, reply.Sender)) {
			t.Fatalf("%s answers the handshake of %s without a proof", sender.Preset(), reply.Sender)
		}
		if !json.Valid(body) {
			return
		}
		if event := sender.Unwrap(body); !json.Valid(event) {
			t.Fatalf("%s: the event %q is no JSON", sender.Preset(), event)
		}
	})
}

// headerText is headers as they are sent.
func headerText(headers map[string]string) string {
	var text strings.Builder
	for name, value := range headers {
		text.WriteString(name + ": " + value + "\n")
	}
	return text.String()
}

// Whatever somebody describes as a proof: there is either a sender or a list of mistakes,
// and nothing is proven to somebody who does not have the secret.
func FuzzOwnProof(f *testing.F) {
	for _, proof := range []string{
		`{"algorithm":"hmac-sha256","header":"x-signature","take":"sha256=","encoding":"hex","signed":["body"]}`,
		`{"algorithm":"hmac-sha512","header":["a","b*"],"split":",","take":"v1=","encoding":"base64","signed":["timestamp","text:.","body"],"timestamp":{"take":"t=","unit":"s"}}`,
		`{"algorithm":"hmac-sha1","header":"a","encoding":"hex","signed":["method","url","header:b","body"],"timestamp":{"body":"/a/0","unit":"ms","tolerance":60}}`,
		`{"algorithm":"ed25519","header":"a","encoding":"hex","signed":["body"],"secretEncoding":"hex"}`,
		`{"algorithm":"shared-secret","query":"token"}`, `{"algorithm":"shared-secret","header":"a","take":"Bearer "}`,
	} {
		f.Add([]byte(proof), "A: t=1700000000,v1=00\nB: x\n", []byte(`{"a":[1]}`))
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	f.Fuzz(func(t *testing.T, text []byte, headers string, body []byte) {
		var proof senders.Proof
		if json.Unmarshal(text, &proof) != nil {
			return
		}
		for _, encoded := range []string{base64.StdEncoding.EncodeToString(secret), hex.EncodeToString(secret)} {
			sender, err := senders.New(senders.Spec{Proof: &proof, Secrets: []string{proof.SecretPrefix + encoded}})
			if (sender == nil) == (err == nil) {
				t.Fatalf("%v with %v", sender, err)
			}
			if err != nil {
				if wrong, is := errors.AsType[*senders.SpecError](err); !is || wrong.Field == "" || strings.Contains(err.Error(), encoded) {
					t.Fatalf("%T %v", err, err)
				}
				continue
			}
			header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader([]byte(headers + "\n\n")))).ReadMIMEHeader()
			if err != nil {
				header = textproto.MIMEHeader{}
			}
			r := senders.Request{Method: http.MethodPost, URL: "https://relay.example.com/c/x", Header: http.Header(header), Body: body, Now: time.Unix(signedAt, 0)}
			if sender.Check(context.Background(), r) == nil {
				t.Fatalf("proven by %s", text)
			}
		}
	})
}
