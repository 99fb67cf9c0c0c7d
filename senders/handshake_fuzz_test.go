package senders_test

import (
	"net/http"
	"net/url"
	"testing"

	"callback-relay/senders"
)

// Row 98: any post can be checked for a handshake. A reply only repeats parts of the
// request, and is not longer than the request.
func FuzzHandshake(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"type":"url_verification","challenge":"x"}`, `[{"data":{"validationCode":"1"}}]`, `{"challenge":"x"}`, `{"type":1}`, `[]`, `[1]`, `null`, `"challenge"`,
		`{"json":"{\"event\":{\"event_type\":\"callback_test\"}}"}`, `{"events":[]}`, `{"events":null}`, `{"data":1,"validationCode":2}`, `{"challenge":{"a":1}}`,
	} {
		for _, header := range []string{"X-GitHub-Event", "X-Hook-Secret", "Aeg-Event-Type", "X-Signature-Ed25519", "Twitch-Eventsub-Message-Type", ""} {
			f.Add(header, "ping", "", []byte(body))
		}
	}
	f.Add("", "", "validationToken=x", []byte(`{}`))
	f.Fuzz(func(t *testing.T, header, value, query string, body []byte) {
		values, _ := url.ParseQuery(query)
		h := http.Header{}
		h.Set(header, value)
		reply, found := senders.Handshake(senders.Post{Header: h, Query: values, JSON: body})
		if !found {
			return
		}
		if reply.Sender == "" || reply.Status < 200 || reply.Status > 299 {
			t.Errorf("a reply without a sender or with status %d", reply.Status)
		}
		// A byte can take six bytes in JSON, and there are the names of members.
		if len(reply.Body) > 6*(len(body)+len(query))+100 {
			t.Errorf("%d bytes are answered to %d", len(reply.Body), len(body)+len(query))
		}
		if len(reply.Body) > 0 && reply.ContentType == "" {
			t.Error("a body without a type")
		}
	})
}
