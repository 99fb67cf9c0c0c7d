package senders_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"callback-relay/rules"
	"callback-relay/senders"
)

// preset returns a preset and the program that judges its events.
func preset(t *testing.T, name string) *rules.Program {
	t.Helper()
	for _, p := range senders.Presets() {
		if p.Name == name {
			program, err := rules.NewCache(1 << 20).Compile(rules.Source{Event: p.Event, Outcomes: p.Outcomes, Otherwise: rules.Ignore})
			must(t, err)
			return program
		}
	}
	t.Fatalf("no preset %s", name)
	return nil
}

// judge judges a body, with headers in pairs.
func judge(t *testing.T, program *rules.Program, body string, headers ...string) (rules.Result, error) {
	t.Helper()
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return program.Judge(rules.Post{JSON: []byte(body), Header: header})
}

// Row 101: events have the id that the sender repeats, and none where that would be the id
// of something else.
func TestEventIDs(t *testing.T) {
	for _, c := range []struct {
		preset, body string
		headers      []string
		id, kind     string
	}{
		{"standard-webhooks", `{"type":"user.created"}`, []string{"webhook-id", "msg_1"}, "msg_1", "user.created"},
		{"standard-webhooks", `{"type":"user.created"}`, []string{"svix-id", "msg_2"}, "msg_2", "user.created"},
		{"standard-webhooks", `{}`, nil, "", ""},
		{"replicate", `{"status":"succeeded"}`, []string{"webhook-id", "msg_1"}, "msg_1", "succeeded"},
		{"openai", `{"type":"batch.completed"}`, []string{"webhook-id", "wh_1"}, "wh_1", "batch.completed"},
		{"twilio", `{"MessageSid":"SM1","MessageStatus":"sent"}`, nil, "SM1/sent", "sent"},
		{"twilio", `{"RecordingSid":"RE1","RecordingStatus":"completed","CallSid":"CA1"}`, nil, "RE1/completed", "completed"},
		{"twilio", `{"TranscriptionSid":"TR1","TranscriptionStatus":"completed","RecordingSid":"RE1","CallSid":"CA1","CallStatus":"completed"}`, nil, "TR1/completed", "completed"},
		{"twilio", `{"CallSid":"CA1","CallStatus":"ringing"}`, nil, "CA1/ringing", "ringing"},
		{"twilio", `{"MessageSid":"SM1"}`, nil, "", ""},
		{"twilio", `{"MessageStatus":"sent"}`, nil, "", "sent"},
		{"docusign", `{"event":"envelope-sent","retryCount":2,"generatedDateTime":"2025-01-01","data":{"envelopeId":"e1"}}`, nil, "e1/envelope-sent/2025-01-01", "envelope-sent"},
		{"docusign", `{"event":"envelope-sent","data":{"envelopeId":"e1"}}`, nil, "", "envelope-sent"},
		{"fal", `{"request_id":"r1","status":"OK"}`, nil, "r1", "OK"},
		{"eventbridge", `{"id":"1","detail-type":"Order"}`, nil, "1", "Order"},
		{"github", `{}`, []string{"x-github-delivery", "d1", "x-github-event", "push"}, "d1", "push"},
		{"gitlab", `{}`, []string{"idempotency-key", "k1", "x-gitlab-event", "Push Hook"}, "k1", "Push Hook"},
		{"gitlab", `{}`, []string{"webhook-id", "k1"}, "k1", ""},
		{"bitbucket", `{}`, []string{"x-request-uuid", "u1", "x-event-key", "repo:push"}, "u1", "repo:push"},
		{"jira", `{"webhookEvent":"jira:issue_updated"}`, []string{"x-atlassian-webhook-identifier", "i1"}, "i1", "jira:issue_updated"},
		{"box", `{"id":"e1","trigger":"FILE.UPLOADED"}`, []string{"box-delivery-id", "d1"}, "e1", "FILE.UPLOADED"},
		{"box", `{}`, []string{"box-delivery-id", "d1"}, "d1", ""},
		{"pagerduty", `{"event":{"id":"1","event_type":"incident.resolved"}}`, nil, "1", "incident.resolved"},
		{"slack", `{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}`, nil, "Ev1", "message"},
		{"slack", `{"type":"block_actions"}`, nil, "", "block_actions"},
		{"stripe", `{"id":"evt_1","type":"charge.failed"}`, nil, "evt_1", "charge.failed"},
		{"shopify", `{}`, []string{"x-shopify-event-id", "e1", "x-shopify-topic", "orders/paid"}, "e1", "orders/paid"},
		{"mux", `{"id":"1","type":"video.asset.ready"}`, nil, "1", "video.asset.ready"},
		{"cloudflare-stream", `{"uid":"v1","status":{"state":"ready"}}`, nil, "v1/ready", "ready"},
		{"typeform", `{"event_id":"1","event_type":"form_response"}`, nil, "1", "form_response"},
		{"calendly", `{"event":"invitee.created"}`, nil, "", "invitee.created"},
		{"zoom", `{"event":"meeting.ended"}`, nil, "", "meeting.ended"},
		{"zendesk", `{"id":"1","type":"zen:event-type:ticket.status_changed","zendesk_event_version":"2022-11-06"}`, nil, "1", "zen:event-type:ticket.status_changed"},
		{"zendesk", `{"id":"35436"}`, nil, "", ""}, // of a trigger: the ticket's
		{"hubspot", `[{"eventId":100,"subscriptionType":"deal.creation"}]`, nil, "100", "deal.creation"},
		{"hubspot", `[{"eventId":100,"subscriptionType":"deal.creation"},{"eventId":101}]`, nil, "", "deal.creation"},
		{"square", `{"event_id":"1","type":"payment.updated"}`, nil, "1", "payment.updated"},
		{"paddle", `{"event_id":"1","notification_id":"n","event_type":"transaction.paid"}`, nil, "1", "transaction.paid"},
		{"adyen", adyenBody(`"true"`), nil, "7914/AUTHORISATION/true", "AUTHORISATION"},
		{"adyen", adyenBody(`"false"`), nil, "7914/AUTHORISATION/false", "AUTHORISATION"},
		{"adyen-platform", `{"type":"t","data":{"id":"1"}}`, nil, "1/t", "t"},
		{"adyen-platform", `{"type":"t","data":{"id":"1","status":"booked"}}`, nil, "1/t/booked", "t"},
		{"adyen-platform", `{"type":"t","data":{"id":"1","status":"booked","sequenceNumber":3}}`, nil, "1/t/3", "t"},
		{"adyen-platform", `{"type":"t","data":{"status":"booked"}}`, nil, "", "t"},
		{"sendgrid", `[{"sg_event_id":"1","event":"delivered"}]`, nil, "1", "delivered"},
		{"sendgrid", `[{"sg_event_id":"1","event":"delivered"},{"sg_event_id":"2","event":"open"}]`, nil, "", "delivered"},
		{"linear", `{"type":"Issue","action":"update"}`, []string{"linear-delivery", "d1"}, "d1", "Issue.update"},
		{"notion", `{"id":"1","type":"page.created"}`, nil, "1", "page.created"},
		{"twitch", `{"subscription":{"type":"stream.online"}}`, []string{"twitch-eventsub-message-id", "m1"}, "m1", "stream.online"},
		{"discord", `{"id":"1","type":2}`, nil, "1", "2"},
		{"discord", `{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}`, nil, "", "APPLICATION_AUTHORIZED"},
		{"xero", `{"entropy":"x","events":[{"eventType":"CREATE"}]}`, nil, "", "CREATE"},
		{"meta", `{"entry":[{"changes":[{"field":"messages","value":{"messages":[{"id":"wamid.1"}]}}]}]}`, nil, "", "messages"},
		{"x", `{"for_user_id":"1","tweet_create_events":[{"id":2}]}`, nil, "", ""},
		{"okta", `{"eventId":"e1","eventType":"com.okta.event_hook","data":{"events":[{"eventType":"user.session.start"}]}}`, nil, "e1", "user.session.start"},
		{"okta", `{"eventId":"e1","data":{"events":[{"eventType":"a"},{"eventType":"b"}]}}`, nil, "e1", ""},
		{"microsoft-graph", `{"value":[{"changeType":"updated","subscriptionId":"s"}]}`, nil, "", "updated"},
		{"cloudevents", `{"data":1}`, []string{"ce-id", "1", "ce-source", "/s", "ce-type", "t"}, "/s/1", "t"},
		{"cloudevents", `{"id":"1","source":"/s","type":"t"}`, nil, "/s/1", "t"},
		{"cloudevents", `{"id":"1"}`, nil, "", ""},
		{"event-grid", `[{"id":"1","eventType":"t"}]`, nil, "1", "t"},
		{"event-grid", `[{"id":"1","eventType":"t"},{"id":"2"}]`, nil, "", "t"},
		{"telegram", `{"update_id":10000}`, nil, "10000", ""},
		{"sns", `{"MessageId":"1","Type":"Notification"}`, nil, "1", "Notification"},
		{"mailgun", `{"signature":{"token":"50b1"},"event-data":{"event":"opened"}}`, nil, "50b1", "opened"},
		{"dropbox-sign", `{"event":{"event_hash":"h","event_type":"signed"},"signature_request":{"signature_request_id":"s"}}`, nil, "h/s", "signed"},
		{"dropbox-sign", `{"event":{"event_hash":"h","event_type":"account_confirmed"}}`, nil, "h", "account_confirmed"},
	} {
		result, err := judge(t, preset(t, c.preset), c.body, c.headers...)
		if err != nil || result.ID != c.id || result.Type != c.kind {
			t.Errorf("%s: %s with %v: %q, %q, %v; want %q, %q", c.preset, c.body, c.headers, result.ID, result.Type, err, c.id, c.kind)
		}
	}
}

