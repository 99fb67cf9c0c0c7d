package senders

import (
	"net/http"
	"strings"

	"callback-relay/rules"
)

// anyEvent is for senders whose URL is for one job, and that post once it is done.
var anyEvent = []rules.Outcome{{Do: rules.Succeed}}

// empty is the reply without a body that some senders expect.
var empty = &Reply{Status: http.StatusOK, Body: []byte{}}

// text is a reply of exactly this text.
func text(s string) *Reply {
	return &Reply{Status: http.StatusOK, Body: []byte(s), ContentType: "text/plain; charset=utf-8"}
}

// hmacOf is a signature of the body alone, in one header.
func hmacOf(header, take, encoding string) Proof {
	return Proof{Algorithm: hmacSHA256, Header: Names{header}, Take: take, Encoding: encoding, Signed: []string{"body"}}
}

// timedPairs is a signature of timestamp and body, in a header such as "t=…,v1=…".
func timedPairs(header, time, take string) Proof {
	return Proof{
		Algorithm: hmacSHA256, Header: Names{header}, Split: ",", Take: take, Encoding: asHex,
		Signed:    []string{"timestamp", "text:.", "body"},
		Timestamp: &Timestamp{Take: time, Unit: unitSeconds},
	}
}

// slackLike is a signature of a version, a timestamp and the body.
func slackLike(signature, timestamp string) Proof {
	return Proof{
		Algorithm: hmacSHA256, Header: Names{signature}, Take: "v0=", Encoding: asHex,
		Signed:    []string{"text:v0:", "timestamp", "text::", "body"},
		Timestamp: &Timestamp{Header: timestamp, Unit: unitSeconds},
	}
}

// standardWebhooks are the ways of the Standard Webhooks specification 1.0.0, with the
// header names that begin with names. A secret without its prefix is base64 as well.
func standardWebhooks(names string) []Proof {
	public := webhooksHMAC(names)
	public.Algorithm, public.Take, public.SecretPrefix = ed25519Sig, "v1a,", "whpk_"
	secret := webhooksHMAC(names)
	return []Proof{secret, withoutPrefix(secret, asBase64), public}
}

// webhooksHMAC is the way of Standard Webhooks with a secret that begins with whsec_.
func webhooksHMAC(names string) Proof {
	return Proof{
		Algorithm: hmacSHA256, Header: Names{names + "-signature"}, Split: " ", Take: "v1,", Encoding: asBase64,
		Signed:         []string{"header:" + names + "-id", "text:.", "timestamp", "text:.", "body"},
		Timestamp:      &Timestamp{Header: names + "-timestamp", Unit: unitSeconds},
		SecretEncoding: asBase64, SecretPrefix: "whsec_",
	}
}

// withoutPrefix returns a way of Standard Webhooks for a secret that does not begin with
// whsec_, and is in this encoding.
func withoutPrefix(way Proof, encoding string) Proof {
	way.SecretEncoding, way.SecretPrefix = encoding, ""
	return way
}

// shared is a value that the sender posts in a header.
func shared(header string) []Proof { return []Proof{{Algorithm: sharedSecret, Header: Names{header}}} }

const signingSecret = "the signing secret of the webhook"

// joined is the CEL of an id that is made of several texts. There is none if one of them
// is missing or no text.
func joined(texts ...string) string {
	return "([" + strings.Join(texts, ", ") + "].all(part, type(part) == string) ? " + strings.Join(texts, " + '/' + ") + " : '')"
}

// onlyOne is the CEL of the id of a list with one event. A list of several has none:
// the id of one of them would say nothing about the others.
func onlyOne(list, member string) string {
	return list + "[?1].hasValue() ? '' : " + list + "[0]." + member
}
