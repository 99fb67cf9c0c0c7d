package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"callback-relay/senders"
)

// signedAt is when the requests of signings are signed, and signedText the same as text.
const (
	signedAt   = 1_700_000_000
	signedText = "2023-11-14T22:13:20Z"
	jobURL     = "https://relay.example.com/c/AbCdEfGh?job=7"
)

// signing is a request of a sender that has published none with its secret. It is written
// down here as the sender's documentation says, without the relay's own table. In the
// texts, {hex} and {base64} are the signature, {hex2} and {base64-2} one made with another
// secret, {body} the body and {ts} the time in seconds.
type signing struct {
	preset, secret string
	key            string // in hexadecimal, if it is not the secret's own bytes
	hash           string // "" for sha256
	body, signed   string
	headers        map[string]string              // that prove the request
	contentType    string                         // "" for JSON
	rotated        map[string]string              // headers with two signatures, "" for none
	spec           senders.Spec                   // further settings
	urlSigned      bool                           // jobURL
	free           func(body string, at int) bool // bytes of the body that nothing covers
}

const (
	anyBody   = `{"id":"e_1","type":"job.done","n":12345678901234567890123,"text":"Grüße ☃"}`
	tokenHex  = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978"
	tokenText = "Dx4tPEtaaXiHlqW0w9Lh8A8eLTxLWml4" // the same in base64
	longText  = "a secret of at least 16 characters"
)

