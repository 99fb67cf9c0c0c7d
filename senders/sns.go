package senders

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 of SNS
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// sns checks messages of Amazon SNS, which are signed with a certificate that AWS
// publishes. Everybody can have a topic, so the topic must be the expected one.
type sns struct {
	topic string
	keys  *Keys
}

// snsTopic is the form of a topic's ARN.
var snsTopic = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)

func newSNS(s Spec, keys *Keys, m *mistakes) prover {
	if len(s.Secrets) > 0 {
		m.add("secrets", "are not used: SNS signs with a certificate of its own")
	}
	if s.Account != "" && !snsTopic.MatchString(s.Account) {
		m.add("account", "%q is not the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:orders", cut(s.Account))
	}
	return sns{s.Account, keys}
}

// snsHost is the form of the hosts from which AWS serves certificates.
var snsHost = regexp.MustCompile(`^sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?$`)

// snsSigned are the members that are signed, for each type of message.
var snsSigned = map[string][]string{
	"Notification":             {"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"},
	"SubscriptionConfirmation": {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
	"UnsubscribeConfirmation":  {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
}

// prove implements [prover].
func (s sns) prove(ctx context.Context, r Request) ([]byte, error) {
	var body members
	if json.Unmarshal(r.Body, &body) != nil {
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
	certificate, err := s.certificate(ctx, body.text("SigningCertURL"), r)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, name := range names {
		if _, there := body[name]; there {
			text.WriteString(name + "\n" + body.text(name) + "\n")
		}
	}
	if !snsHolds(certificate, body.text("SignatureVersion"), []byte(text.String()), signature) {
		return nil, unproven(Signature, "the signature was made with another certificate or over other values")
	}
	return nil, nil
}

// snsHolds checks a signature. Version 1 uses SHA-1, and version 2 SHA-256.
func snsHolds(certificate *x509.Certificate, version string, text, signature []byte) bool {
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return false
	}
	switch version {
	case "1":
		sum := sha1.Sum(text) //nolint:gosec // see above
		return rsa.VerifyPKCS1v15(public, crypto.SHA1, sum[:], signature) == nil
	case "2":
		sum := sha256.Sum256(text)
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// certificate returns the certificate at a URL, which must be AWS' own.
func (s sns) certificate(ctx context.Context, from string, r Request) (*x509.Certificate, error) {
	at, err := url.Parse(from)
	if err != nil || at.Scheme != "https" || at.User != nil || !snsHost.MatchString(at.Host) || !strings.HasSuffix(at.Path, ".pem") || at.RawQuery != "" {
		return nil, unproven(Certificate, "the certificate is not on a host of SNS")
	}
	document, err := s.keys.document(ctx, at.String())
	if err != nil {
		return nil, &UnavailableError{"the certificate of SNS", err}
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, &UnavailableError{"the certificate of SNS", errors.New("not PEM")}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, &UnavailableError{"the certificate of SNS", err}
	}
	if r.Now.Before(certificate.NotBefore) || r.Now.After(certificate.NotAfter) {
		return nil, unproven(Certificate, "the certificate is not valid at the relay's time")
	}
	return certificate, nil
}
