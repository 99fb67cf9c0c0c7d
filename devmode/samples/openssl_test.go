//go:build !release

package samples_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"callback-relay/devmode/samples"
	"callback-relay/handlers"
	"callback-relay/programs"
	"callback-relay/senders"
)

// link is where the samples are posted.
const link = "https://relay.example.com/c/key"

// signed returns the last event of a preset as it is posted, and the sender's spec.
func signed(t *testing.T, preset string) (senders.Request, senders.Spec, samples.Sample) {
	t.Helper()
	sample, err := samples.Load(preset)
	if err != nil {
		t.Fatal(err)
	}
	registration, err := handlers.ParseRegistration(sample.Registration)
	if err != nil {
		t.Fatal(err)
	}
	var spec senders.Spec
	for _, l := range registration.Links {
		spec = *l.Guard.Inline
	}
	sender, err := senders.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	header, body := sample.Events[len(sample.Events)-1].At(samples.At)
	r := senders.Request{Method: http.MethodPost, URL: link, Header: header, Query: url.Values{}, Body: body, Now: samples.At}
	if err := sender.Sign(&r, sample.Key); err != nil {
		t.Fatal(err)
	}
	return r, spec, sample
}

// openssl runs openssl on an input.
func openssl(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v", args[0], err)
	}
	return string(out)
}

// The signatures of senders that have published no request with its secret are those that
// another program makes, over what the sender's documentation says is signed.
func TestSignaturesAreThoseOfOpenSSL(t *testing.T) {
	programs.Need(t, "openssl")
	const seconds, millis, text = "1700000000", "1700000000000", "2023-11-14T22:13:20Z"
	for _, c := range []struct{ preset, header, signed, value, encoding string }{
		{"bitbucket", "X-Hub-Signature", "{body}", "sha256={}", "hex"},
		{"calendly", "Calendly-Webhook-Signature", seconds + ".{body}", "t=" + seconds + ",v1={}", "hex"},
		{"cloudflare-stream", "Webhook-Signature", seconds + ".{body}", "time=" + seconds + ",sig1={}", "hex"},
		{"docusign", "X-DocuSign-Signature-1", "{body}", "{}", "base64"},
		{"hubspot", "X-HubSpot-Signature-v3", "POSThttps://hooks.example.com/hubspot{body}" + millis, "{}", "base64"},
		{"jira", "X-Hub-Signature", "{body}", "sha256={}", "hex"},
		{"linear", "Linear-Signature", "{body}", "{}", "hex"},
		{"meta", "X-Hub-Signature-256", "{body}", "sha256={}", "hex"},
		{"mux", "Mux-Signature", seconds + ".{body}", "t=" + seconds + ",v1={}", "hex"},
		{"notion", "X-Notion-Signature", "{body}", "sha256={}", "hex"},
		{"paddle", "Paddle-Signature", seconds + ":{body}", "ts=" + seconds + ";h1={}", "hex"},
		{"twitch", "Twitch-Eventsub-Message-Signature", "m3" + text + "{body}", "sha256={}", "hex"},
		{"typeform", "Typeform-Signature", "{body}", "sha256={}", "base64"},
		{"x", "X-Twitter-Webhooks-Signature", "{body}", "sha256={}", "base64"},
		{"xero", "X-Xero-Signature", "{body}", "{}", "base64"},
		{"zendesk", "X-Zendesk-Webhook-Signature", text + "{body}", "{}", "base64"},
		{"zoom", "X-Zm-Signature", "v0:" + seconds + ":{body}", "v0={}", "hex"},
		{"mailgun", "", seconds + "a8ce0edb2dda", `"signature":"{}"}`, "hex"},
		{"dropbox-sign", "", seconds + "signature_request_declined", `"event_hash":"{}"`, "hex"},
	} {
		r, spec, _ := signed(t, c.preset)
		raw := []byte(openssl(t, strings.ReplaceAll(c.signed, "{body}", string(r.Body)), "dgst", "-sha256", "-hmac", spec.Secrets[0], "-binary"))
		signature := base64.StdEncoding.EncodeToString(raw)
		if c.encoding == "hex" {
			signature = hex.EncodeToString(raw)
		}
		want, got := strings.ReplaceAll(c.value, "{}", signature), r.Header.Get(c.header)
		if c.header == "" {
			got = string(r.Body)
		}
		if c.header != "" && got != want || !strings.Contains(got, want) {
			t.Errorf("%s: signed %s, want %s", c.preset, got, want)
		}
	}
}

// The same for senders that sign with a private key: openssl accepts their signatures.
func TestOpenSSLAcceptsSignatures(t *testing.T) {
	programs.Need(t, "openssl")
	const seconds, text = "1700000000", "2023-11-14T22:13:20Z"
	sns := "Message\nshipped\nMessageId\nm3\nSubject\norder-42\nTimestamp\n" + text +
		"\nTopicArn\narn:aws:sns:eu-west-1:123456789012:orders\nType\nNotification\n"
	for preset, c := range map[string]struct {
		signed    func(body []byte) string
		signature func(r senders.Request) ([]byte, error)
		ed25519   bool
	}{
		"discord": {
			func(body []byte) string { return seconds + string(body) },
			func(r senders.Request) ([]byte, error) { return hex.DecodeString(r.Header.Get("X-Signature-Ed25519")) }, true,
		},
		"fal": {
			func(body []byte) string {
				return fmt.Sprintf("123e4567\nyour user id at fal\n%s\n%x", seconds, sha256.Sum256(body))
			},
			func(r senders.Request) ([]byte, error) {
				return hex.DecodeString(r.Header.Get("X-Fal-Webhook-Signature"))
			}, true,
		},
		"sendgrid": {
			func(body []byte) string { return seconds + string(body) },
			func(r senders.Request) ([]byte, error) {
				return base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Email-Event-Webhook-Signature"))
			}, false,
		},
		"sns": {
			func([]byte) string { return sns },
			func(r senders.Request) ([]byte, error) {
				_, rest, _ := strings.Cut(string(r.Body), `"Signature":"`)
				signature, _, _ := strings.Cut(rest, `"`)
				return base64.StdEncoding.DecodeString(signature)
			}, false,
		},
	} {
		r, _, sample := signed(t, preset)
		signature, err := c.signature(r)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(sample.Key.Public())
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for name, content := range map[string][]byte{
			"key": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "signature": signature, "signed": []byte(c.signed(r.Body)),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"dgst", "-sha256", "-verify", dir + "/key", "-signature", dir + "/signature", dir + "/signed"}
		if c.ed25519 {
			args = []string{"pkeyutl", "-verify", "-pubin", "-inkey", dir + "/key", "-rawin", "-in", dir + "/signed", "-sigfile", dir + "/signature"}
		}
		openssl(t, "", args...) // its exit code says whether the signature holds
	}
}
