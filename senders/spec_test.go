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

// What is given and not used is told at a registration. It is no reason to refuse the posts
// of links that an earlier release registered with it.
func TestUnused(t *testing.T) {
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
	} {
		if _, err := senders.New(c.spec); err != nil {
			t.Errorf("%+v: %v", c.spec, err)
		}
		got := ""
		if err := c.spec.Unused(); err != nil {
			got = strings.Join(mistakesIn(t, err), " ")
		}
		if got != c.want {
			t.Errorf("%+v: %q is unused, want %q", c.spec, got, c.want)
		}
	}
}
