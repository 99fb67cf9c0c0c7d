package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"callback-relay/programs"
	"callback-relay/senders"
)

// Row 99: what another program signed as the sender's documentation says is accepted. It
// is refused if one bit of it differs: in the body, in a header that proves it, in the
// time, in the secret, and in the URL if that is signed.
func TestSignedByAnotherProgram(t *testing.T) {
	programs.Need(t, "openssl")
	for _, s := range signings {
		t.Run(s.preset, func(t *testing.T) {
			v := s.vector(t)
			if err := v.check(t); err != nil {
				t.Fatalf("refused: %v", err)
			}
			for at := range len(v.Body) {
				changed := v
				changed.Body = flip(v.Body, at)
				if s.free == nil || !s.free(v.Body, at) {
					changed.refused(t, "body")
				}
			}
			v.refusedWithAnother(t, s.urlSigned)
			if s.rotated != nil {
				for _, header := range v.rotated {
					v.Headers[header[0]] = header[1]
				}
				if err := v.check(t); err != nil {
					t.Errorf("refused with several signatures: %v", err)
				}
			}
		})
	}
}

// Row 99: each preset is proven by a published request or by one that another program signed.
func TestEveryPresetIsProven(t *testing.T) {
	proven := map[string]bool{"fal": true, "sns": true, "discord": true} // tests of their own
	for _, v := range vectors(t) {
		proven[v.Sender] = true
	}
	for _, s := range signings {
		proven[s.preset] = true
	}
	for _, p := range senders.Presets() {
		if !proven[p.Name] {
			t.Errorf("%s is not proven by any test", p.Name)
		}
	}
}

