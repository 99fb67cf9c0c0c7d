package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"callback-relay/programs"
	"callback-relay/senders"
)

// Row 99: Twilio signs the URL that it was given, with or without its port, and with the
// user name and password in it. Nothing else of the URL may differ.
func TestTwilioURLs(t *testing.T) {
	programs.Need(t, "openssl")
	const token = "12345"
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("dana:pass word"))
	for name, c := range map[string]struct {
		signed, url string
		headers     map[string]string
		want        senders.Reason
	}{
		"the same":                {"https://r.example/c/1?a=%20b&c=1", "https://r.example/c/1?a=%20b&c=1", nil, ""},
		"signed with a port":      {"https://r.example:443/c/1", "https://r.example/c/1", nil, ""},
		"signed without the port": {"https://r.example/c/1", "https://r.example:443/c/1", nil, ""},
		"the port of HTTP":        {"http://r.example:80/c/1", "http://r.example/c/1", nil, ""},
		"another port":            {"https://r.example:1234/c/1", "https://r.example:1234/c/1", nil, ""},
		"another port, left out":  {"https://r.example/c/1", "https://r.example:1234/c/1", nil, ""},
		"an address of IPv6":      {"https://[2001:db8::1]:443/c/1", "https://[2001:db8::1]/c/1", nil, ""},
		"no path":                 {"https://r.example:443?a=1", "https://r.example?a=1", nil, ""},
		"a user in the URL":       {"https://dana:pass@r.example/c/1", "https://dana:pass@r.example/c/1", nil, ""},
		"a user and a port":       {"https://dana:pass@r.example:443/c/1", "https://dana:pass@r.example/c/1", nil, ""},
		"a user as a header":      {"https://dana:pass%20word@r.example/c/1", "https://r.example/c/1", map[string]string{"Authorization": login}, ""},
		"both as a header":        {"https://dana:pass%20word@r.example:443/c/1", "https://r.example/c/1", map[string]string{"Authorization": login}, ""},
		"another user":            {"https://lee:pass%20word@r.example/c/1", "https://r.example/c/1", map[string]string{"Authorization": login}, senders.Signature},
		"a wrong port":            {"https://r.example:8443/c/1", "https://r.example/c/1", nil, senders.Signature},
		"without TLS":             {"http://r.example/c/1", "https://r.example/c/1", nil, senders.Signature},
		"another path":            {"https://r.example/c/1/", "https://r.example/c/1", nil, senders.Signature},
		"another spelling":        {"https://r.example/c/1?a= b", "https://r.example/c/1?a=%20b", nil, senders.Signature},
		"another order":           {"https://r.example/c/1?a=1&b=2", "https://r.example/c/1?b=2&a=1", nil, senders.Signature},
		"another algorithm": {
			"https://r.example/c/1", "https://r.example/c/1",
			map[string]string{"X-Twilio-Webhooks-Signature-Settings": "key=SK1,algorithm=HMAC_SHA256"}, senders.Version,
		},
		"the usual algorithm": {
			"https://r.example/c/1", "https://r.example/c/1", map[string]string{"X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA1"}, "",
		},
	} {
		signature := opensslHMAC(t, "sha1", hex.EncodeToString([]byte(token)), c.signed+"MessageStatussent")
		v := vector{Sender: "twilio", Secret: token, Body: "MessageStatus=sent", URL: c.url, ContentType: formType, Headers: map[string]string{}}
		for name, value := range c.headers {
			v.Headers[name] = value
		}
		v.Headers["X-Twilio-Signature"] = base64.StdEncoding.EncodeToString(signature)
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Row 99: JSON of Twilio is covered by a digest in the signed URL, and only there.
func TestTwilioJSON(t *testing.T) {
	programs.Need(t, "openssl")
	const token = "12345"
	digest := hex.EncodeToString(openssl(t, anyBody, "dgst", "-sha256", "-binary"))
	for name, c := range map[string]struct {
		query, body string
		contentType string
		want        senders.Reason
	}{
		"its digest":          {"?bodySHA256=" + digest, anyBody, "application/json", ""},
		"of another body":     {"?bodySHA256=" + digest, anyBody + " ", "application/json", senders.Digest},
		"no digest":           {"?a=1", anyBody, "application/json", senders.Digest},
		"two digests":         {"?bodySHA256=" + digest + "&bodySHA256=" + digest, anyBody, "application/json", senders.Digest},
		"an empty digest":     {"?bodySHA256=", anyBody, "application/json", senders.Digest},
		"JSON called a form":  {"?a=1", `{"MessageStatus":"delivered"}`, formType, senders.Malformed},
		"a form called JSON":  {"?a=1", "MessageStatus=delivered", "application/json", senders.Digest},
		"a form of bad signs": {"?a=1", "MessageStatus=%zz", formType, senders.Malformed},
	} {
		url := "https://r.example/c/1" + c.query
		v := vector{Sender: "twilio", Secret: token, Body: c.body, URL: url, ContentType: c.contentType, Headers: map[string]string{
			"X-Twilio-Signature": base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha1", hex.EncodeToString([]byte(token)), url)),
		}}
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Row 99: Twilio signs names and values as one text. What somebody writes into a message
// cannot become a status, a digest or a part of the URL.
func TestTwilioBorders(t *testing.T) {
	programs.Need(t, "openssl")
	const (
		token = "12345"
		link  = "https://r.example/c/1"
	)
	digest := hex.EncodeToString(openssl(t, anyBody, "dgst", "-sha256", "-binary"))
	for name, c := range map[string]struct {
		signed    string // after the link
		url, body string
		want      senders.Reason
	}{
		"a message":                 {"AccountSidAC1BodyHiFrom+1MessageSidSM1SmsStatusreceived", "", "AccountSid=AC1&Body=Hi&From=%2B1&MessageSid=SM1&SmsStatus=received", ""},
		"a recording":               {"AccountSidAC1CallSidCA1RecordingSidRE1RecordingStatuscompleted", "", "AccountSid=AC1&CallSid=CA1&RecordingSid=RE1&RecordingStatus=completed", ""},
		"a call":                    {"AccountSidAC1CallSidCA1CallStatusno-answerDialCallSidCA2DialCallStatusbusy", "", "AccountSid=AC1&CallSid=CA1&CallStatus=no-answer&DialCallSid=CA2&DialCallStatus=busy", ""},
		"a call in a message":       {"AccountSidAC1BodyHiCallStatuscompletedFrom+1MessageSidSM1", "", "AccountSid=AC1&Body=Hi&CallStatus=completed&From=%2B1&MessageSid=SM1", senders.Malformed},
		"a status, the rest hidden": {"AccountSidAC1BodyHiMessageStatusdeliveredZFrom+1MessageSidSM1", "", "AccountSid=AC1&Body=Hi&MessageStatus=delivered&Z=From%2B1MessageSidSM1", senders.Malformed},
		"a status with more":        {"AccountSidAC1CallSidCA1CallStatuscompletedTo+1", "", "AccountSid=AC1&CallSid=CA1&CallStatus=completedTo%2B1", senders.Malformed},
		"a part of a name":          {"?a=AccountSidAC1", "", "?a=AccountSidAC1", senders.Malformed},
		"no name":                   {"?a=1", "?", "a=%3D1&=x", senders.Malformed},
		"in the path":               {"AccountSidAC1BodyMessageStatusdelivered", "AccountSidAC1Body", "MessageStatus=delivered", senders.Malformed},
		"in the query":              {"?a=1AccountSidAC1BodyMessageStatusdelivered", "?a=1AccountSidAC1Body", "MessageStatus=delivered", senders.Malformed},
		"a digest in a message":     {"?a=1AccountSidAC1Bodyx&bodySHA256=" + digest + "&From1", "?a=1AccountSidAC1Bodyx&bodySHA256=" + digest + "&From1", anyBody, senders.Malformed},
		"a digest":                  {"?bodySHA256=" + digest, "?bodySHA256=" + digest, anyBody, ""},
		"a name that hides fields":  {"BodyHiMessageStatusdeliveredNFrom+1FromCountryDEMessageSidSM1To+2", "", "Body=Hi&MessageStatus=delivered&NFrom=%2B1F&romCountryDEMessageSidSM1To=%2B2", senders.Malformed},
		"a status in a name":        {"CallSidCA1CallStatuscompletedRecordingSidRE1RecordingStatusfailedRecordingUrlhttps", "", "CallSid=CA1&CallStatus=completed&RecordingSidRE1RecordingStatusfailedRecordingUrl=https", senders.Malformed},
		"an id with more":           {"CallSidCA1CallStatusin-progressDialCallStatuscompleted", "", "CallSid=CA1CallStatusin-progressDial&CallStatus=completed", senders.Malformed},
		"a call that dialled":       {"CallSidCA1DialCallStatuscompleted", "", "CallSid=CA1Dial&CallStatus=completed", senders.Malformed},
		"a name cut in two":         {"AccountSidAC1MessageStatusfailed", "", "AccountSid=AC1&MessageStat=usfailed", senders.Malformed},
		"a name cut by the URL":     {"?a=AccountSidAC1CallStatusbusy", "?a=Account", "S=idAC1&aCallStatus=busy", senders.Malformed},
		"a status cut":              {"AccountSidAC1MessageStatusundelivered", "", "AccountSid=AC1&MessageStatus=undeliver&ed=", senders.Malformed},
		"an id cut":                 {"CallSidCA123CallStatusbusy", "", "CallSid=CA123Ca&llStatus=busy", senders.Malformed},
		"a status twice":            {"AccountSidAC1MessageStatusfailed", "", "AccountSid=AC1&MessageStatus=failed&MessageStatus=failed", senders.Malformed},
		"a long name":               {strings.Repeat("A", 65) + "1", "", strings.Repeat("A", 65) + "=1", senders.Malformed},
		"fields that people add":    {"CallSidCA1CallStatusringingSipHeader_X-A1agent_id7orderb", "", "CallSid=CA1&CallStatus=ringing&SipHeader_X-A=1&agent_id=7&order=b", ""},
		"a field after a status":    {"MessageSidSM1MessageStatusdeliveredloan42", "", "MessageSid=SM1&MessageStatus=delivered&loan=42", ""},
		"a new status":              {"MessageSidSM1MessageStatusheld-backTo+1", "", "MessageSid=SM1&MessageStatus=held-back&To=%2B1", ""},
		"what no URL has":           {"?a={}", "?a={}", "", senders.Malformed},
	} {
		v := vector{Sender: "twilio", Secret: token, Body: c.body, URL: link + c.url, ContentType: formType, Headers: map[string]string{
			"X-Twilio-Signature": base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha1", hex.EncodeToString([]byte(token)), link+c.signed)),
		}}
		if got := reasonOf(t, v.check(t)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
