package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/programs"
	"callback-relay/rules"
	"callback-relay/senders"
)

const twilioLink = "https://r.example/c/1"

// Ids as Twilio makes them.
var (
	twilioCallID      = "CA" + strings.Repeat("0123456789abcdef", 2)
	twilioMessageID   = "SM" + strings.Repeat("fedcba9876543210", 2)
	twilioRecordingID = "RE" + strings.Repeat("00112233445566ff", 2)
)

// twilioPosts are posts in which one field may hide another: names, and values beside them.
// In the last ones a stranger wrote some of it, so that they are refused.
var twilioPosts = [][][2]string{
	{{"MessageSid", twilioMessageID}, {"MessageStatus", "failed"}, {"SmsSid", twilioMessageID}, {"SmsStatus", "failed"}},
	{{"MessageSid", "SM1"}, {"MessageStatus", "delivered"}, {"To", "+1"}},
	{{"CallStatus", "completed"}, {"RecordingSid", twilioRecordingID}, {"RecordingStatus", "failed"}, {"RecordingUrl", "https:x"}},
	{{"CallSid", twilioCallID}, {"CallStatus", "in-progress"}, {"DialCallSid", twilioCallID}, {"DialCallStatus", "completed"}},
	{{"CallSid", twilioCallID}, {"CallStatus", "completed"}, {"dialled", "x"}},
	{{"AccountSid", "AC1"}, {"CallSid", "CA12"}, {"CallStatus", "ringing"}, {"ParentCallSid", "CA2"}},
	{{"Body", "HiMessageStatusdeliveredN"}, {"From", "+4"}, {"MessageSid", twilioMessageID}, {"SmsStatus", "received"}},
	{{"Body", "HiCallStatuscompletedN"}, {"From", "+4"}, {"MessageSid", twilioMessageID}, {"SmsStatus", "received"}},
	{{"MessageSid", twilioMessageID}, {"ProfileName", "IMessageStatusdelivered"}, {"SmsStatus", "received"}},
}

// Row 99: however the text that Twilio signed is divided into names and values, with any
// part of it as the end of the URL, what is proven decides the same as the genuine post.
func TestTwilioOneSignatureOneDecision(t *testing.T) {
	programs.Need(t, "openssl")
	program := preset(t, "twilio")
	for _, fields := range twilioPosts {
		text, genuine := "", url.Values{}
		for _, f := range fields {
			text += f[0] + f[1]
			genuine.Set(f[0], f[1])
		}
		signature := base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha1", hex.EncodeToString([]byte("12345")), twilioLink+text))
		sender, err := senders.New(senders.Spec{Preset: "twilio", Secrets: []string{"12345"}})
		must(t, err)
		want, divided, proven := decided(t, program, genuine), 0, 0
		try := func(query string, form url.Values) {
			divided++
			r := senders.Request{Method: http.MethodPost, URL: twilioLink + query, Header: http.Header{}, Body: []byte(form.Encode()), Now: time.Unix(0, 0)}
			r.Header.Set("Content-Type", formType)
			r.Header.Set("X-Twilio-Signature", signature)
			err := sender.Check(t.Context(), r)
			if wrong, is := errors.AsType[*senders.UnprovenError](err); is && wrong.Reason == senders.Signature {
				t.Fatalf("%v is not what was signed as %s", form, text)
			}
			if err != nil {
				return
			}
			proven++
			if got := decided(t, program, form); got != want {
				t.Errorf("%v decides %s, as the URL %s and %v: %s", genuine, want, query, form, got)
			}
		}
		try("", genuine)
		if stranger := genuine.Has("Body") || genuine.Has("ProfileName"); (proven == 1) == stranger {
			t.Errorf("%v: proven %d times", genuine, proven)
		}
		places := twilioPlaces(text, fields)
		for _, at := range append([]int{0}, places[:len(places)-1]...) {
			divideForm(text, at, places, "", url.Values{}, func(form url.Values) { try(text[:at], form) })
		}
		if divided < 500 {
			t.Errorf("%s was divided in %d ways", text, divided)
		}
	}
}

// decided is what an event is, and what the default outcomes do with it.
func decided(t *testing.T, program *rules.Program, form url.Values) string {
	t.Helper()
	body := map[string]any{} // as package bodies makes it of a form
	for name, values := range form {
		body[name] = values
		if len(values) == 1 {
			body[name] = values[0]
		}
	}
	text, err := json.Marshal(body)
	must(t, err)
	result, err := judge(t, program, string(text))
	return fmt.Sprintf("%q %q %s %s %v", result.ID, result.Type, result.Do, result.Error, err)
}

// twilioWord finds where a word begins, and the statuses.
var twilioWord = regexp.MustCompile(`[A-Z+:]|completed|delivered|failed|received|ringing|dialled`)

// twilioPlaces are the places at which a text is divided: before each word, where a name
// or value of the genuine post ends, and before the last byte of a value.
func twilioPlaces(text string, fields [][2]string) []int {
	var places []int
	for _, at := range twilioWord.FindAllStringIndex(text, -1) {
		places = append(places, at[0])
	}
	end := 0
	for _, f := range fields {
		name := end + len(f[0])
		end = name + len(f[1])
		places = append(places, name, end-1, end)
	}
	places = slices.DeleteFunc(places, func(at int) bool { return at == 0 })
	slices.Sort(places)
	return slices.Compact(places)
}

// divideForm calls try with the ways to divide a text from a place on into up to four
// fields, whose names are sorted as they are when Twilio signs.
func divideForm(text string, from int, places []int, last string, found url.Values, try func(url.Values)) {
	if from == len(text) {
		try(found)
		return
	}
	if len(found) == 4 {
		return
	}
	for _, name := range places {
		if name <= from || text[from:name] <= last {
			continue
		}
		for _, end := range places {
			if end >= name {
				found.Set(text[from:name], text[name:end])
				divideForm(text, end, places, text[from:name], found, try)
			}
		}
		found.Del(text[from:name])
	}
}
