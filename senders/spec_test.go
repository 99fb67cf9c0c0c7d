package senders_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"callback-relay/senders"
)

// mistakesIn returns the fields of all mistakes, in order.
func mistakesIn(t *testing.T, err error) []string {
	t.Helper()
	all := []error{err}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		all = joined.Unwrap()
	}
	var fields []string
	for _, one := range all {
		wrong, is := errors.AsType[*senders.SpecError](one)
		if !is {
			t.Fatalf("%T %v", one, one)
		}
		fields = append(fields, wrong.Field)
	}
	return slices.Sorted(slices.Values(fields))
}

// Every mistake in the description of a sender is told, with its field, and without the
// secret.
func TestMistakes(t *testing.T) {
	const secret = "the-secret-that-nobody-may-see"
	for spec, want := range map[string]string{
		`{}`:                  "preset",
		`{"preset":"githug"}`: "preset",
		`{"preset":"github","proof":{"algorithm":"shared-secret","header":"a"}}`: "proof",
		`{"preset":"github"}`:                "secrets",
		`{"preset":"github","secrets":[""]}`: "secrets[0]",
		`{"preset":"github","secrets":["SECRET","` + strings.Repeat("x", 5000) + `"]}`: "secrets[1]",
		`{"preset":"github","secrets":["a","a","a","a","a","a","a","a","a","a","a"]}`:  "secrets",
		`{"preset":"github","secrets":["SECRET"],"header":"x-a"}`:                      "header",
		`{"preset":"github","secrets":["SECRET"],"url":"hooks.example.com"}`:           "url",
		`{"preset":"header-secret","secrets":["SECRET"],"header":"x a"}`:               "header",
		`{"preset":"discord","secrets":["00"],"header":"x-a","url":"hooks"}`:           "header secrets[0] url",
		`{"preset":"header-secret","secrets":["short"]}`:                               "secrets[0]",
		`{"preset":"fal"}`: "account",
		`{"preset":"fal","account":"u","secrets":["SECRET"]}`:                                                                                              "secrets",
		`{"preset":"sns","account":"orders"}`:                                                                                                              "account",
		`{"preset":"replicate","secrets":["SECRET"]}`:                                                                                                      "secrets[0]",
		`{"preset":"replicate","secrets":["whsec_"]}`:                                                                                                      "secrets[0]",
		`{"preset":"standard-webhooks","secrets":["whpk_AAAA"]}`:                                                                                           "secrets[0]",
		`{"preset":"adyen","secrets":["SECRET"]}`:                                                                                                          "secrets[0]",
		`{"preset":"discord","secrets":["00"]}`:                                                                                                            "secrets[0]",
		`{"preset":"sendgrid","secrets":["AAAA"]}`:                                                                                                         "secrets[0]",
		`{"proof":{"algorithm":"md5"},"secrets":["SECRET"]}`:                                                                                               "proof.algorithm",
		`{"proof":{"algorithm":"shared-secret"},"secrets":["SECRET"]}`:                                                                                     "proof.header",
		`{"proof":{"algorithm":"shared-secret","header":"a","query":"b"},"secrets":["SECRET"]}`:                                                            "proof.header",
		`{"proof":{"algorithm":"shared-secret","header":"a","signed":["body"],"encoding":"hex"},"secrets":["SECRET"]}`:                                     "proof.encoding proof.signed",
		`{"proof":{"algorithm":"hmac-sha256","header":"*","encoding":"hex","signed":["body"]},"secrets":["SECRET"]}`:                                       "proof.header",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"base32","signed":["body"]},"secrets":["SECRET"]}`:                                    "proof.encoding",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"hex","signed":["url"]},"secrets":["SECRET"]}`:                                        "proof.signed",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"hex","signed":["body","body"]},"secrets":["SECRET"]}`:                                "proof.signed",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"hex","signed":["body","timestamp"]},"secrets":["SECRET"]}`:                           "proof.signed",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"hex","signed":["body"],"timestamp":{"header":"b","unit":"s"}},"secrets":["SECRET"]}`: "proof.signed",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"hex","signed":["body"],"timestamp":{"body":"t","unit":"h"}},"secrets":["SECRET"]}`:   "proof.timestamp.body proof.timestamp.unit",
		`{"proof":{"algorithm":"hmac-sha256","header":"a","encoding":"hex","signed":["body"]},"secrets":["short"]}`:                                        "secrets[0]",
		`{"proof":{"algorithm":"ed25519","header":"a","encoding":"hex","signed":["body"]},"secrets":["SECRET"]}`:                                           "proof.secretEncoding",
	} {
		var given senders.Spec
		must(t, json.Unmarshal([]byte(strings.ReplaceAll(spec, "SECRET", secret)), &given))
		sender, err := senders.New(given)
		if err == nil || sender != nil {
			t.Errorf("%s is accepted", spec)
			continue
		}
		if got := strings.Join(mistakesIn(t, err), " "); got != want || strings.Contains(err.Error(), secret) {
			t.Errorf("%.150s: mistakes in %q, want %q: %v", spec, got, want, err)
		}
	}
}

