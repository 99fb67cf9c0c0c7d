package senders

import (
	"time"

	"callback-relay/rules"
)

// subscriptionPresets are the senders at which each task can have a subscription with a
// URL of its own, the most useful first.
var subscriptionPresets = []row{
	{
		Name: "github", Title: "GitHub", Field: "payload", Needs: "the webhook's secret",
		Ways:  []Proof{hmacOf("x-hub-signature-256", "sha256=", asHex)},
		Event: rules.EventSpec{ID: "headers['x-github-delivery']", Type: "headers['x-github-event']"},
	},
	{
		Name: "gitlab", Title: "GitLab", Ways: append(shared("x-gitlab-token"), webhooksHMAC("webhook")),
		Needs: "the webhook's secret token, or its signing token, which begins with whsec_",
		Event: rules.EventSpec{ID: "headers[?'idempotency-key'].or(headers[?'webhook-id'])", Type: "headers['x-gitlab-event']"},
	},
	{
		Name: "bitbucket", Title: "Bitbucket Cloud", Needs: "the webhook's secret",
		Ways:  []Proof{hmacOf("x-hub-signature", "sha256=", asHex)},
		Event: rules.EventSpec{ID: "headers['x-request-uuid']", Type: "headers['x-event-key']"},
	},
	{
		Name: "jira", Title: "Jira", Needs: "the webhook's secret",
		Ways:  []Proof{hmacOf("x-hub-signature", "sha256=", asHex)},
		Event: rules.EventSpec{ID: "headers['x-atlassian-webhook-identifier']", Type: "body.webhookEvent"},
	},
	{
		Name: "box", Title: "Box", Needs: "a webhook signature key, primary or secondary",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"box-signature-primary", "box-signature-secondary"}, Encoding: asBase64,
			Signed: []string{"body", "timestamp"}, Timestamp: &Timestamp{Header: "box-delivery-timestamp", Unit: unitRFC3339, Tolerance: 600},
			Require: map[string]string{"Box-Signature-Version": "1", "Box-Signature-Algorithm": "HmacSHA256"},
		}},
		Event: rules.EventSpec{ID: "has(body.id) ? body.id : headers['box-delivery-id']", Type: "body.trigger"},
	},
	{
		Name: "pagerduty", Title: "PagerDuty", Needs: signingSecret,
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"x-pagerduty-signature"}, Split: ",", Take: "v1=", Encoding: asHex,
			Signed: []string{"body"},
		}},
		Event: rules.EventSpec{ID: "body.event.id", Type: "body.event.event_type"},
	},
	{
		Name: "typeform", Title: "Typeform", Needs: "the webhook's secret",
		Ways:  []Proof{hmacOf("typeform-signature", "sha256=", asBase64)},
		Event: rules.EventSpec{ID: "body.event_id", Type: "body.event_type"},
	},
	{
		Name: "calendly", Title: "Calendly", Needs: "the signing key of the subscription",
		Ways:  []Proof{timedPairs("calendly-webhook-signature", "t=", "v1=")},
		Event: rules.EventSpec{Type: "body.event"},
	},
	{
		Name: "zendesk", Title: "Zendesk", Needs: signingSecret,
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"x-zendesk-webhook-signature"}, Encoding: asBase64, Signed: []string{"timestamp", "body"},
			Timestamp: &Timestamp{Header: "x-zendesk-webhook-signature-timestamp", Unit: unitRFC3339},
		}},
		// A trigger posts a body of your own, whose id may be the ticket's.
		Event: rules.EventSpec{ID: "has(body.zendesk_event_version) ? body.id : ''", Type: "body.type"},
	},
	{
		Name: "twitch", Title: "Twitch EventSub", Needs: "the secret of the subscription",
		Ways: []Proof{{
			Algorithm: hmacSHA256, Header: Names{"twitch-eventsub-message-signature"}, Take: "sha256=", Encoding: asHex,
			Signed:    []string{"header:twitch-eventsub-message-id", "timestamp", "body"},
			Timestamp: &Timestamp{Header: "twitch-eventsub-message-timestamp", Unit: unitRFC3339, Tolerance: 600},
		}},
		Event: rules.EventSpec{ID: "headers['twitch-eventsub-message-id']", Type: "body.subscription.type"},
	},
	{
		Name: "microsoft-graph", Title: "Microsoft Graph", patience: 3 * time.Second, code: newGraph, ChosenByYou: true,
		Needs: "the clientState of the subscription",
		// A notification has no id: another change of the same resource looks the same.
		Event: rules.EventSpec{Type: "body.value[0].changeType"},
	},
	{
		Name: "cloudevents", Title: "CloudEvents over HTTP", code: newBearer, ChosenByYou: true,
		Needs: "the access token, sent as a bearer token or in the parameter access_token",
		Event: rules.EventSpec{
			ID: "'ce-id' in headers ? " + joined("headers['ce-source']", "headers['ce-id']") + " : " +
				joined("body.source", "body.id"),
			Type: "'ce-type' in headers ? headers['ce-type'] : body.type",
		},
	},
	{
		Name: "event-grid", Title: "Azure Event Grid", Ways: shared("x-event-grid-secret"), HeaderDefault: "x-event-grid-secret", ChosenByYou: true,
		Needs: "the value of a delivery header",
		Event: rules.EventSpec{ID: onlyOne("body", "id"), Type: "body[0].eventType"},
	},
	{
		Name: "sns", Title: "Amazon SNS", code: newSNS, Account: "the ARN of the topic",
		Event: rules.EventSpec{ID: "body.MessageId", Type: "body.Type"},
	},
}
