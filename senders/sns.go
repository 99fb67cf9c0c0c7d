package senders

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 of SNS
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"callback-relay/publickeys"
)

// sns checks messages of Amazon SNS, which are signed with a certificate that AWS
// publishes. Everybody can have a topic, so the topic must be the expected one.
type sns struct {
	topic string
	keys  *publickeys.Cache
}

// snsTopic is the form of a topic's ARN.
var snsTopic = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)

func newSNS(s Spec, keys *publickeys.Cache, m *mistakes) prover {
	if len(s.Secrets) > 0 {
		m.add("secrets", "are not used: SNS signs with a certificate of its own")
	}
	if s.Account != "" && !snsTopic.MatchString(s.Account) {
		m.add("account", "%q is not the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:orders", cut(s.Account))
	}
	return sns{s.Account, keys}
}

// confirmTimeout is, with the time that fetching the certificate takes, far below the 15 s
// that SNS waits.
const confirmTimeout = 5 * time.Second

// snsHost is the form of SNS' own hosts. What AWS' libraries check also matches
// sns.s3-us-west-2.amazonaws.com, which is somebody's bucket: here the middle must be the
// name of a region.
var snsHost = regexp.MustCompile(`^sns\.[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(\.cn)?$`)

// snsPath is the form of a certificate's path. It allows no second spelling of one path,
// since each would be fetched and kept.
var snsPath = regexp.MustCompile(`^/[A-Za-z0-9_-]{1,100}\.pem$`)

// atSNS returns a URL if it is one of SNS.
func atSNS(text string) (*url.URL, bool) {
	at, err := url.Parse(text)
	return at, err == nil && at.Scheme == "https" && at.User == nil && snsHost.MatchString(at.Host) && at.Fragment == ""
}

// snsSigned are the members that are signed, for each type of message.
var snsSigned = map[string][]string{
	"Notification":             {"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"},
	"SubscriptionConfirmation": {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
	"UnsubscribeConfirmation":  {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
}

// prove implements [prover].
func (s sns) prove(ctx context.Context, r Request) ([]byte, error) {
	body, err := object(r)
	if err != nil {
		return nil, unproven(Malformed, "the body is not a message of SNS; raw delivery is not signed, so it must be off")
	}
	names, known := snsSigned[body.text("Type")]
	signature, err := decode(asBase64, body.text("Signature"))
	if !known || err != nil || len(signature) == 0 {
		return nil, unproven(Missing, "the body is not a signed message of SNS; raw delivery is not signed, so it must be off")
	}
	if body.text("TopicArn") != s.topic {
		return nil, unproven(Account, "the message is of another topic")
	}
	hash, digest, err := snsDigest(body, names)
	if err != nil {
		return nil, err
	}
	public, err := s.publicKey(ctx, body.text("SigningCertURL"), r.Now)
	if err != nil {
		return nil, err
	}
	if rsa.VerifyPKCS1v15(public, hash, digest, signature) != nil {
		return nil, unproven(Signature, "the signature was made with another certificate or over other values")
	}
	if failure := checkSNSTime(body.text("Timestamp"), r.Now); failure != nil {
		return nil, failure
	}
	return nil, checkNames(r.Body)
}

// How far the time of a message may be from the relay's. It is that of the publication,
// and SNS repeats a message for up to an hour ("total policy retry time" of
// docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).
const (
	snsPast   = time.Hour + 5*time.Minute
	snsFuture = 5 * time.Minute
)

// checkSNSTime checks the time at which a message was published.
func checkSNSTime(text string, now time.Time) error {
	at, ok := (&Timestamp{Unit: unitRFC3339}).parse(text)
	switch age := now.Sub(at); {
	case !ok:
		return unproven(Malformed, "the member Timestamp is not a time as SNS writes it")
	case age > snsPast || age < -snsFuture:
		return unproven(Stale, "the message was published more than 65 minutes before or 5 minutes after the relay's time")
	}
	return nil
}

// snsDigest returns the digest that is signed, and by which function it was made.
func snsDigest(body members, names []string) (crypto.Hash, []byte, error) {
	var signed strings.Builder
	for _, name := range names {
		value := body.text(name)
		if value == "" && name == "Subject" { // it is missing, or null
			continue
		}
		// Only a message may have several lines. Otherwise a part of it could be taken
		// for the members that are signed after it.
		if name != "Message" && strings.ContainsFunc(value, unicode.IsControl) {
			return 0, nil, unproven(Malformed, "the member "+name+" has several lines")
		}
		signed.WriteString(name + "\n" + value + "\n")
	}
	switch body.text("SignatureVersion") {
	case "1":
		sum := sha1.Sum([]byte(signed.String())) //nolint:gosec // see the import
		return crypto.SHA1, sum[:], nil
	case "2":
		sum := sha256.Sum256([]byte(signed.String()))
		return crypto.SHA256, sum[:], nil
	}
	return 0, nil, unproven(Version, "the SignatureVersion is neither 1 nor 2")
}

// publicKey returns the key of the certificate at a URL, which must be SNS' own. The
// certificate is trusted because it came from there by TLS: AWS serves it without the
// certificates between it and a root, so its own chain cannot be checked (decision 28).
func (s sns) publicKey(ctx context.Context, from string, now time.Time) (*rsa.PublicKey, error) {
	at, ok := atSNS(from)
	if !ok || !snsPath.MatchString(at.EscapedPath()) || strings.Contains(from, "?") {
		return nil, unproven(Certificate, "the certificate is not on a host of SNS")
	}
	document, err := s.keys.Document(ctx, publickeys.Wanted{
		URL: at.String(), Account: s.topic, MaxAge: publickeys.CachedFor, StaleFor: publickeys.StaleFor,
		Expected: strings.HasPrefix(at.Host, "sns."+strings.Split(s.topic, ":")[3]+"."), // in the topic's region
	})
	if err != nil {
		return nil, &UnavailableError{"the certificate of SNS", err}
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, unproven(Certificate, "there is no certificate at its URL")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, unproven(Certificate, "the certificate cannot be read")
	}
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, unproven(Certificate, "the certificate is not valid at the relay's time")
	}
	public, isRSA := certificate.PublicKey.(*rsa.PublicKey)
	if !isRSA {
		return nil, unproven(Certificate, "the certificate is not of an RSA key")
	}
	return public, nil
}

// confirm confirms a subscription, if the post asks for that.
func (s sns) confirm(ctx context.Context, r Request) error {
	body, err := object(r)
	if err != nil || body.text("Type") != "SubscriptionConfirmation" { // the other kind would subscribe again
		return nil
	}
	at, ok := atSNS(body.text("SubscribeURL"))
	if !ok {
		return &UnavailableError{"the subscription of SNS", errors.New("its SubscribeURL is not on a host of SNS")}
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	if _, err := s.keys.Get(ctx, at.String()); err != nil {
		return &UnavailableError{"the confirmation of the subscription", err}
	}
	return nil
}
