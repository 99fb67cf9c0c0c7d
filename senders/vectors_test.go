package senders_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/senders"
)

// vector is a signed request, as a sender's own library or documentation has it.
type vector struct {
	Sender, Secret, Method, Body, Source, URL string
	Headers                                   map[string]string
	At                                        int64

	ContentType string       // of a request that is not published
	spec        senders.Spec // further settings
	rotated     [][2]string  // headers that replace others while a secret is changed
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// check checks a vector after some changes.
func (v vector) check(t *testing.T) error {
	t.Helper()
	spec := v.spec
	spec.Preset, spec.Secrets = v.Sender, []string{v.Secret}
	sender, err := senders.New(spec)
	if err != nil {
		return err // a secret with a changed bit may be none
	}
	return sender.Check(t.Context(), v.request(t))
}

// request is the vector as it arrives.
func (v vector) request(t *testing.T) senders.Request {
	t.Helper()
	r := senders.Request{Method: http.MethodPost, URL: v.URL, Header: http.Header{}, Body: []byte(v.Body), Now: time.Unix(v.At, 0)}
	if given, err := url.Parse(v.URL); err == nil {
		r.Query = given.Query()
	}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	if v.ContentType != "" {
		r.Header.Set("Content-Type", v.ContentType)
	}
	return r
}

// refused checks that a changed request is refused.
func (v vector) refused(t *testing.T, what string) {
	t.Helper()
	if v.check(t) == nil {
		t.Errorf("accepted with another %s", what)
	}
}

// refusedWithAnother checks that a request is refused if one bit of its headers or of the
// secret differs, or of the URL if that is signed, or if a header is missing or there
// twice.
func (v vector) refusedWithAnother(t *testing.T, urlSigned bool) {
	t.Helper()
	for at := range len(v.Secret) {
		changed := v
		changed.Secret = flip(v.Secret, at)
		changed.refused(t, "secret")
	}
	for at := range len(v.URL) {
		changed := v
		if changed.URL = flip(v.URL, at); urlSigned {
			changed.refused(t, "URL")
		}
	}
	for name, value := range v.Headers {
		changed := v
		changed.Headers = maps.Clone(v.Headers)
		for at := range len(value) {
			changed.Headers[name] = flip(value, at)
			changed.refused(t, name)
		}
		delete(changed.Headers, name)
		changed.refused(t, name+" (missing)")
	}
}

// flip changes one bit of a text, at a place.
func flip(text string, at int) string {
	raw := []byte(text)
	raw[at] ^= 1
	return string(raw)
}

// Row 99: every published request is accepted, and refused if one bit of what proves it differs:
// in the body, a signed header, the secret or the URL.
func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Sender, func(t *testing.T) {
			if err := v.check(t); err != nil {
				t.Fatalf("refused: %v", err)
			}
			refused := func(what string, changed vector) {
				t.Helper()
				if changed.check(t) == nil {
					t.Errorf("accepted with another %s", what)
				}
			}
			for at := range len(v.Body) {
				changed := v
				changed.Body = flip(v.Body, at)
				if v.Sender == "twilio" && changed.Body[at] != v.Body[at] && strings.Contains(v.Body, "%") && sameForm(v.Body, changed.Body) {
					continue // another spelling of the same form
				}
				refused("body", changed)
			}
			for at := range len(v.Secret) {
				changed := v
				changed.Secret = flip(v.Secret, at)
				refused("secret", changed)
			}
			for at := range len(v.URL) {
				changed := v
				changed.URL = flip(v.URL, at)
				refused("URL", changed)
			}
			for name, value := range v.Headers {
				if !proves[name] {
					continue
				}
				for at := range len(value) {
					changed := v
					changed.Headers = maps.Clone(v.Headers)
					changed.Headers[name] = flip(value, at)
					if name == "BOX-SIGNATURE-SECONDARY" || name == "BOX-SIGNATURE-PRIMARY" {
						continue // the other one still holds
					}
					refused(name, changed)
				}
				changed := v
				changed.Headers = maps.Clone(v.Headers)
				delete(changed.Headers, name)
				if !strings.HasPrefix(name, "BOX-SIGNATURE-PRIMARY") && !strings.HasPrefix(name, "BOX-SIGNATURE-SECONDARY") {
					refused(name+" missing", changed)
				}
			}
		})
	}
}

