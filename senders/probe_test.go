package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"callback-relay/programs"
	"callback-relay/senders"
)

const verifyToken, consumerSecret = "chosen for Meta", "the consumer secret"

// probed returns a sender of a preset; nil for "", to whose hook everybody may post.
func probed(t *testing.T, preset string) *senders.Sender {
	t.Helper()
	spec := senders.Spec{Preset: preset, Secrets: []string{consumerSecret, "another, for a while"}}
	switch preset {
	case "":
		return nil
	case "meta":
		spec.VerifyToken = verifyToken
	case "own proof":
		spec.Preset, spec.Proof = "", &senders.Proof{Algorithm: "hmac-sha256", Header: senders.Names{"x-signature"}, Encoding: "hex", Signed: []string{"body"}}
	}
	sender, err := senders.New(spec)
	must(t, err)
	return sender
}

// probeOf is a request without a body.
func probeOf(method, query string, headers ...string) senders.Request {
	r := senders.Request{Method: method, Header: http.Header{}}
	r.Query, _ = url.ParseQuery(query)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

const subscribes = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + "chosen+for+Meta"

// Each sender that tests a URL with another request than a POST gets the reply that it
// expects, and no other sender does.
func TestProbes(t *testing.T) {
	programs.Need(t, "openssl")
	signed := opensslHMAC(t, "sha256", hex.EncodeToString([]byte(consumerSecret)), "NDQxODc5NDgx")
	many := []string{"", "header-secret", "basic-auth", "own proof"}
	all := append(slices.Clone(many), "meta", "x", "okta", "cloudevents", "event-grid", "github", "telegram", "eventbridge", "slack")
	for _, c := range []struct {
		name, body, contentType string
		request                 senders.Request
		answered                []string
	}{
		{"meta", "1158201444", "text/plain; charset=utf-8", probeOf("GET", subscribes), []string{"meta"}},
		{
			"x", `{"response_token":"sha256=` + base64.StdEncoding.EncodeToString(signed) + `"}`, "application/json",
			probeOf("GET", "crc_token=NDQxODc5NDgx"), []string{"x"},
		},
		{
			"okta", `{"verification":"l3VnBqAxz-9.k~Q_"}`, "application/json",
			probeOf("GET", "", "X-Okta-Verification-Challenge", "l3VnBqAxz-9.k~Q_"), append(slices.Clone(many), "okta"),
		},
		{"cloudevents", "", "", probeOf("OPTIONS", "", "WebHook-Request-Origin", "eventemitter.example.com", "WebHook-Request-Rate", "120"), append(slices.Clone(many), "cloudevents", "event-grid")},
		{"mandrill", "", "", probeOf("HEAD", ""), many},
	} {
		for _, preset := range all {
			s := probed(t, preset)
			reply, found, err := senders.Probe(s, c.request)
			if err != nil || found != slices.Contains(c.answered, preset) {
				t.Errorf("%s at %q: %t, %v", c.name, preset, found, err)
			}
			if !found {
				continue
			}
			if string(reply.Body) != c.body || reply.ContentType != c.contentType || reply.Status != http.StatusOK || reply.Body == nil {
				t.Errorf("%s at %q: %+v, %s", c.name, preset, reply, reply.Body)
			}
			if c.name == "cloudevents" && (reply.Header.Get("WebHook-Allowed-Origin") != "eventemitter.example.com" || reply.Header.Get("WebHook-Allowed-Rate") != "*") {
				t.Errorf("%s at %q: %v", c.name, preset, reply.Header)
			}
		}
	}
}

// The methods are those with which some request gets a reply.
func TestProbeMethods(t *testing.T) {
	for preset, want := range map[string]string{
		"": "GET OPTIONS HEAD", "header-secret": "GET OPTIONS HEAD", "own proof": "GET OPTIONS HEAD",
		"meta": "GET", "x": "GET", "okta": "GET", "cloudevents": "OPTIONS", "event-grid": "OPTIONS", "github": "", "stripe": "",
	} {
		if got := strings.Join(senders.ProbeMethods(probed(t, preset)), " "); got != want {
			t.Errorf("%q: %q, want %q", preset, got, want)
		}
	}
}

// What is not exactly such a request is not answered: above all nothing is signed or
// repeated that could be an event, markup or the start of a header.
func TestNoProbes(t *testing.T) {
	const tooLong = 600
	for name, r := range map[string]senders.Request{
		"nothing":             probeOf("GET", ""),
		"another mode":        probeOf("GET", strings.ReplaceAll(subscribes, "subscribe", "unsubscribe")),
		"no mode":             probeOf("GET", strings.ReplaceAll(subscribes, "hub.mode", "mode")),
		"no challenge":        probeOf("GET", strings.ReplaceAll(subscribes, "1158201444", "")),
		"markup":              probeOf("GET", strings.ReplaceAll(subscribes, "1158201444", "<script>")),
		"a long challenge":    probeOf("GET", strings.ReplaceAll(subscribes, "1158201444", strings.Repeat("1", tooLong))),
		"an event to sign":    probeOf("GET", "crc_token="+url.QueryEscape(`{"tweet_create_events":[]}`)),
		"a list to sign":      probeOf("GET", "crc_token="+url.QueryEscape(`[]`)),
		"a form to sign":      probeOf("GET", "crc_token="+url.QueryEscape(`a=b`)),
		"lines to sign":       probeOf("GET", "crc_token="+url.QueryEscape("a\nb")),
		"nothing to sign":     probeOf("GET", "crc_token="),
		"a long token":        probeOf("GET", "crc_token="+strings.Repeat("a", tooLong)),
		"an odd challenge":    probeOf("GET", "", "X-Okta-Verification-Challenge", "<b>"),
		"a long one":          probeOf("GET", "", "X-Okta-Verification-Challenge", strings.Repeat("a", tooLong)),
		"no origin":           probeOf("OPTIONS", "", "WebHook-Request-Rate", "120"),
		"an odd origin":       probeOf("OPTIONS", "", "WebHook-Request-Origin", "a b"),
		"a browser's OPTIONS": probeOf("OPTIONS", "", "Origin", "https://example.com", "Access-Control-Request-Method", "POST"),
		"another method":      probeOf("PUT", subscribes, "X-Okta-Verification-Challenge", "a", "WebHook-Request-Origin", "a"),
		"a POST":              probeOf("POST", subscribes, "X-Okta-Verification-Challenge", "a", "WebHook-Request-Origin", "a"),
	} {
		for _, preset := range []string{"", "header-secret", "meta", "x", "okta", "cloudevents", "event-grid", "github"} {
			if reply, found, err := senders.Probe(probed(t, preset), r); found || err != nil {
				t.Errorf("%s at %q is answered: %+v, %v", name, preset, reply, err)
			}
		}
	}
}

// Meta must know the verify token. Without one in the configuration, nobody does.
func TestVerifyToken(t *testing.T) {
	for query, want := range map[string]senders.Reason{
		strings.ReplaceAll(subscribes, "chosen+for+Meta", ""):                    senders.Missing,
		strings.ReplaceAll(subscribes, "chosen+for+Meta", "chosen+for+Met"):      senders.Signature,
		strings.ReplaceAll(subscribes, "chosen+for+Meta", "chosen+for+Meta+x"):   senders.Signature,
		strings.ReplaceAll(subscribes, "chosen+for+Meta", "the+consumer+secret"): senders.Signature,
	} {
		reply, found, err := senders.Probe(probed(t, "meta"), probeOf("GET", query))
		if found || reasonOf(t, err) != want || reply.Body != nil {
			t.Errorf("%s: %+v, %t, %v", query, reply, found, err)
		}
		if strings.Contains(err.Error(), verifyToken) || strings.Contains(err.Error(), "1158201444") {
			t.Errorf("the error shows what was sent: %v", err)
		}
	}
	without, err := senders.New(senders.Spec{Preset: "meta", Secrets: []string{consumerSecret}})
	must(t, err)
	for _, token := range []string{"", "chosen+for+Meta"} {
		_, found, err := senders.Probe(without, probeOf("GET", strings.ReplaceAll(subscribes, "chosen+for+Meta", token)))
		if found || err != nil || len(senders.ProbeMethods(without)) > 0 {
			t.Errorf("without a token: %t, %v, %q", found, err, senders.ProbeMethods(without))
		}
	}
	if err := (senders.Spec{Preset: "github", VerifyToken: "x"}).Objections(); err == nil || !strings.Contains(err.Error(), "verifyToken: is not used") {
		t.Errorf("at another sender: %v", err)
	}
}

// What X has signed as a challenge proves no post: not even a compressed one, which may
// have the letters of a challenge.
func TestSignedChallengesAreNoEvents(t *testing.T) {
	x := probed(t, "x")
	for _, challenge := range []string{"NDQxODc5NDgx", "id=", "E0Up0IZUnnnnnnnnnnnnnnnnnnn", "42"} {
		reply, found, err := senders.Probe(x, probeOf("GET", "crc_token="+url.QueryEscape(challenge)))
		if !found || err != nil {
			t.Fatalf("%s is not signed: %v", challenge, err)
		}
		signature := strings.TrimSuffix(strings.TrimPrefix(string(reply.Body), `{"response_token":"`), `"}`)
		for _, encoding := range []string{"", "deflate", "gzip"} {
			post := probeOf("POST", "", "x-twitter-webhooks-signature", signature, "Content-Encoding", encoding)
			post.Body = []byte(challenge)
			wrong := (*senders.UnprovenError)(nil)
			if err := x.Check(t.Context(), post); !errors.As(err, &wrong) || wrong.Reason != senders.Signature {
				t.Errorf("%s, %q: %v", challenge, encoding, err)
			}
		}
	}
	object := probeOf("POST", "", "x-twitter-webhooks-signature", "sha256="+base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha256", hex.EncodeToString([]byte(consumerSecret)), `{"a":1}`)))
	object.Body = []byte(`{"a":1}`)
	if err := x.Check(t.Context(), object); err != nil {
		t.Errorf("an event: %v", err)
	}
}
