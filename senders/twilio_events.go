package senders

import "callback-relay/rules"

// What the events of Twilio are called: each kind of callback names its thing and its
// status differently, and those of recordings and transcriptions also have the status
// of their call.
const (
	twilioStatus = "has(body.MessageStatus) ? body.MessageStatus : has(body.RecordingStatus) ? body.RecordingStatus : " +
		"has(body.TranscriptionStatus) ? body.TranscriptionStatus : body.CallStatus"
	ofCall = "!has(body.RecordingStatus) && !has(body.TranscriptionStatus) && "
)

// twilioID is of a thing and its status.
var twilioID = "has(body.MessageStatus) ? " + joined("body.MessageSid", "body.MessageStatus") +
	" : has(body.RecordingStatus) ? " + joined("body.RecordingSid", "body.RecordingStatus") +
	" : has(body.TranscriptionStatus) ? " + joined("body.TranscriptionSid", "body.TranscriptionStatus") +
	" : " + joined("body.CallSid", "body.CallStatus")

// twilioOutcomes are the final statuses of messages, recordings, transcriptions and
// calls. All others, such as queued, sent and read, come before or after those.
var twilioOutcomes = []rules.Outcome{
	{When: "body.MessageStatus == 'delivered'", Do: rules.Succeed},
	{When: "body.MessageStatus == 'undelivered'", Do: rules.Fail, Error: "Twilio.Undelivered", Cause: "/ErrorCode"},
	{When: "body.MessageStatus == 'failed'", Do: rules.Fail, Error: "Twilio.Failed", Cause: "/ErrorCode"},
	{When: "body.RecordingStatus == 'completed'", Do: rules.Succeed},
	{When: "body.RecordingStatus in ['failed', 'absent']", Do: rules.Fail, Error: "Twilio.RecordingFailed", Cause: "/RecordingStatus"},
	{When: "body.TranscriptionStatus == 'completed'", Do: rules.Succeed},
	{When: "body.TranscriptionStatus == 'failed'", Do: rules.Fail, Error: "Twilio.TranscriptionFailed", Cause: "/TranscriptionStatus"},
	{When: ofCall + "body.CallStatus == 'completed'", Do: rules.Succeed},
	{When: ofCall + "body.CallStatus in ['busy', 'failed', 'no-answer', 'canceled']", Do: rules.Fail, Error: "Twilio.CallFailed", Cause: "/CallStatus"},
}
