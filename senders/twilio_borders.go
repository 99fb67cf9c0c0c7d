package senders

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Twilio signs the URL, and the names and values of all fields, as one text with nothing
// between them. Where one ends cannot be known for every field: a message "HiTo" from 1
// looks like a message "Hi" with another field. So the fields that decide what a post is
// about, and what became of it, must be beyond doubt:
//
//   - wherever the signed text has the name of such a field, there is that field, or one of
//     Twilio's own fields whose name contains it; not a part of a value, of a longer name,
//     of the URL, or of two of them;
//   - where its value ends follows from the text alone;
//   - a post has each of them once, and not those of a message and of a call together.

// twilioMessage and twilioCall are these fields of messages and of calls, and twilioBoth
// that of both.
var (
	twilioMessage = []string{"MessageSid", "MessageStatus", "SmsSid", "SmsStatus"}
	twilioCall    = []string{"CallSid", "CallStatus", "RecordingSid", "RecordingStatus", "TranscriptionSid", "TranscriptionStatus"}
	twilioBoth    = []string{"AccountSid"}

	twilioDeciding = slices.Concat(twilioMessage, twilioCall, twilioBoth)
	// twilioLonger are the fields of Twilio that decide nothing, and whose names contain
	// that of one that does.
	twilioLonger = []string{
		"CallSidEndingConference", "CallSidToCoach", "ChannelMessageSid", "DequeingCallSid", "DialCallSid", "DialCallStatus",
		"OriginalRepliedMessageSid", "ParentAccountSid", "ParentCallSid", "ParticipantCallStatus", "SmsMessageSid",
	}
	twilioNames = slices.Concat(twilioDeciding, twilioLonger)
)

var (
	// twilioName is the form of a field's name. It has nothing that separates the parts of
	// a URL.
	twilioName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.\[\]-]{0,63}$`)
	// twilioSid finds the id with which a text begins. Twilio's have 32 digits; those that
	// people write into tests, such as SM1, have fewer.
	twilioSid = regexp.MustCompile(`^([A-Z]{2}([0-9A-Fa-f]{32}|[0-9a-f]{1,31}))?`)
	// twilioState finds the status with which a text begins: one of those that Twilio's
	// documentation lists, none of which begins with another, or else one that may be new.
	twilioState = regexp.MustCompile(`^(absent|accepted|answered|busy|canceled|completed|deleted|delivered|failed|in-progress|initiated|no-answer|` +
		`partially_delivered|paused|processing|queued|read|received|receiving|ringing|scheduled|sending|sent|stopped|undelivered|[a-z_-]*)`)
	// twilioLooseSid is the form of an id in a post without a status, which decides
	// nothing by itself. Twilio's own libraries have such an example.
	twilioLooseSid = regexp.MustCompile(`^([A-Z]{2}[0-9A-Fa-f]{1,32})?$`)
)

// twilioField is one name and value of what Twilio signs.
type twilioField struct{ name, value string }

// checkTwilioFields checks that the fields that decide are beyond doubt. The fields are
// those of the form in the order in which they are signed, after a URL; url is empty if it
// is not the poster's choice.
func checkTwilioFields(url string, form url.Values, fields []twilioField) *UnprovenError {
	for name, values := range form {
		if !twilioName.MatchString(name) {
			return &UnprovenError{Malformed, "a field has a name that Twilio does not use"}
		}
		if slices.Contains(twilioDeciding, name) && len(values) != 1 {
			return &UnprovenError{Malformed, "the field " + name + " is there more than once"}
		}
	}
	if hasAny(form, twilioMessage) && hasAny(form, twilioCall) {
		return &UnprovenError{Malformed, "the fields are those of a message and of a call"}
	}
	text := url + string(twilioText(fields))
	for _, name := range twilioNames {
		if strings.Count(text, name) != countNamed(fields, name) {
			return &UnprovenError{Malformed, "the URL or another field contains " + name + ", so it is not certain where it ends in what Twilio signed"}
		}
	}
	hasStatus := slices.ContainsFunc(fields, func(f twilioField) bool { return isTwilioStatus(f.name) })
	rest := text[len(url):]
	for _, f := range fields {
		rest = rest[len(f.name):]
		if slices.Contains(twilioDeciding, f.name) && !isTwilioValue(f, rest, hasStatus) {
			return &UnprovenError{Malformed, "the value of the field " + f.name + " is not one of Twilio"}
		}
		rest = rest[len(f.value):]
	}
	return nil
}

// isTwilioValue tells whether the value of a deciding field is what Twilio can have signed.
// rest is the signed text from the value on.
func isTwilioValue(f twilioField, rest string, hasStatus bool) bool {
	switch {
	case isTwilioStatus(f.name):
		return twilioState.FindString(rest) == f.value
	case hasStatus:
		return twilioSid.FindString(rest) == f.value
	}
	return twilioLooseSid.MatchString(f.value)
}

// isTwilioStatus tells whether a field is one of the deciding statuses.
func isTwilioStatus(name string) bool {
	return slices.Contains(twilioDeciding, name) && strings.HasSuffix(name, "Status")
}

// countNamed counts the fields of Twilio whose names are, or contain, a name.
func countNamed(fields []twilioField, name string) int {
	n := 0
	for _, f := range fields {
		if slices.Contains(twilioNames, f.name) && strings.Contains(f.name, name) {
			n++
		}
	}
	return n
}

func hasAny(form url.Values, names []string) bool {
	return slices.ContainsFunc(names, form.Has)
}