// signings are all presets with an HMAC or a shared value and no published request, and
// some others in their further forms.
var signings = []signing{
	{
		preset: "standard-webhooks", secret: tokenText, key: tokenHex, body: anyBody, signed: "msg_1.{ts}.{body}",
		headers: map[string]string{"Webhook-Id": "msg_1", "Webhook-Timestamp": "{ts}", "Webhook-Signature": "v1,{base64}"},
		rotated: map[string]string{"Webhook-Signature": "v1,{base64-2} v2,{base64} v1,{base64}"},
	},
	{
		preset: "standard-webhooks", secret: "whsec_" + tokenText, key: tokenHex, body: anyBody, signed: "msg_1.{ts}.{body}",
		headers: map[string]string{"Svix-Id": "msg_1", "Svix-Timestamp": "{ts}", "Svix-Signature": "v1,{base64}"},
		rotated: map[string]string{"Svix-Signature": "v1a,AAAA v1,{base64} v1,{base64-2}"},
	},
	{
		preset: "replicate", secret: "whsec_" + tokenText, key: tokenHex, body: `{"id":"p1","status":"succeeded"}`, signed: "msg_1.{ts}.{body}",
		headers: map[string]string{"Webhook-Id": "msg_1", "Webhook-Timestamp": "{ts}", "Webhook-Signature": "v1,{base64}"},
	},
	{
		preset: "replicate", secret: tokenText, key: tokenHex, body: `{"id":"p1","status":"failed"}`, signed: "msg_1.{ts}.{body}",
		headers: map[string]string{"Webhook-Id": "msg_1", "Webhook-Timestamp": "{ts}", "Webhook-Signature": "v1,{base64}"},
	},
	{
		preset: "openai", secret: "whsec_" + tokenText, key: tokenHex, body: anyBody, signed: "wh_1.{ts}.{body}",
		headers: map[string]string{"Webhook-Id": "wh_1", "Webhook-Timestamp": "{ts}", "Webhook-Signature": "v1,{base64}"},
	},
	{
		preset: "openai", secret: "a secret without its prefix is text", body: anyBody, signed: "wh_1.{ts}.{body}",
		headers: map[string]string{"Webhook-Id": "wh_1", "Webhook-Timestamp": "{ts}", "Webhook-Signature": "v1,{base64}"},
	},
	{
		preset: "gitlab", secret: "whsec_" + tokenText, key: tokenHex, body: `{"object_kind":"pipeline"}`, signed: "d1c2.{ts}.{body}",
		headers: map[string]string{"Webhook-Id": "d1c2", "Webhook-Timestamp": "{ts}", "Webhook-Signature": "v1,{base64}"},
	},
	{preset: "gitlab", secret: "glwt-token", body: anyBody, headers: map[string]string{"X-Gitlab-Token": "glwt-token"}, free: everything},
	{preset: "bitbucket", secret: "s", body: anyBody, signed: "{body}", headers: map[string]string{"X-Hub-Signature": "sha256={hex}"}},
	{preset: "jira", secret: longText, body: anyBody, signed: "{body}", headers: map[string]string{"X-Hub-Signature": "sha256={hex}"}},
	{preset: "meta", secret: longText, body: anyBody, signed: "{body}", headers: map[string]string{"X-Hub-Signature-256": "sha256={hex}"}},
	{preset: "x", secret: longText, body: anyBody, signed: "{body}", headers: map[string]string{"X-Twitter-Webhooks-Signature": "sha256={base64}"}},
	{preset: "notion", secret: "secret_x", body: anyBody, signed: "{body}", headers: map[string]string{"X-Notion-Signature": "sha256={hex}"}},
	{preset: "typeform", secret: longText, body: anyBody, signed: "{body}", headers: map[string]string{"Typeform-Signature": "sha256={base64}"}},
	{preset: "xero", secret: "bG9va3MgbGlrZSBiYXNlNjQ=", body: anyBody, signed: "{body}", headers: map[string]string{"X-Xero-Signature": "{base64}"}},
	{
		preset: "docusign", secret: longText, body: anyBody, signed: "{body}",
		headers: map[string]string{"X-DocuSign-Signature-1": "{base64}"},
		rotated: map[string]string{"X-DocuSign-Signature-1": "{base64-2}", "X-DocuSign-Signature-2": "{base64}", "X-DocuSign-Signature-100": "{base64-2}"},
	},
	{
		preset: "stripe", secret: "whsec_not_base64_at_all", body: anyBody, signed: "{ts}.{body}",
		headers: map[string]string{"Stripe-Signature": "t={ts},v1={hex}"},
		rotated: map[string]string{"Stripe-Signature": "v1={hex2},v0={hex},v1={hex},t={ts}"},
	},
	{
		preset: "mux", secret: longText, body: anyBody, signed: "{ts}.{body}",
		headers: map[string]string{"Mux-Signature": "t={ts},v1={hex}"},
	},
	{
		preset: "calendly", secret: longText, body: anyBody, signed: "{ts}.{body}",
		headers: map[string]string{"Calendly-Webhook-Signature": "t={ts},v1={hex}"},
		rotated: map[string]string{"Calendly-Webhook-Signature": "t={ts}, v1={hex2}, v1={hex}"},
	},
	{
		preset: "cloudflare-stream", secret: longText, body: anyBody, signed: "{ts}.{body}",
		headers: map[string]string{"Webhook-Signature": "time={ts},sig1={hex}"},
	},
	{
		preset: "paddle", secret: "pdl_ntfset_01", body: anyBody, signed: "{ts}:{body}",
		headers: map[string]string{"Paddle-Signature": "ts={ts};h1={hex}"},
		rotated: map[string]string{"Paddle-Signature": "ts={ts};h1={hex2};h1={hex}"},
	},
	{
		preset: "slack", secret: longText, body: "payload=%7B%22type%22%3A%22block_actions%22%7D", signed: "v0:{ts}:{body}", contentType: formType,
		headers: map[string]string{"X-Slack-Request-Timestamp": "{ts}", "X-Slack-Signature": "v0={hex}"},
	},
	{
		preset: "zoom", secret: longText, body: anyBody, signed: "v0:{ts}:{body}",
		headers: map[string]string{"X-Zm-Request-Timestamp": "{ts}", "X-Zm-Signature": "v0={hex}"},
	},
	{
		preset: "zendesk", secret: longText, body: anyBody, signed: signedText + "{body}",
		headers: map[string]string{"X-Zendesk-Webhook-Signature-Timestamp": signedText, "X-Zendesk-Webhook-Signature": "{base64}"},
	},
	{
		preset: "hubspot", secret: longText, body: `[{"eventId":1}]`, signed: "POST" + jobURL + "{body}1700000000123", urlSigned: true,
		headers: map[string]string{"X-HubSpot-Request-Timestamp": "1700000000123", "X-HubSpot-Signature-v3": "{base64}"},
	},
	{
		preset: "square", secret: longText, body: anyBody, signed: jobURL + "{body}", urlSigned: true,
		headers: map[string]string{"X-Square-HmacSha256-Signature": "{base64}"},
	},
	{
		preset: "twitch", secret: "0123456789", body: anyBody, signed: "e76c6bd4" + signedText + "{body}",
		headers: map[string]string{
			"Twitch-Eventsub-Message-Id": "e76c6bd4", "Twitch-Eventsub-Message-Timestamp": signedText,
			"Twitch-Eventsub-Message-Signature": "sha256={hex}",
		},
	},
	{
		preset: "linear", secret: longText, body: `{"type":"Issue","action":"update","webhookTimestamp":1700000000123}`, signed: "{body}",
		headers: map[string]string{"Linear-Signature": "{hex}"},
	},
	{
		preset: "box", secret: longText, body: anyBody, signed: "{body}" + signedText,
		headers: map[string]string{
			"Box-Delivery-Timestamp": signedText, "Box-Signature-Version": "1", "Box-Signature-Algorithm": "HmacSHA256",
			"Box-Signature-Secondary": "{base64}",
		},
		rotated: map[string]string{"Box-Signature-Primary": "{base64-2}"},
	},
	{
		preset: "adyen-platform", secret: strings.ToUpper(tokenHex), key: tokenHex, body: anyBody, signed: "{body}",
		headers: map[string]string{"HmacSignature": "{base64}"},
	},
	{
		preset: "pagerduty", secret: longText, body: anyBody, signed: "{body}",
		headers: map[string]string{"X-PagerDuty-Signature": "v1={hex}"},
		rotated: map[string]string{"X-PagerDuty-Signature": "v1={hex2},v2={hex},v1={hex}"},
	},
	{
		preset: "twilio", secret: longText, hash: "sha1", body: "To=%2B1&MessageStatus=delivered&A=2&A=1&A=2", contentType: formType,
		signed: jobURL + "A1A2MessageStatusdeliveredTo+1", headers: map[string]string{"X-Twilio-Signature": "{base64}"}, urlSigned: true,
		free: func(body string, at int) bool { return sameForm(body, flip(body, at)) },
	},
	{
		preset: "adyen", secret: tokenHex, key: tokenHex,
		body: `{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"{base64}"},"amount":{"currency":"EUR","value":1000},` +
			`"eventCode":"AUTHORISATION","merchantAccountCode":"Shop","merchantReference":"a:b","originalReference":"8313","pspReference":"7914","success":"true"}}]}`,
		signed: "7914:8313:Shop:a:b:1000:EUR:AUTHORISATION:true",
		free:   outside(`"live":"false"`),
	},
	{
		preset: "mailgun", secret: longText, body: `{"signature":{"timestamp":"1700000000","token":"50b1","signature":"{hex}"},"event-data":{"event":"delivered"}}`,
		signed: "170000000050b1", free: outside(`"event-data":{"event":"delivered"}`),
	},
	{
		preset: "dropbox-sign", secret: longText, contentType: formType, signed: "1700000000signature_request_signed",
		body: "json=%7B%22event%22%3A%7B%22event_time%22%3A%221700000000%22%2C%22event_type%22%3A%22signature_request_signed%22%2C%22event_hash%22%3A%22{hex}%22%7D%7D",
		free: func(body string, at int) bool { return sameForm(body, flip(body, at)) },
	},
	{preset: "header-secret", secret: longText, body: anyBody, headers: map[string]string{"X-Callback-Secret": longText}, free: everything},
	{
		preset: "header-secret", secret: longText, body: anyBody, spec: senders.Spec{Header: "X-Job"},
		headers: map[string]string{"X-Job": longText}, free: everything,
	},
	{preset: "okta", secret: longText, body: anyBody, headers: map[string]string{"X-Okta-Secret": longText}, free: everything},
	{preset: "eventbridge", secret: longText, body: anyBody, headers: map[string]string{"X-Api-Key": longText}, free: everything},
	{preset: "event-grid", secret: longText, body: anyBody, headers: map[string]string{"X-Event-Grid-Secret": longText}, free: everything},
	{
		preset: "telegram", secret: "telegram_secret_token", body: anyBody,
		headers: map[string]string{"X-Telegram-Bot-Api-Secret-Token": "telegram_secret_token"}, free: everything,
	},
	{
		preset: "basic-auth", secret: longText, body: anyBody, spec: senders.Spec{User: "dana"},
		headers: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("dana:"+longText))},
		free:    everything,
	},
	{preset: "cloudevents", secret: longText, body: anyBody, headers: map[string]string{"Authorization": "Bearer " + longText}, free: everything},
	{
		preset: "microsoft-graph", secret: longText, body: `{"value":[{"clientState":"` + longText + `","changeType":"updated"}]}`,
		free: outside(`"changeType":"updated"`),
	},
}

