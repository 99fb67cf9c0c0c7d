package senders_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callback-relay/programs"
	"callback-relay/publickeys"
	"callback-relay/senders"
)

const (
	snsHost      = "sns.eu-west-1.amazonaws.com"
	snsCert      = "https://" + snsHost + "/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"
	snsTopic     = "arn:aws:sns:eu-west-1:123456789012:orders"
	snsSubscribe = "https://" + snsHost + "/?Action=ConfirmSubscription&TopicArn=" + snsTopic + "&Token=2336412f"
)

// snsKey signs as SNS does, with a certificate that openssl makes.
type snsKey struct {
	t                 *testing.T
	file, certificate string
	now               time.Time // an hour after it was made, whatever a test does with the clock
}

func newSNSKey(t *testing.T) snsKey {
	t.Helper()
	file, _ := opensslKey(t, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
	out := filepath.Join(t.TempDir(), "cert.pem")
	openssl(t, "", "req", "-new", "-x509", "-key", file, "-subj", "/CN=sns.amazonaws.com", "-days", "30", "-out", out)
	return snsKey{t, file, string(openssl(t, "", "x509", "-in", out)), time.Now().Add(time.Hour).Truncate(time.Millisecond)}
}

// at is a time near that of the posts, as SNS writes it.
func (k snsKey) at(off time.Duration) string {
	return k.now.Add(off).UTC().Format("2006-01-02T15:04:05.000Z")
}

// snsMessage is a message of SNS.
type snsMessage struct {
	key    snsKey
	fields map[string]any
}

// notification is a signed notification.
func (k snsKey) notification() snsMessage {
	return snsMessage{key: k, fields: map[string]any{
		"Type": "Notification", "MessageId": "22b80b92", "TopicArn": snsTopic, "Subject": "My first message",
		"Message": "{\"status\":\"done\"}\nand a line", "Timestamp": k.at(0), "SignatureVersion": "2", "SigningCertURL": snsCert,
		"UnsubscribeURL": "https://" + snsHost + "/?Action=Unsubscribe",
	}}.signed()
}

// confirmation is a signed confirmation of a subscription, or of its end.
func (k snsKey) confirmation(kind string) snsMessage {
	return snsMessage{key: k, fields: map[string]any{
		"Type": kind, "MessageId": "165545c9", "Token": "2336412f", "TopicArn": snsTopic, "Message": "You have chosen to subscribe.",
		"SubscribeURL": snsSubscribe, "Timestamp": k.at(0), "SignatureVersion": "2", "SigningCertURL": snsCert,
	}}.signed()
}

// with returns the message with another value, or without it for nil. The signature stays.
func (m snsMessage) with(name string, value any) snsMessage {
	m.fields = maps.Clone(m.fields)
	if m.fields[name] = value; value == nil {
		delete(m.fields, name)
	}
	return m
}

// signed returns the message with a signature of its values, as the documentation of SNS
// describes it.
func (m snsMessage) signed() snsMessage {
	m.key.t.Helper()
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if m.fields["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text strings.Builder
	for _, name := range names {
		if value, is := m.fields[name].(string); is {
			text.WriteString(name + "\n" + value + "\n")
		}
	}
	hash := "-sha256"
	if m.fields["SignatureVersion"] == "1" {
		hash = "-sha1"
	}
	return m.with("Signature", base64.StdEncoding.EncodeToString(openssl(m.key.t, text.String(), "dgst", hash, "-sign", m.key.file)))
}

// request is the message as it is posted.
func (m snsMessage) request() senders.Request {
	body, err := json.Marshal(m.fields)
	must(m.key.t, err)
	header := http.Header{"Content-Type": {"text/plain; charset=UTF-8"}, "X-Amz-Sns-Message-Type": {m.fields["Type"].(string)}}
	return senders.Request{Method: http.MethodPost, Header: header, Body: body, Now: m.key.now}
}

func snsSender(t *testing.T, w *web) *senders.Sender {
	t.Helper()
	sender, err := senders.New(senders.Spec{Preset: "sns", Account: snsTopic}, senders.WithKeys(publickeys.New(w)))
	must(t, err)
	return sender
}

// Row 99: messages of one topic of SNS are proven by a certificate of AWS' own hosts. Every
// other is refused, and nothing is fetched from a stranger.
func TestSNS(t *testing.T) {
	programs.Need(t, "openssl")
	key, stranger := newSNSKey(t), newSNSKey(t)
	good := key.notification()
	at := func(url string) snsMessage { return good.with("SigningCertURL", url).signed() }
	for name, c := range map[string]struct {
		message snsMessage
		want    senders.Reason
	}{
		"version 2":               {good, ""},
		"version 1":               {good.with("SignatureVersion", "1").signed(), ""},
		"without a subject":       {good.with("Subject", nil).signed(), ""},
		"version 3":               {good.with("SignatureVersion", "3").signed(), senders.Version},
		"no version":              {good.with("SignatureVersion", nil).signed(), senders.Version},
		"another version":         {good.with("SignatureVersion", "1"), senders.Signature},
		"another message":         {good.with("Message", "{}"), senders.Signature},
		"another id":              {good.with("MessageId", "22b80b93"), senders.Signature},
		"another subject":         {good.with("Subject", "x"), senders.Signature},
		"the subject removed":     {good.with("Subject", nil), senders.Signature},
		"another time":            {good.with("Timestamp", key.at(time.Millisecond)), senders.Signature},
		"an hour's retries":       {good.with("Timestamp", key.at(-65*time.Minute)).signed(), ""},
		"older":                   {good.with("Timestamp", key.at(-65*time.Minute-time.Millisecond)).signed(), senders.Stale},
		"in five minutes":         {good.with("Timestamp", key.at(5*time.Minute)).signed(), ""},
		"later":                   {good.with("Timestamp", key.at(5*time.Minute+time.Millisecond)).signed(), senders.Stale},
		"old, and not signed":     {good.with("Timestamp", key.at(-2*time.Hour)), senders.Signature},
		"an old confirmation":     {key.confirmation("SubscriptionConfirmation").with("Timestamp", key.at(-2*time.Hour)).signed(), senders.Stale},
		"no time":                 {good.with("Timestamp", "yesterday").signed(), senders.Malformed},
		"without its time":        {good.with("Timestamp", "").signed(), senders.Malformed},
		"another type":            {good.with("Type", "SubscriptionConfirmation"), senders.Signature},
		"an unknown type":         {good.with("Type", "Other").signed(), senders.Missing},
		"another topic":           {good.with("TopicArn", snsTopic+"2").signed(), senders.Account},
		"a topic of another":      {good.with("TopicArn", "arn:aws:sns:eu-west-1:210987654321:orders").signed(), senders.Account},
		"no signature":            {good.with("Signature", nil), senders.Missing},
		"no base64":               {good.with("Signature", "EXAMPLE!"), senders.Missing},
		"another key":             {snsMessage{key: stranger, fields: good.fields}.signed(), senders.Signature},
		"a stranger's host":       {at("https://stranger.example/a.pem"), senders.Certificate},
		"the name within another": {at("https://sns.eu-west-1.amazonaws.com.stranger.example/a.pem"), senders.Certificate},
		"a bucket of S3":          {at("https://sns.s3.amazonaws.com/a.pem"), senders.Certificate},
		"a bucket in a region":    {at("https://sns.s3-us-west-2.amazonaws.com/a.pem"), senders.Certificate},
		"without TLS":             {at("http://" + snsHost + "/a.pem"), senders.Certificate},
		"another port":            {at("https://" + snsHost + ":8443/a.pem"), senders.Certificate},
		"a user name":             {at("https://" + snsHost + "@stranger.example/a.pem"), senders.Certificate},
		"a user name before":      {at("https://a:b@" + snsHost + "/a.pem"), senders.Certificate},
		"another path":            {at("https://" + snsHost + "/a.html"), senders.Certificate},
		"a query":                 {at("https://" + snsHost + "/?a=.pem"), senders.Certificate},
		"an escaped path":         {at("https://" + snsHost + "/%53impleNotificationService-1.pem"), senders.Certificate},
		"a path of two steps":     {at("https://" + snsHost + "/a/b.pem"), senders.Certificate},
		"a fragment":              {at(snsCert + "#a"), senders.Certificate},
		"no URL":                  {at("::"), senders.Certificate},
		"a subject of two lines":  {good.with("Subject", "a\nTimestamp\nb").signed(), senders.Malformed},
		"a part of the message":   {good.with("Message", `{"status":"done"}`).with("MessageId", "x\nMessageId\n22b80b92"), senders.Malformed},
	} {
		w := newWeb()
		w.put(snsCert, key.certificate)
		if got := reasonOf(t, snsSender(t, w).Check(t.Context(), c.message.request())); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if all := w.strangers(snsHost); len(all) > 0 {
			t.Errorf("%s: asked for %v", name, all)
		}
	}
	// A value that rules would see before the signed one, or in another charset.
	for name, change := range map[string]func(*senders.Request){
		"a member given twice":  func(r *senders.Request) { r.Body = append([]byte(`{"Message":"forged",`), r.Body[1:]...) },
		"as a form":             func(r *senders.Request) { r.Header.Set("Content-Type", formType); r.Body = append(r.Body, '=') },
		"compressed":            func(r *senders.Request) { r.Header.Set("Content-Encoding", "gzip") },
		"raw delivery":          func(r *senders.Request) { r.Body = []byte(`{"status":"done"}`) },
		"raw delivery, no JSON": func(r *senders.Request) { r.Body = []byte("done") },
	} {
		w := newWeb()
		w.put(snsCert, key.certificate)
		r := good.request()
		change(&r)
		if got := reasonOf(t, snsSender(t, w).Check(t.Context(), r)); got != senders.Malformed && got != senders.Missing {
			t.Errorf("%s: %q", name, got)
		}
	}
	// JSON null is no subject.
	w := newWeb()
	w.put(snsCert, key.certificate)
	r := good.with("Subject", nil).signed().request()
	r.Body = append([]byte(`{"Subject":null,`), r.Body[1:]...)
	if err := snsSender(t, w).Check(t.Context(), r); err != nil {
		t.Errorf("with a subject of null: %v", err)
	}
}

// Row 99: only a valid certificate of an RSA key counts.
func TestSNSCertificates(t *testing.T) {
	programs.Need(t, "openssl")
	key := newSNSKey(t)
	good := key.notification().request()
	ec, _ := opensslKey(t, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
	ofEC := string(openssl(t, "", "req", "-new", "-x509", "-key", ec, "-subj", "/CN=sns.amazonaws.com", "-days", "30"))
	for name, c := range map[string]struct {
		page string
		now  time.Time
		want senders.Reason
	}{
		"valid":            {key.certificate, good.Now, ""},
		"expired":          {key.certificate, good.Now.AddDate(0, 0, 31), senders.Certificate},
		"not yet valid":    {key.certificate, good.Now.AddDate(0, 0, -1), senders.Certificate},
		"of an ECDSA key":  {ofEC, good.Now, senders.Certificate},
		"no certificate":   {"<html>", good.Now, senders.Certificate},
		"a broken one":     {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good.Now, senders.Certificate},
		"of another key":   {newSNSKey(t).certificate, good.Now, senders.Signature},
		"a second one too": {key.certificate + ofEC, good.Now, ""},
	} {
		w := newWeb()
		w.put(snsCert, c.page)
		r := good
		r.Now = c.now
		if got := reasonOf(t, snsSender(t, w).Check(t.Context(), r)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for name, change := range map[string]func(*web){
		"missing":    func(*web) {},
		"redirected": func(w *web) { w.put(snsCert, key.certificate); w.moved = "https://stranger.example/" },
		"too long":   func(w *web) { w.put(snsCert, key.certificate+strings.Repeat("\n", 70_000)) },
	} {
		w := newWeb()
		change(w)
		err := snsSender(t, w).Check(t.Context(), good)
		if _, is := errors.AsType[*senders.UnavailableError](err); !is || len(w.strangers(snsHost)) > 0 {
			t.Errorf("%s: %v, asked for %v", name, err, w.strangers(snsHost))
		}
	}
}

// Row 98: a subscription is confirmed by calling its URL, once, if it is one of SNS.
func TestSNSConfirmation(t *testing.T) {
	programs.Need(t, "openssl")
	key := newSNSKey(t)
	for name, c := range map[string]struct {
		message snsMessage
		confirm bool // or: no error
		fails   bool
	}{
		"a subscription":    {key.confirmation("SubscriptionConfirmation"), true, false},
		"its end":           {key.confirmation("UnsubscribeConfirmation"), false, false},
		"a notification":    {key.notification(), false, false},
		"a stranger's host": {key.confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://stranger.example/").signed(), false, true},
		"without TLS":       {key.confirmation("SubscriptionConfirmation").with("SubscribeURL", "http://"+snsHost+"/").signed(), false, true},
		"a bucket":          {key.confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://sns.s3-us-west-2.amazonaws.com/").signed(), false, true},
	} {
		w := newWeb()
		w.put(snsCert, key.certificate)
		w.put(snsSubscribe, "<ConfirmSubscriptionResponse/>")
		sender, r := snsSender(t, w), c.message.request()
		must(t, sender.Check(t.Context(), r))
		err := sender.Confirm(t.Context(), r)
		if _, is := errors.AsType[*senders.UnavailableError](err); is != c.fails || err != nil && !is {
			t.Errorf("%s: %v", name, err)
		}
		if asked := w.times(snsSubscribe); asked != map[bool]int{true: 1}[c.confirm] || len(w.strangers(snsHost)) > 0 {
			t.Errorf("%s: confirmed %d times, asked for %v", name, asked, w.strangers(snsHost))
		}
	}
	for name, change := range map[string]func(*web){
		"refused by SNS": func(*web) {},
		"redirected":     func(w *web) { w.put(snsSubscribe, ""); w.moved = "https://stranger.example/" },
	} {
		w := newWeb()
		change(w)
		err := snsSender(t, w).Confirm(t.Context(), key.confirmation("SubscriptionConfirmation").request())
		if _, is := errors.AsType[*senders.UnavailableError](err); !is || len(w.strangers(snsHost)) > 0 {
			t.Errorf("%s: %v, asked for %v", name, err, w.strangers(snsHost))
		}
	}
}
