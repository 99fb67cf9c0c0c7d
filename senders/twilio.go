package senders

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1, which is not broken
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/url"
	"slices"
	"strings"

	"callback-relay/rules"
)

// twilio checks signatures of Twilio: HMAC-SHA1 over the URL, followed by the name and
// values of each field of a form, sorted. For any other body, the URL holds its SHA-256
// in the parameter bodySHA256.
type twilio struct{ keys []hmacKey }

func newTwilio(s Spec, _ *Keys, _ *mistakes) prover {
	var t twilio
	for _, secret := range s.Secrets {
		t.keys = append(t.keys, hmacKey{[]byte(secret), sha1.New})
	}
	return t
}

const twilioSignature = "X-Twilio-Signature"

// prove implements [prover].
func (t twilio) prove(_ context.Context, r Request) ([]byte, error) {
	value, failure := single(r.Header, twilioSignature)
	if failure != nil {
		return nil, failure
	}
	// An account can choose another algorithm, whose key is not the auth token.
	if settings := strings.Join(r.Header.Values("X-Twilio-Webhooks-Signature-Settings"), ","); strings.Contains(strings.ToUpper(settings), "SHA256") {
		return nil, unproven(Version, "Twilio signed with HMAC-SHA256 and another key; the relay checks signatures made with the auth token")
	}
	signature, err := decode(asBase64, value)
	if err != nil || len(signature) != sha1.Size {
		return nil, unproven(Malformed, "the value of the header "+twilioSignature+" is not a signature of Twilio")
	}
	fields, err := twilioFields(r)
	if err != nil {
		return nil, err
	}
	for _, given := range twilioURLs(r) {
		for _, key := range t.keys {
			if key.signed([][]byte{[]byte(given), fields}, [][]byte{signature}) {
				return key.secret, nil
			}
		}
	}
	return nil, unproven(Signature, "the signature in the header "+twilioSignature+" was made with another auth token, for another URL or over other fields")
}

// twilioFields returns what is signed after the URL.
func twilioFields(r Request) ([]byte, error) {
	if digests := r.Query["bodySHA256"]; len(digests) == 1 {
		got := sha256.Sum256(r.Body)
		if !hmac.Equal([]byte(strings.ToLower(digests[0])), []byte(hex.EncodeToString(got[:]))) {
			return nil, unproven(Digest, "the body is not the one whose SHA-256 is in the parameter bodySHA256")
		}
		return nil, nil // the URL is signed, and so is the digest
	}
	if len(r.Body) == 0 {
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return nil, unproven(Digest, "the body is not a form, and the URL has no parameter bodySHA256 that would cover it")
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, unproven(Malformed, "the body is not a form as Twilio writes it")
	}
	var signed []byte
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			signed = append(append(signed, name...), value...)
		}
	}
	return signed, nil
}

// twilioURLs returns the forms of the URL that Twilio may have signed. Its own libraries
// try it with the port and without. A user name and password in the URL arrive as a
// header, and are signed as a part of the URL.
func twilioURLs(r Request) []string {
	all := []string{r.URL}
	u, err := url.Parse(r.URL)
	scheme, rest, found := strings.Cut(r.URL, "://")
	if err != nil || !found {
		return all
	}
	end := strings.IndexAny(rest+"/", "/?#")
	authority, path := rest[:end], rest[end:]
	standard := map[string]string{"https": ":443", "http": ":80"}[scheme]
	if port := u.Port(); port != "" {
		all = append(all, scheme+"://"+strings.TrimSuffix(authority, ":"+port)+path)
	} else if standard != "" {
		all = append(all, scheme+"://"+authority+standard+path)
	}
	if user, password, sent := basicAuth(r); sent && u.User == nil {
		login := url.UserPassword(user, password).String() + "@"
		for _, without := range slices.Clone(all) {
			all = append(all, strings.Replace(without, "://", "://"+login, 1))
		}
	}
	return all
}

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