// Row 99: signatures of public keys, made by another program.
func TestSignedWithPrivateKeys(t *testing.T) {
	programs.Need(t, "openssl")
	ed25519, public := opensslKey(t, "-algorithm", "ed25519")
	raw := public[len(public)-32:]
	p256, spki := opensslKey(t, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
	ecdsa := openssl(t, "1700000000"+anyBody, "dgst", "-sha256", "-sign", p256)
	for _, v := range []vector{
		{Sender: "discord", Secret: hex.EncodeToString(raw), Headers: map[string]string{
			"X-Signature-Timestamp": "1700000000", "X-Signature-Ed25519": hex.EncodeToString(opensslEd25519(t, ed25519, "1700000000"+anyBody)),
		}},
		{Sender: "standard-webhooks", Secret: "whpk_" + base64.StdEncoding.EncodeToString(raw), Headers: map[string]string{
			"Webhook-Id": "msg_1", "Webhook-Timestamp": "1700000000",
			"Webhook-Signature": "v1a," + base64.StdEncoding.EncodeToString(opensslEd25519(t, ed25519, "msg_1.1700000000."+anyBody)),
		}},
		{Sender: "sendgrid", Secret: base64.StdEncoding.EncodeToString(spki), Headers: map[string]string{
			"X-Twilio-Email-Event-Webhook-Timestamp": "1700000000", "X-Twilio-Email-Event-Webhook-Signature": base64.StdEncoding.EncodeToString(ecdsa),
		}},
	} {
		t.Run(v.Sender, func(t *testing.T) {
			v.Body, v.At, v.URL, v.ContentType = anyBody, signedAt, jobURL, "application/json"
			if err := v.check(t); err != nil {
				t.Fatalf("refused: %v", err)
			}
			for at := range len(v.Body) {
				changed := v
				changed.Body = flip(v.Body, at)
				changed.refused(t, "body")
			}
			v.refusedWithAnother(t, false)
		})
	}
}

// Row 99: there is one spelling of each signature: hex in one case, and base64 with its padding.
// Otherwise one request would have several forms.
func TestSpellings(t *testing.T) {
	programs.Need(t, "openssl")
	sum := opensslHMAC(t, "sha256", hex.EncodeToString([]byte(longText)), anyBody)
	lower, inBase64 := hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum)
	for name, c := range map[string]struct {
		preset, header, value string
		want                  senders.Reason
	}{
		"hex":                   {"jira", "X-Hub-Signature", "sha256=" + lower, ""},
		"hex in capitals":       {"jira", "X-Hub-Signature", "sha256=" + strings.ToUpper(lower), ""},
		"hex in both":           {"jira", "X-Hub-Signature", "sha256=" + strings.ToUpper(lower[:32]) + lower[32:], senders.Malformed},
		"hex with a blank":      {"jira", "X-Hub-Signature", "sha256= " + lower, senders.Malformed},
		"hex, cut short":        {"jira", "X-Hub-Signature", "sha256=" + lower[:62], senders.Malformed},
		"hex of nothing":        {"jira", "X-Hub-Signature", "sha256=", senders.Malformed},
		"hex, and more":         {"jira", "X-Hub-Signature", "sha256=" + lower + "00", senders.Malformed},
		"another algorithm":     {"jira", "X-Hub-Signature", "sha1=" + lower[:40], senders.Version},
		"its name in capitals":  {"jira", "X-Hub-Signature", "SHA256=" + lower, senders.Version},
		"base64":                {"shopify", "X-Shopify-Hmac-Sha256", inBase64, ""},
		"base64, no padding":    {"shopify", "X-Shopify-Hmac-Sha256", strings.TrimRight(inBase64, "="), senders.Malformed},
		"base64 with a line":    {"shopify", "X-Shopify-Hmac-Sha256", inBase64[:10] + "\n" + inBase64[10:], senders.Malformed},
		"hex instead of base64": {"shopify", "X-Shopify-Hmac-Sha256", lower, senders.Malformed},
		"two signatures in one": {"shopify", "X-Shopify-Hmac-Sha256", inBase64 + "," + inBase64, senders.Malformed},
	} {
		v := vector{Sender: c.preset, Secret: longText, Body: anyBody, Headers: map[string]string{c.header: c.value}}
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Row 99: what is tried for one post is bounded: a hundred signatures, ten of public keys, and
// four times in one header.
func TestManySignatures(t *testing.T) {
	programs.Need(t, "openssl")
	stripe := hex.EncodeToString(opensslHMAC(t, "sha256", hex.EncodeToString([]byte(longText)), "1700000000."+anyBody))
	file, public := opensslKey(t, "-algorithm", "ed25519")
	webhook := base64.StdEncoding.EncodeToString(opensslEd25519(t, file, "msg_1.1700000000."+anyBody))
	other := base64.StdEncoding.EncodeToString(make([]byte, 64))
	key := "whpk_" + base64.StdEncoding.EncodeToString(public[len(public)-32:])
	for name, c := range map[string]struct {
		v    vector
		want senders.Reason
	}{
		"a hundred": {vector{Sender: "stripe", Secret: longText, Headers: map[string]string{
			"Stripe-Signature": "t=1700000000" + strings.Repeat(",v1="+strings.Repeat("0", 64), 99) + ",v1=" + stripe,
		}}, ""},
		"more": {vector{Sender: "stripe", Secret: longText, Headers: map[string]string{
			"Stripe-Signature": "t=1700000000" + strings.Repeat(",v1="+strings.Repeat("0", 64), 100) + ",v1=" + stripe,
		}}, senders.Malformed},
		"four times": {vector{Sender: "stripe", Secret: longText, Headers: map[string]string{
			"Stripe-Signature": strings.Repeat("t=1600000000,v1="+strings.Repeat("0", 64)+",", 3) + "t=1700000000,v1=" + stripe,
		}}, ""},
		"five times": {vector{Sender: "stripe", Secret: longText, Headers: map[string]string{
			"Stripe-Signature": strings.Repeat("t=1600000000,v1="+strings.Repeat("0", 64)+",", 4) + "t=1700000000,v1=" + stripe,
		}}, senders.Malformed},
		"ten of a public key": {vector{Sender: "standard-webhooks", Secret: key, Headers: map[string]string{
			"Webhook-Id": "msg_1", "Webhook-Timestamp": "1700000000", "Webhook-Signature": strings.Repeat("v1a,"+other+" ", 9) + "v1a," + webhook,
		}}, ""},
		"more of a public key": {vector{Sender: "standard-webhooks", Secret: key, Headers: map[string]string{
			"Webhook-Id": "msg_1", "Webhook-Timestamp": "1700000000", "Webhook-Signature": strings.Repeat("v1a,"+other+" ", 10) + "v1a," + webhook,
		}}, senders.Malformed},
	} {
		c.v.Body, c.v.At = anyBody, signedAt
		if got := reasonOf(t, c.v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
