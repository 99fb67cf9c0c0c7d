package senders

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Post is what was posted.
type Post struct {
	Header http.Header
	Query  url.Values
	JSON   []byte // what the body becomes; "{}" for an empty one
}

// Reply is the reply to a handshake. Body is nil if the sender accepts any reply, or
// expects one that only the holder of its secret could give.
type Reply struct {
	Sender      string // for the log
	Status      int    // HTTP status; always a success
	Body        []byte
	ContentType string
	Header      http.Header // further headers; nil for none
}

// MaxHandshake is the longest body, in bytes of JSON, that can be a handshake. The
// known handshakes have less than 2 KiB.
const MaxHandshake = 16 << 10

// Handshake tells whether a post only tests the URL, and returns the reply that its
// sender expects. It knows only handshakes that cannot be mistaken for anything else,
// each from its sender's own documentation or source.
func Handshake(p Post) (Reply, bool) {
	return findHandshake(p, func(handshake) bool { return true })
}

// Handshake is [Handshake] for a link of this sender alone. proven says that the post has
// passed [Sender.Check]. Before that, only those handshakes count that the sender does
// not sign; after it, those that take a secret are answered too. A way of proving that
// many senders use, such as a secret in a header, has the handshakes of all of them, once
// it is proven. json is what the body becomes.
func (s *Sender) Handshake(ctx context.Context, r Request, json []byte, proven bool) (Reply, bool) {
	p := Post{Header: r.Header, Query: r.Query, JSON: json}
	reply, found := findHandshake(p, func(h handshake) bool {
		return h.sender == s.row.Name && (proven || h.unsigned) || s.row.Many && proven
	})
	if found && proven && s.row.Name == "zoom" {
		if secret, err := s.prover.prove(ctx, r); err == nil {
			reply = zoomReply(p.body().text("payload", "plainToken"), secret)
		}
	}
	return reply, found
}

// Confirm does what a handshake of this sender asks the receiver to do, beside the reply:
// it confirms a subscription at SNS. It must be called for a handshake that was proven,
// before the reply is sent. It takes at most 5 seconds, and calls only hosts of SNS. If
// it fails, the error is an [*UnavailableError], and the sender should try again.
func (s *Sender) Confirm(ctx context.Context, r Request) error {
	if topic, is := s.prover.(sns); is {
		return topic.confirm(ctx, r)
	}
	return nil
}

// zoomReply is the reply to Zoom's handshake, which only the holder of the secret can
// give.
func zoomReply(plain string, secret []byte) Reply {
	encrypted := hmacKey{secret, sha256.New}.sum([]byte(plain))
	body, _ := json.Marshal(struct { // two strings
		Plain     string `json:"plainToken"`
		Encrypted string `json:"encryptedToken"`
	}{plain, hex.EncodeToString(encrypted)})
	return Reply{Sender: "zoom", Status: http.StatusOK, Body: body, ContentType: "application/json"}
}

// findHandshake returns the reply to the first handshake that counts.
func findHandshake(p Post, counts func(handshake) bool) (Reply, bool) {
	long := len(p.JSON) > MaxHandshake
	for _, h := range handshakes {
		if !counts(h) || long && h.mark != "" {
			continue
		}
		if h.header != "" && p.Header.Get(h.header) == "" || !bytes.Contains(p.JSON, []byte(h.mark)) {
			continue
		}
		if reply, found := h.reply(p, p.body); found {
			reply.Sender, reply.Status = h.sender, cmp.Or(reply.Status, http.StatusOK)
			return reply, true
		}
	}
	return Reply{}, false
}

// members are the members of a body that is an object, or of the first object in an
// array.
type members map[string]json.RawMessage

// body returns the members of the body, or none if it has none.
func (p Post) body() members {
	var body members
	if len(p.JSON) > MaxHandshake {
		return nil
	}
	if json.Unmarshal(p.JSON, &body) != nil {
		var all []members
		if json.Unmarshal(p.JSON, &all) != nil || len(all) == 0 {
			return nil
		}
		body = all[0]
	}
	return body
}

// text returns the member at a path if it is a string, or "".
func (m members) text(path ...string) string {
	for _, name := range path[:len(path)-1] {
		var inner members
		if json.Unmarshal(m[name], &inner) != nil {
			return ""
		}
		m = inner
	}
	var value string
	_ = json.Unmarshal(m[path[len(path)-1]], &value) // "" if it is not a string
	return value
}

// isEmptyList tells whether a member is an empty array.
func (m members) isEmptyList(name string) bool {
	var all []json.RawMessage
	return json.Unmarshal(m[name], &all) == nil && all != nil && len(all) == 0
}

// noted is the reply to a handshake that expects nothing that the relay could say.
var noted = Reply{}

// plain is the reply that repeats a challenge.
func plain(challenge string) Reply {
	return Reply{Body: []byte(challenge), ContentType: "text/plain; charset=utf-8"}
}

