package senders

import (
	"net/http"

	"callback-relay/rules"
)

// anyEvent is for senders whose URL is for one job, and that post once it is done.
var anyEvent = []rules.Outcome{{Do: rules.Succeed}}

// empty is the reply without a body that some senders expect.
var empty = &Reply{Status: http.StatusOK, Body: []byte{}}

// text is a reply of exactly this text.
func text(s string) *Reply {
	return &Reply{Status: http.StatusOK, Body: []byte(s), ContentType: "text/plain; charset=utf-8"}
}

// hmacOf is a signature of the body alone, in one header.
func hmacOf(header, take, encoding string) Proof {
	return Proof{Algorithm: hmacSHA256, Header: Names{header}, Take: take, Encoding: encoding, Signed: []string{"body"}}
}

// timedPairs is a signature of timestamp and body, in a header such as "t=…,v1=…".
func timedPairs(header, time, take string) Proof {
	return Proof{
		Algorithm: hmacSHA256, Header: Names{header}, Split: ",", Take: take, Encoding: asHex,
		Signed:    []string{"timestamp", "text:.", "body"},
		Timestamp: &Timestamp{Take: time, Unit: unitSeconds},
	}
}

// slackLike is a signature of a version, a timestamp and the body.
func slackLike(signature, timestamp string) Proof {
	return Proof{
		Algorithm: hmacSHA256, Header: Names{signature}, Take: "v0=", Encoding: asHex,
		Signed:    []string{"text:v0:", "timestamp", "text::", "body"},
		Timestamp: &Timestamp{Header: timestamp, Unit: unitSeconds},
	}
}

// standardWebhooks are the ways of the Standard Webhooks specification 1.0.0, with the
// header names that begin with prefix.
func standardWebhooks(prefix string) []Proof {
	signed := []string{"header:" + prefix + "-id", "text:.", "timestamp", "text:.", "body"}
	at := &Timestamp{Header: prefix + "-timestamp", Unit: unitSeconds}
	return []Proof{
		{
			Algorithm: hmacSHA256, Header: Names{prefix + "-signature"}, Split: " ", Take: "v1,", Encoding: asBase64,
			Signed: signed, Timestamp: at, SecretEncoding: asBase64, SecretPrefix: "whsec_",
		},
		{
			Algorithm: ed25519Sig, Header: Names{prefix + "-signature"}, Split: " ", Take: "v1a,", Encoding: asBase64,
			Signed: signed, Timestamp: at, SecretEncoding: asBase64, SecretPrefix: "whpk_",
		},
	}
}

// plainSecret is the first way of standardWebhooks, for a secret without a prefix, which
// is used as it is.
func plainSecret(prefix string) Proof {
	way := standardWebhooks(prefix)[0]
	way.SecretEncoding, way.SecretPrefix = asText, ""
	return way
}

// shared is a value that the sender posts in a header.
func shared(header string) []Proof { return []Proof{{Algorithm: sharedSecret, Header: Names{header}}} }

// webhookID is the id of an event in Standard Webhooks, and in Svix' older names.
const webhookID = "headers[?'webhook-id'].or(headers[?'svix-id']).orValue('')"

const signingSecret = "the signing secret of the webhook"