func sameForm(a, b string) bool {
	one, err1 := url.ParseQuery(a)
	two, err2 := url.ParseQuery(b)
	return err1 == nil && err2 == nil && maps.EqualFunc(one, two, slices.Equal)
}

// proves are the headers that a proof reads.
var proves = map[string]bool{
	"webhook-id": true, "webhook-timestamp": true, "webhook-signature": true, "svix-id": true, "svix-timestamp": true, "svix-signature": true,
	"X-Hub-Signature-256": true, "X-Slack-Request-Timestamp": true, "X-Slack-Signature": true, "X-Shopify-Hmac-Sha256": true,
	"x-square-hmacsha256-signature": true, "BOX-DELIVERY-TIMESTAMP": true, "BOX-SIGNATURE-VERSION": true, "BOX-SIGNATURE-ALGORITHM": true,
	"BOX-SIGNATURE-PRIMARY": true, "BOX-SIGNATURE-SECONDARY": true, "HmacSignature": true, "X-Twilio-Signature": true,
	"X-Twilio-Email-Event-Webhook-Timestamp": true, "X-Twilio-Email-Event-Webhook-Signature": true, "X-PagerDuty-Signature": true, "Stripe-Signature": true,
}

// Row 99: a signature holds for five minutes, or what the sender says, and not for a second
// longer, before or after. Then the reason is the time, and not the secret.
func TestTolerance(t *testing.T) {
	for _, v := range vectors(t) {
		if v.At == 0 {
			continue
		}
		tolerance := int64(300)
		if v.Sender == "box" {
			tolerance = 600
		}
		for _, c := range []struct {
			off  int64
			good bool
		}{{-tolerance - 1, false}, {-tolerance, true}, {tolerance, true}, {tolerance + 1, false}} {
			late := v
			late.At += c.off
			err := late.check(t)
			wrong, _ := errors.AsType[*senders.UnprovenError](err)
			if c.good != (err == nil) || err != nil && (wrong == nil || wrong.Reason != senders.Stale) {
				t.Errorf("%s, %d s off: %v", v.Sender, c.off, err)
			}
		}
	}
}

// Row 104: while a sender changes its secret, the old and the new one are both accepted.
func TestSeveralSecrets(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Sender == "sendgrid" || strings.HasPrefix(v.Secret, "whpk_") {
			continue // another public key would have to be a real one
		}
		another := flip(v.Secret, len(v.Secret)-2)
		for _, secrets := range [][]string{{v.Secret, another}, {another, v.Secret}} {
			sender, err := senders.New(senders.Spec{Preset: v.Sender, Secrets: secrets})
			if err != nil {
				continue // the changed secret is none
			}
			if err := sender.Check(t.Context(), v.request(t)); err != nil {
				t.Errorf("%s: %v", v.Sender, err)
			}
		}
	}
}

// Every preset has what the documentation and the rules need, and with no secret or an
// empty one there is no sender.
func TestPresets(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range senders.Presets() {
		if seen[p.Name] || p.Title == "" || p.Scope == "" {
			t.Errorf("preset %q: %+v", p.Name, p)
		}
		seen[p.Name] = true
		if p.Secret == "" && p.Account == "" {
			t.Errorf("%s has neither secret nor account", p.Name)
		}
		for _, secrets := range [][]string{nil, {""}} {
			if _, err := senders.New(senders.Spec{Preset: p.Name, Secrets: secrets}); err == nil {
				t.Errorf("%s without a secret is accepted", p.Name)
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d presets", len(seen))
	}
}

// Only senders whose URL and secret can be those of one job have default outcomes. Of the
// others, a proven event may be about anything in the account.
func TestPresetsWithOutcomes(t *testing.T) {
	var got []string
	for _, p := range senders.Presets() {
		if p.Outcomes != nil {
			got = append(got, p.Name)
		}
	}
	if want := []string{"replicate", "twilio", "docusign", "header-secret", "basic-auth", "fal", "eventbridge"}; !slices.Equal(got, want) {
		t.Errorf("%v have default outcomes, want %v", got, want)
	}
}
