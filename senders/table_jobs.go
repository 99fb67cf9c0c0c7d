package senders

import (
	"time"

	"callback-relay/rules"
)

// jobPresets are the senders that get a URL with each job, the most useful first.
var jobPresets = []row{
	{
		Name: "standard-webhooks", Title: "Standard Webhooks (Svix, Clerk, Resend and others)", Many: true,
		Ways:  append(standardWebhooks("webhook"), standardWebhooks("svix")...),
		Needs: "the secret, with or without whsec_, or the public key, which begins with whpk_",
		// No outcomes: Svix, Clerk and Resend have one secret for all events of an account.
		Event: rules.EventSpec{ID: "headers[?'webhook-id'].or(headers[?'svix-id'])", Type: "body.type"},
	},
	{
		Name: "replicate", Title: "Replicate", Needs: "the webhook signing key of your account",
		Ways:  []Proof{webhooksHMAC("webhook"), withoutPrefix(webhooksHMAC("webhook"), asBase64)},
		Event: rules.EventSpec{ID: "headers['webhook-id']", Type: "body.status"},
		Outcomes: []rules.Outcome{
			{When: "body.status == 'succeeded'", Do: rules.Succeed},
			{When: "body.status == 'failed'", Do: rules.Fail, Error: "Replicate.Failed", Cause: "/error"},
			{When: "body.status == 'canceled'", Do: rules.Fail, Error: "Replicate.Canceled"},
		},
	},
	{
		Name: "twilio", Title: "Twilio", code: newTwilio, Needs: "the primary auth token",
		Event: rules.EventSpec{ID: twilioID, Type: twilioStatus}, Outcomes: twilioOutcomes,
		acknowledgement: empty,
	},
	{
		Name: "docusign", Title: "DocuSign Connect", Needs: "a Connect HMAC key of your account",
		Ways: []Proof{hmacOf("x-docusign-signature-*", "", asBase64)},
		// A repeated event differs in its retryCount, so the body does not tell.
		Event: rules.EventSpec{ID: joined("body.data.envelopeId", "body.event", "body.generatedDateTime"), Type: "body.event"},
		Outcomes: []rules.Outcome{
			{When: "body.event == 'envelope-completed'", Do: rules.Succeed},
			{When: "body.event == 'envelope-declined'", Do: rules.Fail, Error: "DocuSign.Declined"},
			{When: "body.event == 'envelope-voided'", Do: rules.Fail, Error: "DocuSign.Voided", Cause: "/data/envelopeSummary/voidedReason"},
		},
	},
	{
		Name: "header-secret", Title: "a secret in a header (AssemblyAI, Soniox, Rev.ai, Datadog and others)", Many: true,
		Ways: shared("x-callback-secret"), HeaderDefault: "x-callback-secret", ChosenByYou: true,
		Needs: "the value of the header", Outcomes: anyEvent,
	},
	{
		Name: "basic-auth", Title: "a user name and password (HTTP Basic)", Many: true, code: newBasicAuth, ChosenByYou: true,
		Needs: "the password", Outcomes: anyEvent,
	},
	{
		Name: "fal", Title: "fal", code: newFal, Account: "your user id at fal, from the header X-Fal-Webhook-User-Id",
		Event: rules.EventSpec{ID: "body.request_id", Type: "body.status"},
		Outcomes: []rules.Outcome{
			{When: "body.status == 'OK'", Do: rules.Succeed},
			{When: "body.status == 'ERROR'", Do: rules.Fail, Error: "Fal.Error", Cause: "/error"},
		},
	},
	{
		Name: "eventbridge", Title: "Amazon EventBridge API destination", patience: 5 * time.Second,
		Ways: shared("x-api-key"), HeaderDefault: "x-api-key", ChosenByYou: true,
		Needs: "the value of the connection's API key",
		Event: rules.EventSpec{ID: "body.id", Type: "body['detail-type']"}, Outcomes: anyEvent,
	},
}