// presets is the table, the most useful first. What it says of a sender is from that
// sender's own documentation or library; docs/senders.md names them.
var presets = []row{
	{
		Name: "standard-webhooks", Title: "Standard Webhooks (Svix, Clerk, Resend and others)", Scope: PerRequest,
		Ways: append(standardWebhooks("webhook"), standardWebhooks("svix")...), Needs: "the secret, which begins with whsec_, or the public key, which begins with whpk_",
		Event: rules.EventSpec{ID: webhookID, Type: "body.type"}, Outcomes: anyEvent,
	},
	{
		Name: "replicate", Title: "Replicate", Scope: PerRequest, Ways: standardWebhooks("webhook")[:1], Needs: "the webhook signing key of your account",
		Event: rules.EventSpec{ID: "headers['webhook-id']", Type: "body.status"},
		Outcomes: []rules.Outcome{
			{When: "body.status == 'succeeded'", Do: rules.Succeed},
			{When: "body.status == 'failed'", Do: rules.Fail, Error: "Replicate.Failed", Cause: "/error"},
			{When: "body.status == 'canceled'", Do: rules.Fail, Error: "Replicate.Canceled"},
		},
	},
	{
		Name: "openai", Title: "OpenAI", Scope: PerAccount, Ways: []Proof{standardWebhooks("webhook")[0], plainSecret("webhook")},
		Needs: "the signing secret of the webhook endpoint", Event: rules.EventSpec{ID: "headers['webhook-id']", Type: "body.type"},
	},
	{
		Name: "twilio", Title: "Twilio", Scope: PerRequest, code: newTwilio, Needs: "the primary auth token",
		Event: rules.EventSpec{
			ID: "has(body.MessageSid) ? body.MessageSid + '/' + body.MessageStatus : " +
				"has(body.RecordingSid) ? body.RecordingSid + '/' + body.RecordingStatus : body.CallSid + '/' + body.CallStatus",
			Type: "has(body.MessageStatus) ? body.MessageStatus : has(body.RecordingStatus) ? body.RecordingStatus : body.CallStatus",
		},
		Outcomes: []rules.Outcome{
			{When: "body.MessageStatus == 'delivered'", Do: rules.Succeed},
			{When: "body.MessageStatus == 'undelivered'", Do: rules.Fail, Error: "Twilio.Undelivered", Cause: "/ErrorCode"},
			{When: "body.MessageStatus == 'failed'", Do: rules.Fail, Error: "Twilio.Failed", Cause: "/ErrorCode"},
			{When: "body.RecordingStatus == 'completed'", Do: rules.Succeed},
			{When: "body.RecordingStatus in ['failed', 'absent']", Do: rules.Fail, Error: "Twilio.RecordingFailed", Cause: "/RecordingStatus"},
			{When: "!has(body.RecordingSid) && body.CallStatus == 'completed'", Do: rules.Succeed},
			{When: "!has(body.RecordingSid) && body.CallStatus in ['busy', 'failed', 'no-answer', 'canceled']", Do: rules.Fail, Error: "Twilio.CallFailed", Cause: "/CallStatus"},
		},
		acknowledgement: empty,
	},
	{
		Name: "docusign", Title: "DocuSign Connect", Scope: PerRequest, Ways: []Proof{hmacOf("x-docusign-signature-*", "", asBase64)},
		Needs: "a Connect HMAC key of your account",
		Event: rules.EventSpec{ID: "body.data.envelopeId + '/' + body.event + '/' + body.generatedDateTime", Type: "body.event"},
		Outcomes: []rules.Outcome{
			{When: "body.event == 'envelope-completed'", Do: rules.Succeed},
			{When: "body.event == 'envelope-declined'", Do: rules.Fail, Error: "DocuSign.Declined"},
			{When: "body.event == 'envelope-voided'", Do: rules.Fail, Error: "DocuSign.Voided", Cause: "/data/envelopeSummary/voidedReason"},
		},
	},
	{
		Name: "header-secret", Title: "a secret in a header (AssemblyAI, Soniox, Rev.ai, Datadog and others)", Scope: PerRequest,
		Ways: shared("x-callback-secret"), HeaderDefault: "x-callback-secret", ChosenByYou: true,
		Needs: "the value of the header", Outcomes: anyEvent,
	},
	{
		Name: "basic-auth", Title: "a user name and password (HTTP Basic)", Scope: PerRequest, code: newBasicAuth, ChosenByYou: true,
		Needs: "the password", Outcomes: anyEvent,
	},
	{
		Name: "fal", Title: "fal", Scope: PerRequest, code: newFal, Account: "your user id at fal, from the header X-Fal-Webhook-User-Id",
		Event: rules.EventSpec{ID: "body.request_id", Type: "body.status"},
		Outcomes: []rules.Outcome{
			{When: "body.status == 'OK'", Do: rules.Succeed},
			{When: "body.status == 'ERROR'", Do: rules.Fail, Error: "Fal.Error", Cause: "/error"},
		},
	},
	{
		Name: "eventbridge", Title: "Amazon EventBridge API destination", Scope: PerRequest, Ways: shared("x-api-key"), HeaderDefault: "x-api-key", ChosenByYou: true,
		Needs: "the value of the connection's API key", Event: rules.EventSpec{ID: "body.id", Type: "body['detail-type']"}, Outcomes: anyEvent,
	},
	{
		Name: "github", Title: "GitHub", Scope: PerObject, Field: "payload", Ways: []Proof{hmacOf("x-hub-signature-256", "sha256=", asHex)}, Needs: "the webhook's secret",
		Event: rules.EventSpec{ID: "headers['x-github-delivery']", Type: "headers['x-github-event']"},
	},
	{
		Name: "gitlab", Title: "GitLab", Scope: PerObject, Ways: append(shared("x-gitlab-token"), standardWebhooks("webhook")[0]),
		Needs: "the webhook's secret token, or its signing token, which begins with whsec_",
		Event: rules.EventSpec{ID: "headers['idempotency-key']", Type: "headers['x-gitlab-event']"},
	},
	{
		Name: "bitbucket", Title: "Bitbucket Cloud", Scope: PerObject, Ways: []Proof{hmacOf("x-hub-signature", "sha256=", asHex)}, Needs: "the webhook's secret",
		Event: rules.EventSpec{ID: "headers['x-request-uuid']", Type: "headers['x-event-key']"},
	},
	{
		Name: "jira", Title: "Jira", Scope: PerObject, Ways: []Proof{hmacOf("x-hub-signature", "sha256=", asHex)}, Needs: "the webhook's secret",
		Event: rules.EventSpec{ID: "headers['x-atlassian-webhook-identifier']", Type: "body.webhookEvent"},
	},
	{
		Name: "box", Title: "Box", Scope: PerObject, Needs: "a webhook signature key, primary or secondary",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"box-signature-primary", "box-signature-secondary"}, Encoding: asBase64,
			Signed: []string{"body", "timestamp"}, Timestamp: &Timestamp{Header: "box-delivery-timestamp", Unit: unitRFC3339, Tolerance: 600},
			Require: map[string]string{"Box-Signature-Version": "1", "Box-Signature-Algorithm": "HmacSHA256"},
		}},
		Event: rules.EventSpec{ID: "has(body.id) ? body.id : headers['box-delivery-id']", Type: "body.trigger"},
	},
	{
		Name: "pagerduty", Title: "PagerDuty", Scope: PerObject, Needs: signingSecret,
		Ways:  []Proof{{Algorithm: hmacSHA256, Header: Names{"x-pagerduty-signature"}, Split: ",", Take: "v1=", Encoding: asHex, Signed: []string{"body"}}},
		Event: rules.EventSpec{ID: "body.event.id", Type: "body.event.event_type"},
	},
	{
		Name: "slack", Title: "Slack", Scope: PerAccount, Field: "payload", Ways: []Proof{slackLike("x-slack-signature", "x-slack-request-timestamp")}, Needs: "the signing secret of the app",
		Event: rules.EventSpec{ID: "body.event_id", Type: "has(body.event.type) ? body.event.type : body.type"}, acknowledgement: empty,
	},
	{
		Name: "stripe", Title: "Stripe", Scope: PerAccount, Ways: []Proof{timedPairs("stripe-signature", "t=", "v1=")},
		Needs: "the signing secret of the endpoint, as it is, with whsec_", Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "shopify", Title: "Shopify", Scope: PerAccount, Ways: []Proof{hmacOf("x-shopify-hmac-sha256", "", asBase64)}, Needs: "the client secret of the app",
		Event: rules.EventSpec{ID: "headers['x-shopify-event-id']", Type: "headers['x-shopify-topic']"},
	},
	{
		Name: "mux", Title: "Mux", Scope: PerAccount, Ways: []Proof{timedPairs("mux-signature", "t=", "v1=")}, Needs: signingSecret,
		Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "cloudflare-stream", Title: "Cloudflare Stream", Scope: PerAccount, Ways: []Proof{timedPairs("webhook-signature", "time=", "sig1=")}, Needs: signingSecret,
		Event: rules.EventSpec{ID: "body.uid + '/' + body.status.state", Type: "body.status.state"},
	},
	{
		Name: "typeform", Title: "Typeform", Scope: PerObject, Ways: []Proof{hmacOf("typeform-signature", "sha256=", asBase64)}, Needs: "the webhook's secret",
		Event: rules.EventSpec{ID: "body.event_id", Type: "body.event_type"},
	},
	{
		Name: "calendly", Title: "Calendly", Scope: PerObject, Ways: []Proof{timedPairs("calendly-webhook-signature", "t=", "v1=")},
		Needs: "the signing key of the subscription", Event: rules.EventSpec{Type: "body.event"},
	},
	{
		Name: "zoom", Title: "Zoom", Scope: PerAccount, Ways: []Proof{slackLike("x-zm-signature", "x-zm-request-timestamp")}, Needs: "the secret token of the app",
		Event: rules.EventSpec{Type: "body.event"},
	},
	{
		Name: "zendesk", Title: "Zendesk", Scope: PerObject, Needs: signingSecret,
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"x-zendesk-webhook-signature"}, Encoding: asBase64, Signed: []string{"timestamp", "body"},
			Timestamp: &Timestamp{Header: "x-zendesk-webhook-signature-timestamp", Unit: unitRFC3339},
		}},
		Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "hubspot", Title: "HubSpot (signatures v3)", Scope: PerAccount, Needs: "the client secret of the app",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"x-hubspot-signature-v3"}, Encoding: asBase64, Signed: []string{"method", "url", "body", "timestamp"},
			Timestamp: &Timestamp{Header: "x-hubspot-request-timestamp", Unit: unitMillis},
		}},
		Event: rules.EventSpec{ID: "string(body[0].eventId)", Type: "body[0].subscriptionType"},
	},
	{
		Name: "square", Title: "Square", Scope: PerAccount, Needs: "the signature key of the subscription",
		Ways:  []Proof{{Algorithm: hmacSHA256, Header: Names{"x-square-hmacsha256-signature"}, Encoding: asBase64, Signed: []string{"url", "body"}}},
		Event: rules.EventSpec{ID: "body.event_id", Type: "body.type"},
	},
	{
		Name: "paddle", Title: "Paddle Billing", Scope: PerAccount, Needs: "the secret key of the notification destination",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"paddle-signature"}, Split: ";", Take: "h1=", Encoding: asHex,
			Signed: []string{"timestamp", "text::", "body"}, Timestamp: &Timestamp{Take: "ts=", Unit: unitSeconds},
		}},
		Event: rules.EventSpec{ID: "body.event_id", Type: "body.event_type"},
	},
	{
		Name: "adyen", Title: "Adyen (standard webhooks)", Scope: PerAccount, code: newAdyen, Needs: "the HMAC key of the webhook, in hex",
		Event:           rules.EventSpec{ID: "body.notificationItems[0].NotificationRequestItem.pspReference + '/' + body.notificationItems[0].NotificationRequestItem.eventCode", Type: "body.notificationItems[0].NotificationRequestItem.eventCode"},
		acknowledgement: text("[accepted]"),
	},
	{
		Name: "adyen-platform", Title: "Adyen for Platforms, and its management webhooks", Scope: PerAccount, Needs: "the HMAC key of the webhook, in hex",
		Ways:  []Proof{{Algorithm: hmacSHA256, Header: Names{"hmacsignature"}, Encoding: asBase64, Signed: []string{"body"}, SecretEncoding: asHex}},
		Event: rules.EventSpec{ID: "body.data.id + '/' + body.type", Type: "body.type"}, acknowledgement: text("[accepted]"),
	},
	{
		Name: "sendgrid", Title: "SendGrid", Scope: PerAccount, Needs: "the public key of the signed event webhook",
		Ways: []Proof{{
			Algorithm: ecdsaP256, Header: Names{"x-twilio-email-event-webhook-signature"}, Encoding: asBase64, Signed: []string{"timestamp", "body"},
			Timestamp:      &Timestamp{Header: "x-twilio-email-event-webhook-timestamp", Unit: unitSeconds},
			SecretEncoding: asBase64,
		}},
		Event: rules.EventSpec{ID: "body[0].sg_event_id", Type: "body[0].event"},
	},
	{
		Name: "linear", Title: "Linear", Scope: PerAccount, Needs: signingSecret,
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"linear-signature"}, Encoding: asHex, Signed: []string{"body"},
			Timestamp: &Timestamp{Body: "/webhookTimestamp", Unit: unitMillis, Tolerance: 60},
		}},
		Event: rules.EventSpec{ID: "headers['linear-delivery']", Type: "body.type + '.' + body.action"},
	},
	{
		Name: "notion", Title: "Notion", Scope: PerAccount, Ways: []Proof{hmacOf("x-notion-signature", "sha256=", asHex)}, Needs: "the verification token of the subscription",
		Event: rules.EventSpec{ID: "body.id", Type: "body.type"},
	},
	{
		Name: "twitch", Title: "Twitch EventSub", Scope: PerObject, Needs: "the secret of the subscription",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"twitch-eventsub-message-signature"}, Take: "sha256=", Encoding: asHex,
			Signed:    []string{"header:twitch-eventsub-message-id", "timestamp", "body"},
			Timestamp: &Timestamp{Header: "twitch-eventsub-message-timestamp", Unit: unitRFC3339, Tolerance: 600},
		}},
		Event: rules.EventSpec{ID: "headers['twitch-eventsub-message-id']", Type: "body.subscription.type"},
	},
	{
		Name: "discord", Title: "Discord", Scope: PerAccount, Needs: "the public key of the application, in hex",
		Ways: []Proof{{
			Algorithm: ed25519Sig, Header: Names{"x-signature-ed25519"}, Encoding: asHex, Signed: []string{"timestamp", "body"},
			Timestamp: &Timestamp{Header: "x-signature-timestamp", Unit: unitSeconds}, SecretEncoding: asHex,
		}},
		Event: rules.EventSpec{ID: "body.id", Type: "has(body.event.type) ? body.event.type : string(body.type)"},
	},
	{
		Name: "xero", Title: "Xero", Scope: PerAccount, Ways: []Proof{hmacOf("x-xero-signature", "", asBase64)}, Needs: "the webhooks key of the app",
		Event:           rules.EventSpec{ID: "body.entropy", Type: "body.events[0].eventType"},
		acknowledgement: empty, unproven: &Reply{Status: http.StatusUnauthorized, Body: []byte{}},
	},
	{
		Name: "meta", Title: "Meta (WhatsApp, Messenger, Instagram)", Scope: PerAccount, Ways: []Proof{hmacOf("x-hub-signature-256", "sha256=", asHex)}, Needs: "the app secret",
		Event: rules.EventSpec{ID: "body.entry[0].changes[0].value.messages[0].id", Type: "body.entry[0].changes[0].field"},
	},
	{
		Name: "microsoft-graph", Title: "Microsoft Graph", Scope: PerObject, code: newGraph, ChosenByYou: true, Needs: "the clientState of the subscription",
		Event: rules.EventSpec{ID: "body.value[0].subscriptionId + '/' + body.value[0].resource + '/' + body.value[0].changeType", Type: "body.value[0].changeType"},
	},
	{
		Name: "cloudevents", Title: "CloudEvents over HTTP", Scope: PerObject, code: newBearer, ChosenByYou: true, Needs: "the access token, sent as a bearer token or in the parameter access_token",
		Event: rules.EventSpec{
			ID:   "headers[?'ce-source'].or(optional.of(body.source)).orValue('') + '/' + headers[?'ce-id'].or(optional.of(body.id)).orValue('')",
			Type: "headers[?'ce-type'].or(optional.of(body.type)).orValue('')",
		},
	},
	{
		Name: "event-grid", Title: "Azure Event Grid", Scope: PerObject, Ways: shared("x-event-grid-secret"), HeaderDefault: "x-event-grid-secret", ChosenByYou: true,
		Needs: "the value of a delivery header", Event: rules.EventSpec{ID: "body[0].id", Type: "body[0].eventType"},
	},
	{
		Name: "telegram", Title: "Telegram", Scope: PerAccount, Ways: shared("x-telegram-bot-api-secret-token"), ChosenByYou: true,
		Needs: "the secret_token of setWebhook", Event: rules.EventSpec{ID: "string(body.update_id)"},
	},
	{
		Name: "sns", Title: "Amazon SNS", Scope: PerObject, code: newSNS, Account: "the ARN of the topic",
		Event: rules.EventSpec{ID: "body.MessageId", Type: "body.Type"},
	},
	{
		Name: "mailgun", Title: "Mailgun", Scope: PerAccount, code: newMailgun, Needs: "the HTTP webhook signing key",
		Event: rules.EventSpec{ID: "body.signature.token", Type: "body['event-data'].event"},
	},
	{
		Name: "dropbox-sign", Title: "Dropbox Sign", Scope: PerAccount, Field: "json", code: newDropboxSign, Needs: "the API key",
		Event: rules.EventSpec{Type: "body.event.event_type"}, acknowledgement: text("Hello API Event Received"),
	},
}