// repeated is the reply that repeats a value in a JSON object.
func repeated(name string, value json.RawMessage) Reply {
	body, err := json.Marshal(members{name: value})
	if err != nil {
		return noted // the value is missing
	}
	return Reply{Body: body, ContentType: "application/json"}
}

// handshake is one way in which a sender tests a URL. It is skipped if its header is
// missing or the body does not contain its mark, so most answers are checked quickly.
type handshake struct {
	sender, header, mark string
	reply                func(Post, func() members) (Reply, bool) // reads the body only if it must
	unsigned             bool                                     // the sender does not sign it
}

// handshakes are tried in turn.
var handshakes = []handshake{
	{"github", "X-GitHub-Event", "", func(p Post, _ func() members) (Reply, bool) {
		return noted, p.Header.Get("X-GitHub-Event") == "ping"
	}, false},
	{"slack", "", "url_verification", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		challenge := body.text("challenge")
		return plain(challenge), body.text("type") == "url_verification" && challenge != ""
	}, false},
	// At a plain link nobody has proven that SNS asks, so the subscription is not
	// confirmed. See [Sender.Confirm] for others.
	{"sns", "X-Amz-Sns-Message-Type", "", func(p Post, _ func() members) (Reply, bool) {
		return noted, isConfirmation(p.Header.Get("X-Amz-Sns-Message-Type"))
	}, false},
	{"sns", "", "SubscribeURL", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return noted, isConfirmation(body.text("Type")) && body.text("TopicArn") != "" && body.text("SubscribeURL") != ""
	}, false},
	{"event-grid", "", "validationCode", func(p Post, read func() members) (Reply, bool) {
		body := read()
		var data members
		_ = json.Unmarshal(body["data"], &data) // nil if it is not an object
		named := p.Header.Get("Aeg-Event-Type") == "SubscriptionValidation" ||
			body.text("eventType") == "Microsoft.EventGrid.SubscriptionValidationEvent"
		return repeated("validationResponse", data["validationCode"]), named && data.text("validationCode") != ""
	}, true},
	{"microsoft-graph", "", "{}", func(p Post, _ func() members) (Reply, bool) {
		challenge := p.Query.Get("validationToken")
		return plain(challenge), challenge != "" && string(p.JSON) == "{}"
	}, true},
	{"zoom", "", "endpoint.url_validation", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return noted, body.text("event") == "endpoint.url_validation" && body.text("payload", "plainToken") != ""
	}, false},
	{"asana", "X-Hook-Secret", "", func(p Post, _ func() members) (Reply, bool) {
		const name = "X-Hook-Secret"
		return Reply{Header: http.Header{name: {p.Header.Get(name)}}}, string(p.JSON) == "{}"
	}, true},
	{"asana", "X-Hook-Signature", "events", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return noted, body.isEmptyList("events") // a sign of life, every eight hours
	}, false},
	{"discord", "X-Signature-Ed25519", "type", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		switch string(body["type"]) {
		case "0": // of events
			return Reply{Status: http.StatusNoContent, Body: []byte{}}, true
		case "1": // of interactions; of events it is the event itself
			return repeated("type", body["type"]), body["event"] == nil
		}
		return Reply{}, false
	}, false},
	{"twitch", "Twitch-Eventsub-Message-Type", "", func(p Post, read func() members) (Reply, bool) {
		body := read()
		switch p.Header.Get("Twitch-Eventsub-Message-Type") {
		case "webhook_callback_verification":
			return plain(body.text("challenge")), true
		case "revocation":
			return noted, true
		}
		return Reply{}, false
	}, false},
	{"monday", "", "challenge", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return repeated("challenge", body["challenge"]), len(body) == 1 && body.text("challenge") != ""
	}, true},
	{"notion", "", "verification_token", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return noted, len(body) == 1 && strings.HasPrefix(body.text("verification_token"), "secret_")
	}, true},
	{"dropbox-sign", "", "callback_test", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		event := Post{JSON: []byte(body.text("json"))}.body()
		return plain(dropboxSignReply), event.text("event", "event_type") == "callback_test"
	}, false},
	{"xero", "X-Xero-Signature", "events", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return Reply{Body: []byte{}}, body.isEmptyList("events")
	}, false},
	{"pagerduty", "X-PagerDuty-Signature", "pagey.ping", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return noted, body.text("event", "event_type") == "pagey.ping"
	}, false},
	{"intercom", "", "notification_event", func(_ Post, read func() members) (Reply, bool) {
		body := read()
		return noted, body.text("type") == "notification_event" && body.text("topic") == "ping"
	}, false},
	{"mandrill", "X-Mandrill-Signature", "", func(p Post, _ func() members) (Reply, bool) {
		return noted, string(p.JSON) == `{"mandrill_events":"[]"}`
	}, false},
}

// isConfirmation tells whether an SNS message is about the subscription itself.
func isConfirmation(kind string) bool {
	return kind == "SubscriptionConfirmation" || kind == "UnsubscribeConfirmation"
}
