package senders

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
)

// A probe is a request other than a POST with which a sender tests the URL of a hook.
type probe struct {
	sender, method string
	shared         bool // ways of proving that many senders use have it too
	// reply returns the reply to a request that is this probe. s is nil if everybody may
	// post.
	reply func(s *Sender, r Request) (Reply, bool, error)
}

// probes are all probes. None of them changes anything, and what a reply repeats cannot be
// taken for anything else, since whoever knows the URL can ask for it.
var probes = []probe{
	{"meta", http.MethodGet, false, metaSubscribes},
	{"x", http.MethodGet, false, xChallenges},
	{"okta", http.MethodGet, true, oktaVerifies},
	{"cloudevents", http.MethodOptions, true, cloudEventsAsk},
	{"event-grid", http.MethodOptions, false, cloudEventsAsk},
	{"mandrill", http.MethodHead, true, func(*Sender, Request) (Reply, bool, error) {
		return Reply{Body: []byte{}}, true, nil
	}},
}

// has tells whether a sender sends this probe.
func (p probe) has(s *Sender) bool {
	switch {
	case s == nil:
		return p.shared
	case p.sender == "meta" && s.WantsVerifyToken():
		return false
	}
	return p.sender == s.row.Name || p.shared && s.row.Many
}

// WantsVerifyToken tells whether the sender tests the URL of a hook by a token that it lacks,
// so that the test fails.
func (s *Sender) WantsVerifyToken() bool { return s.row.Name == "meta" && s.spec.VerifyToken == "" }

// ProbeMethods returns the methods other than POST with which a sender tests the URL of a
// hook. s is nil if everybody may post.
func ProbeMethods(s *Sender) []string {
	var all []string
	for _, p := range probes {
		if p.has(s) && !slices.Contains(all, p.method) {
			all = append(all, p.method)
		}
	}
	return all
}

// Probe returns the reply to a request other than a POST with which a sender tests the
// URL of a hook, and whether it is such a request. The error is an [*UnprovenError] if
// the request lacks what the sender was told. s is nil if everybody may post.
func Probe(s *Sender, r Request) (_ Reply, found bool, err error) {
	for _, p := range probes {
		if p.method != r.Method || !p.has(s) {
			continue
		}
		if reply, found, err := p.reply(s, r); found || err != nil {
			reply.Sender, reply.Status = p.sender, http.StatusOK
			return reply, found, err
		}
	}
	return Reply{}, false, nil
}

// challenge is the form of what a probe may ask to be repeated or signed. It has no brace,
// so a signed challenge cannot be a JSON object.
var challenge = regexp.MustCompile(`^[A-Za-z0-9_.~+/-]{1,512}={0,2}$`)

// metaSubscribes answers the request with which Meta verifies a URL
// (developers.facebook.com/docs/graph-api/webhooks/getting-started).
func metaSubscribes(s *Sender, r Request) (Reply, bool, error) {
	asked := r.Query.Get("hub.challenge")
	if r.Query.Get("hub.mode") != "subscribe" || !challenge.MatchString(asked) {
		return Reply{}, false, nil
	}
	token := r.Query.Get("hub.verify_token")
	if token == "" {
		return Reply{}, false, unproven(Missing, "the parameter hub.verify_token is missing")
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.spec.VerifyToken)) != 1 {
		return Reply{}, false, unproven(Signature, "the parameter hub.verify_token is not the verify token of this hook")
	}
	return plain(asked), true, nil
}

// xChallenges answers the challenge of X, which comes when a URL is set and then about
// once a day. X signs events in the same way, and compressed bytes can look like a
// challenge. So a signature of X counts only for a body that is a JSON object as it is sent.
func xChallenges(s *Sender, r Request) (Reply, bool, error) {
	asked := r.Query.Get("crc_token")
	if !challenge.MatchString(asked) {
		return Reply{}, false, nil
	}
	signed := hmacKey{[]byte(s.spec.Secrets[0]), sha256.New}.sum([]byte(asked))
	token, _ := json.Marshal("sha256=" + base64.StdEncoding.EncodeToString(signed)) // a string
	return repeated("response_token", token), true, nil
}

// oktaVerifies answers the request with which Okta verifies an event hook.
func oktaVerifies(_ *Sender, r Request) (Reply, bool, error) {
	asked := r.Header.Get("X-Okta-Verification-Challenge")
	if !challenge.MatchString(asked) {
		return Reply{}, false, nil
	}
	value, _ := json.Marshal(asked) // a string
	return repeated("verification", value), true, nil
}

// origin is the form of an origin of CloudEvents: a DNS name.
var origin = regexp.MustCompile(`^[A-Za-z0-9.:_-]{1,255}$`)

// cloudEventsAsk answers a sender that asks whether it may post here, at any rate
// (section 4 of github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md).
func cloudEventsAsk(_ *Sender, r Request) (Reply, bool, error) {
	from := r.Header.Get("WebHook-Request-Origin")
	if !origin.MatchString(from) {
		return Reply{}, false, nil
	}
	return Reply{Body: []byte{}, Header: http.Header{
		"Webhook-Allowed-Origin": {from}, "Webhook-Allowed-Rate": {"*"}, "Allow": {"OPTIONS, POST"},
	}}, true, nil
}