// What does nothing, or proves less than it seems to, is told at a registration. It is no
// reason to refuse the posts of links that an earlier release registered with it.
func TestObjections(t *testing.T) {
	const secret = "the-secret-that-nobody-may-see"
	for _, c := range []struct {
		spec senders.Spec
		want string
	}{
		{senders.Spec{Preset: "github", Secrets: []string{secret}, Account: "dana"}, "account"},
		{senders.Spec{Preset: "github", Secrets: []string{secret}, User: "dana"}, "user"},
		{senders.Spec{Preset: "github", Secrets: []string{secret}, User: "dana", Account: "dana"}, "account user"},
		{senders.Spec{Preset: "basic-auth", Secrets: []string{secret}, User: "dana"}, ""},
		{senders.Spec{Preset: "fal", Account: "dana"}, ""},
		{senders.Spec{Preset: "header-secret", Secrets: []string{"application/json"}, Header: "Content-Type"}, "header"},
		{senders.Spec{Preset: "event-grid", Secrets: []string{"relay.example.com"}, Header: "HOST"}, "header"},
		{senders.Spec{Preset: "eventbridge", Header: "X-Forwarded-Host", Secrets: []string{secret}}, "header"},
		{senders.Spec{Preset: "header-secret", Header: "Authorization", Secrets: []string{secret}}, ""},
		{senders.Spec{Preset: "header-secret", Header: "X-Job", Secrets: []string{secret}}, ""},
		{sharedIn(secret, "User-Agent", "X-Job"), "proof.header"},
		{sharedIn(secret, "x-*"), "proof.header"},
		{sharedIn(secret, "X-Callback-*"), ""},
		{sharedIn(secret, "X-Job"), ""},
		{signedOver(secret, "url", "header:x-id", "text:.", "body"), "proof.signed"},
		{signedOver(secret, "header:x-id", "text:a", "header:x-id", "body"), "proof.signed"},
		{signedOver(secret, "body", "header:x-id", "url"), "proof.signed"},
		{signedOver(secret, "body", "header:x-id", "text:.", "header:x-name"), ""},
		{signedOver(secret, "method", "url", "body"), ""},
		{signedOver(secret, "url", "text:|", "header:x-id", "text:.", "body"), ""},
	} {
		if _, err := senders.New(c.spec); err != nil {
			t.Errorf("%+v: %v", c.spec, err)
		}
		got := ""
		if err := c.spec.Objections(); err != nil {
			got = strings.Join(mistakesIn(t, err), " ")
		}
		if got != c.want {
			t.Errorf("%+v: objections to %q, want %q", c.spec, got, c.want)
		}
	}
}

// sharedIn is a proof by a value in headers, and signedOver one by a signature.
func sharedIn(secret string, headers ...string) senders.Spec {
	return senders.Spec{Secrets: []string{secret}, Proof: &senders.Proof{Algorithm: "shared-secret", Header: headers}}
}

func signedOver(secret string, parts ...string) senders.Spec {
	return senders.Spec{Secrets: []string{secret}, Proof: &senders.Proof{
		Algorithm: "hmac-sha256", Header: senders.Names{"x-signature"}, Encoding: "hex", Signed: parts,
	}}
}

// Whoever checks a saved request must know the URL if the sender signs it.
func TestSignsURL(t *testing.T) {
	for preset, want := range map[string]bool{"twilio": true, "hubspot": true, "square": true, "github": false, "stripe": false, "basic-auth": false} {
		sender, err := senders.New(senders.Spec{Preset: preset, Secrets: []string{"the-secret-that-nobody-may-see"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := sender.SignsURL(); got != want {
			t.Errorf("%s: %v", preset, got)
		}
	}
}
