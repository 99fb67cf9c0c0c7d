package senders

import (
	"net/http"
	"time"

	"callback-relay/rules"
)

// accountPresets are the senders that have one URL for a whole account, the most useful
// first.
var accountPresets = []row{
	{
		Name: "openai", Title: "OpenAI", Needs: "the signing secret of the webhook endpoint",
		Ways:  []Proof{webhooksHMAC("webhook"), withoutPrefix(webhooksHMAC("webhook"), asText)},
		Event: rules.EventSpec{ID: "headers['webhook-id']", Type: "body.type"},
	},
	{
		Name: "slack", Title: "Slack", patience: 3 * time.Second, Field: "payload", Needs: "the signing secret of the app",
		Ways:            []Proof{slackLike("x-slack-signature", "x-slack-request-timestamp")},
		Event:           rules.EventSpec{ID: "body.event_id", Type: "has(body.event) ? body.event.type : body.type"},
		acknowledgement: empty,
	},
	{
		Name: "stripe", Title: "Stripe", Needs: "the signing secret of the endpoint, as it is, with whsec_",
		Ways:  []Proof{timedPairs("stripe-signature", "t=", "v1=")},
		Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "shopify", Title: "Shopify", patience: 5 * time.Second, Needs: "the client secret of the app",
		Ways:  []Proof{hmacOf("x-shopify-hmac-sha256", "", asBase64)},
		Event: rules.EventSpec{ID: "headers['x-shopify-event-id']", Type: "headers['x-shopify-topic']"},
	},
	{
		Name: "mux", Title: "Mux", Needs: signingSecret,
		Ways:  []Proof{timedPairs("mux-signature", "t=", "v1=")},
		Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "cloudflare-stream", Title: "Cloudflare Stream", Needs: signingSecret,
		Ways:  []Proof{timedPairs("webhook-signature", "time=", "sig1=")},
		Event: rules.EventSpec{ID: joined("body.uid", "body.status.state"), Type: "body.status.state"},
	},
	{
		Name: "zoom", Title: "Zoom", patience: 3 * time.Second, Needs: "the secret token of the app",
		Ways:  []Proof{slackLike("x-zm-signature", "x-zm-request-timestamp")},
		Event: rules.EventSpec{Type: "body.event"},
	},
	{
		Name: "hubspot", Title: "HubSpot (signatures v3)", Needs: "the client secret of the app",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"x-hubspot-signature-v3"}, Encoding: asBase64, Signed: []string{"method", "url", "body", "timestamp"},
			Timestamp: &Timestamp{Header: "x-hubspot-request-timestamp", Unit: unitMillis},
		}},
		Event: rules.EventSpec{ID: onlyOne("body", "eventId"), Type: "body[0].subscriptionType"},
	},
	{
		Name: "square", Title: "Square", Needs: "the signature key of the subscription",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"x-square-hmacsha256-signature"}, Encoding: asBase64, Signed: []string{"url", "body"},
		}},
		Event: rules.EventSpec{ID: "body.event_id", Type: "body.type"},
	},
	{
		Name: "paddle", Title: "Paddle Billing", patience: 5 * time.Second, Needs: "the secret key of the notification destination",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"paddle-signature"}, Split: ";", Take: "h1=", Encoding: asHex,
			// Paddle advises 5 seconds. A clock that is a little slow would lose events.
			Signed: []string{"timestamp", "text::", "body"}, Timestamp: &Timestamp{Take: "ts=", Unit: unitSeconds},
		}},
		Event: rules.EventSpec{ID: "body.event_id", Type: "body.event_type"},
	},
	{
		Name: "adyen", Title: "Adyen (standard webhooks)", code: newAdyen, Needs: "the HMAC key of the webhook, in hex",
		Event:           rules.EventSpec{ID: adyenID, Type: "body.notificationItems[0].NotificationRequestItem.eventCode"},
		acknowledgement: text("[accepted]"),
	},
	{
		Name: "adyen-platform", Title: "Adyen for Platforms, and its management webhooks", Needs: "the HMAC key of the webhook, in hex",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"hmacsignature"}, Encoding: asBase64, Signed: []string{"body"}, SecretEncoding: asHex,
		}},
		Event: rules.EventSpec{ID: adyenPlatformID, Type: "body.type"}, acknowledgement: text("[accepted]"),
	},
	{
		Name: "sendgrid", Title: "SendGrid", Needs: "the public key of the signed event webhook",
		Ways: []Proof{{
			Algorithm: ecdsaP256, Header: Names{"x-twilio-email-event-webhook-signature"}, Encoding: asBase64, Signed: []string{"timestamp", "body"},
			Timestamp:      &Timestamp{Header: "x-twilio-email-event-webhook-timestamp", Unit: unitSeconds},
			SecretEncoding: asBase64,
		}},
		Event: rules.EventSpec{ID: onlyOne("body", "sg_event_id"), Type: "body[0].event"},
	},
	{
		Name: "linear", Title: "Linear", patience: 5 * time.Second, Needs: signingSecret,
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"linear-signature"}, Encoding: asHex, Signed: []string{"body"},
			Timestamp: &Timestamp{Body: "/webhookTimestamp", Unit: unitMillis, Tolerance: 60},
		}},
		Event: rules.EventSpec{ID: "headers['linear-delivery']", Type: "body.type + '.' + body.action"},
	},
	{
		Name: "notion", Title: "Notion", Needs: "the verification token of the subscription",
		Ways:  []Proof{hmacOf("x-notion-signature", "sha256=", asHex)},
		Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "discord", Title: "Discord", patience: 3 * time.Second, Needs: "the public key of the application, in hex",
		Ways: []Proof{{
			Algorithm: ed25519Sig, Header: Names{"x-signature-ed25519"}, Encoding: asHex, Signed: []string{"timestamp", "body"},
			Timestamp: &Timestamp{Header: "x-signature-timestamp", Unit: unitSeconds}, SecretEncoding: asHex,
		}},
		Event: rules.EventSpec{ID: "body.id", Type: "has(body.event) ? body.event.type : body.type"},
	},
	{
		Name: "xero", Title: "Xero", patience: 5 * time.Second, Needs: "the webhooks key of the app",
		Ways:            []Proof{hmacOf("x-xero-signature", "", asBase64)},
		Event:           rules.EventSpec{Type: "body.events[0].eventType"}, // no id: its entropy is random
		acknowledgement: empty, unproven: &Reply{Status: http.StatusUnauthorized, Body: []byte{}},
	},
	{
		Name: "meta", Title: "Meta (WhatsApp, Messenger, Instagram)", Needs: "the app secret",
		Ways: []Proof{hmacOf("x-hub-signature-256", "sha256=", asHex)},
		// A post can have several entries, changes and messages, so it has no id.
		Event: rules.EventSpec{Type: "body.entry[0].changes[0].field"},
	},
	{
		Name: "x", Title: "X (Twitter)", patience: 3 * time.Second, objects: true, Needs: "the consumer secret of the app",
		// Events have no id, and the name of their only list is what they are.
		Ways: []Proof{hmacOf("x-twitter-webhooks-signature", "sha256=", asBase64)},
	},
	{
		Name: "okta", Title: "Okta event hooks", patience: 3 * time.Second,
		Ways: shared("x-okta-secret"), HeaderDefault: "x-okta-secret", ChosenByYou: true, Needs: "the authentication secret of the event hook",
		Event: rules.EventSpec{ID: "body.eventId", Type: onlyOne("body.data.events", "eventType")},
	},
	{
		Name: "telegram", Title: "Telegram", Needs: "the secret_token of setWebhook", ChosenByYou: true,
		Ways: shared("x-telegram-bot-api-secret-token"), Event: rules.EventSpec{ID: "body.update_id"},
	},
	{
		Name: "mailgun", Title: "Mailgun", code: newMailgun, Needs: "the HTTP webhook signing key",
		Event: rules.EventSpec{ID: "body.signature.token", Type: "body['event-data'].event"},
	},
	{
		Name: "dropbox-sign", Title: "Dropbox Sign", Field: "json", code: newDropboxSign, Needs: "the API key",
		Event: rules.EventSpec{ID: dropboxSignID, Type: "body.event.event_type"}, acknowledgement: text(dropboxSignReply),
	},
}