const formType = "application/x-www-form-urlencoded"

// everything is free where the sender signs nothing, and posts a secret.
func everything(string, int) bool { return true }

// outside are the bytes of a part that the signature in a body does not cover.
func outside(part string) func(string, int) bool {
	return func(body string, at int) bool {
		begin := strings.Index(body, part)
		return at >= begin && at < begin+len(part)
	}
}

// vector makes the request.
func (s signing) vector(t *testing.T) vector {
	t.Helper()
	key, hash := s.key, s.hash
	if key == "" {
		key = hex.EncodeToString([]byte(s.secret))
	}
	if hash == "" {
		hash = "sha256"
	}
	fill := strings.NewReplacer("{ts}", "1700000000", "{body}", s.body)
	var one, two []byte
	if s.signed != "" {
		one = opensslHMAC(t, hash, key, fill.Replace(s.signed))
		two = opensslHMAC(t, hash, "00"+key, fill.Replace(s.signed))
	}
	signatures := strings.NewReplacer("{ts}", "1700000000", "{hex}", hex.EncodeToString(one), "{base64}", base64.StdEncoding.EncodeToString(one),
		"{hex2}", hex.EncodeToString(two), "{base64-2}", base64.StdEncoding.EncodeToString(two))
	v := vector{Sender: s.preset, Secret: s.secret, Body: signatures.Replace(s.body), URL: jobURL, At: signedAt, Headers: map[string]string{}, spec: s.spec}
	for name, value := range s.headers {
		v.Headers[name] = signatures.Replace(value)
	}
	for name, value := range s.rotated {
		v.rotated = append(v.rotated, [2]string{name, signatures.Replace(value)})
	}
	if v.ContentType = s.contentType; v.ContentType == "" {
		v.ContentType = "application/json"
	}
	return v
}