// adyenBody is a notification.
func adyenBody(success string) string {
	return `{"notificationItems":[{"NotificationRequestItem":{"pspReference":"7914","eventCode":"AUTHORISATION","success":` + success + `}}]}`
}

// Row 103: whatever a body is, that it has no id is no error.
func TestBodiesWithoutIDs(t *testing.T) {
	for _, p := range senders.Presets() {
		program := preset(t, p.Name)
		for _, body := range []string{
			`{}`, `[]`, `null`, `true`, `5`, `"x"`, `[[]]`, `[{}]`, `[null]`, `{"event":"x"}`, `{"event":null}`, `{"data":null}`, `{"data":[]}`,
			`{"value":{}}`, `{"entry":[{"changes":null}]}`, `{"notificationItems":[{}]}`, `{"signature":"x"}`, `{"MessageSid":null,"MessageStatus":null}`,
			`{"uid":1,"status":null}`, `{"events":{}}`, `{"source":null,"id":null}`, `{"zendesk_event_version":1}`,
		} {
			if result, err := judge(t, program, body); err != nil || result.ID != "" {
				t.Errorf("%s: %s has the id %q, %v", p.Name, body, result.ID, err)
			}
		}
	}
}

// Row 100: the events that are final by themselves, and those that are not.
func TestDefaultOutcomes(t *testing.T) {
	for _, c := range []struct {
		preset, body string
		do           rules.Do
		err, cause   string
	}{
		{"twilio", `{"MessageStatus":"queued"}`, rules.Ignore, "", ""},
		{"twilio", `{"MessageStatus":"sent"}`, rules.Ignore, "", ""},
		{"twilio", `{"MessageStatus":"read"}`, rules.Ignore, "", ""},
		{"twilio", `{"MessageStatus":"delivered"}`, rules.Succeed, "", ""},
		{"twilio", `{"MessageStatus":"undelivered","ErrorCode":"30003"}`, rules.Fail, "Twilio.Undelivered", "30003"},
		{"twilio", `{"MessageStatus":"failed"}`, rules.Fail, "Twilio.Failed", ""},
		{"twilio", `{"RecordingSid":"RE1","RecordingStatus":"in-progress","CallStatus":"completed"}`, rules.Ignore, "", ""},
		{"twilio", `{"RecordingSid":"RE1","RecordingStatus":"completed"}`, rules.Succeed, "", ""},
		{"twilio", `{"RecordingSid":"RE1","RecordingStatus":"absent"}`, rules.Fail, "Twilio.RecordingFailed", "absent"},
		{"twilio", `{"TranscriptionSid":"TR1","TranscriptionStatus":"completed","RecordingSid":"RE1","CallStatus":"completed"}`, rules.Succeed, "", ""},
		{"twilio", `{"TranscriptionSid":"TR1","TranscriptionStatus":"failed","CallStatus":"completed"}`, rules.Fail, "Twilio.TranscriptionFailed", "failed"},
		{"twilio", `{"CallSid":"CA1","CallStatus":"ringing"}`, rules.Ignore, "", ""},
		{"twilio", `{"CallSid":"CA1","CallStatus":"completed","RecordingSid":"RE1"}`, rules.Succeed, "", ""}, // of a call that was recorded
		{"twilio", `{"CallSid":"CA1","CallStatus":"no-answer"}`, rules.Fail, "Twilio.CallFailed", "no-answer"},
		{"replicate", `{"status":"starting"}`, rules.Ignore, "", ""},
		{"replicate", `{"status":"succeeded"}`, rules.Succeed, "", ""},
		{"replicate", `{"status":"failed","error":"out of memory"}`, rules.Fail, "Replicate.Failed", "out of memory"},
		{"replicate", `{"status":"failed","error":null}`, rules.Fail, "Replicate.Failed", ""},
		{"replicate", `{"status":"canceled"}`, rules.Fail, "Replicate.Canceled", ""},
		{"docusign", `{"event":"envelope-delivered"}`, rules.Ignore, "", ""},
		{"docusign", `{"event":"envelope-completed"}`, rules.Succeed, "", ""},
		{"docusign", `{"event":"envelope-voided"}`, rules.Fail, "DocuSign.Voided", ""},
		{"fal", `{"status":"OK"}`, rules.Succeed, "", ""},
		{"fal", `{"status":"ERROR","error":"unexpected"}`, rules.Fail, "Fal.Error", "unexpected"},
	} {
		got, err := judge(t, preset(t, c.preset), c.body)
		if err != nil || got.Do != c.do || got.Error != c.err || got.Cause != c.cause {
			t.Errorf("%s: %s: %s %q %q, %v; want %s %q %q", c.preset, c.body, got.Do, got.Error, got.Cause, err, c.do, c.err, c.cause)
		}
	}
}

// A preset can be described again in JSON.
func TestSpecJSON(t *testing.T) {
	for _, names := range []string{`"x-signature"`, `["x-signature-1","x-signature-2"]`} {
		var p senders.Proof
		text := `{"algorithm":"hmac-sha256","header":` + names + `,"encoding":"hex","signed":["body"]}`
		must(t, json.Unmarshal([]byte(text), &p))
		again, err := json.Marshal(p)
		must(t, err)
		if string(again) != text {
			t.Errorf("%s becomes %s", text, again)
		}
	}
}
