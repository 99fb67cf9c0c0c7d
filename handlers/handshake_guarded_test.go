package handlers_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callback-relay/programs"
	"callback-relay/publickeys"
	"callback-relay/senders"
)

const (
	guardSecret = "a secret of at least 16 characters"
	guardTime   = "2023-11-14T22:13:20Z" // paymentTime
)

// guardedHandshake is a handshake of a preset, and then the event that completes the task.
type guardedHandshake struct {
	name, preset string
	query        string // of the handshake
	contentType  string // "" for JSON
	body, event  string
	headers      []string // of the handshake alone
	status       int      // 0 for 200
	wantType     string   // "" for the relay's own reply, "-" for an empty one
	want         string
	unsigned     bool // its sender does not sign it
	sign         func(t *testing.T, body string) []string
}

// hmacHeaders signs as another program does, in headers.
func hmacHeaders(signed string, headers ...string) func(*testing.T, string) []string {
	return func(t *testing.T, body string) []string {
		t.Helper()
		fill := strings.NewReplacer("{body}", body, "{ts}", fmt.Sprint(paymentTime))
		text := opensslHMAC(t, guardSecret, fill.Replace(signed))
		raw, err := hex.DecodeString(text)
		must(t, err)
		values := strings.NewReplacer("{hex}", text, "{base64}", base64.StdEncoding.EncodeToString(raw), "{ts}", fmt.Sprint(paymentTime))
		all := make([]string, len(headers))
		for i := range headers {
			all[i] = values.Replace(headers[i])
		}
		return all
	}
}

// inBody is for senders that sign inside of the body.
func inBody(*testing.T, string) []string { return nil }

var (
	githubSigned = hmacHeaders("{body}", "X-Hub-Signature-256", "sha256={hex}")
	slackSigned  = hmacHeaders("v0:{ts}:{body}", "X-Slack-Request-Timestamp", "{ts}", "X-Slack-Signature", "v0={hex}")
	zoomSigned   = hmacHeaders("v0:{ts}:{body}", "X-Zm-Request-Timestamp", "{ts}", "X-Zm-Signature", "v0={hex}")
	twitchSigned = hmacHeaders("m1"+guardTime+"{body}", "Twitch-Eventsub-Message-Id", "m1",
		"Twitch-Eventsub-Message-Timestamp", guardTime, "Twitch-Eventsub-Message-Signature", "sha256={hex}")
	xeroSigned      = hmacHeaders("{body}", "X-Xero-Signature", "{base64}")
	pagerdutySigned = hmacHeaders("{body}", "X-PagerDuty-Signature", "v1={hex}")
	notionSigned    = hmacHeaders("{body}", "X-Notion-Signature", "sha256={hex}")
)

// dropboxSign is an event of Dropbox Sign, signed in its body.
func dropboxSign(t *testing.T, kind string) string {
	t.Helper()
	hash := opensslHMAC(t, guardSecret, fmt.Sprintf("%d%s", paymentTime, kind))
	return part(`name="json"`, fmt.Sprintf(`{"event":{"event_type":%q,"event_time":"%d","event_hash":%q}}`, kind, paymentTime, hash)) + "--XX--"
}

func guardedHandshakes(t *testing.T) []guardedHandshake {
	header := func(name string) func(*testing.T, string) []string {
		return func(*testing.T, string) []string { return []string{name, guardSecret} }
	}
	return []guardedHandshake{
		{
			name: "GitHub ping", preset: "github", body: `{"zen":"x","hook_id":1}`, headers: []string{"X-GitHub-Event", "ping"}, event: `{"final":true}`,
			sign: githubSigned,
		},
		{
			name: "GitHub ping as a form", preset: "github", contentType: formContent, body: "payload=%7B%22zen%22%3A%22x%22%7D",
			headers: []string{"X-GitHub-Event", "ping"}, event: "payload=%7B%22final%22%3Atrue%7D", sign: githubSigned,
		},
		{
			name: "Slack", preset: "slack", body: `{"token":"Jhj5","challenge":"3eZbrw1a","type":"url_verification"}`, event: `{"final":true}`,
			wantType: "text/plain; charset=utf-8", want: "3eZbrw1a", sign: slackSigned,
		},
		{
			name: "Zoom", preset: "zoom", body: `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`,
			wantType: "application/json", event: `{"final":true}`, sign: zoomSigned,
			want: `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"` + opensslHMAC(t, guardSecret, "qgg8vlvZRS6UYooatFL8Aw") + `"}`,
		},
		{
			name: "Twitch", preset: "twitch", body: `{"challenge":"pogchamp","subscription":{}}`, headers: []string{"Twitch-Eventsub-Message-Type", "webhook_callback_verification"},
			wantType: "text/plain; charset=utf-8", want: "pogchamp", event: `{"final":true}`, sign: twitchSigned,
		},
		{
			name: "Twitch revocation", preset: "twitch", body: `{"subscription":{"status":"authorization_revoked"}}`, headers: []string{"Twitch-Eventsub-Message-Type", "revocation"},
			event: `{"final":true}`, sign: twitchSigned,
		},
		{
			name: "Xero", preset: "xero", body: `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3"}`, wantType: "-",
			event: `{"events":[{}],"final":true}`, sign: xeroSigned,
		},
		{
			name: "PagerDuty", preset: "pagerduty", body: `{"event":{"id":"01","event_type":"pagey.ping"}}`, event: `{"event":{"id":"02"},"final":true}`,
			sign: pagerdutySigned,
		},
		{
			name: "Dropbox Sign", preset: "dropbox-sign", contentType: multipartType, body: dropboxSign(t, "callback_test"),
			wantType: "text/plain; charset=utf-8", want: "Hello API Event Received", event: dropboxSign(t, "final"), sign: inBody,
		},
		{
			name: "Event Grid", preset: "event-grid", headers: []string{"Aeg-Event-Type", "SubscriptionValidation"},
			body:     `[{"id":"2d17","data":{"validationCode":"512d38b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]`,
			wantType: "application/json", want: `{"validationResponse":"512d38b6"}`, event: `{"final":true}`, unsigned: true, sign: header("X-Event-Grid-Secret"),
		},
		{
			name: "Microsoft Graph", preset: "microsoft-graph", query: "?validationToken=Validation%3a+Testing+%3cb%3e", contentType: "text/plain",
			wantType: "text/plain; charset=utf-8", want: "Validation: Testing <b>", unsigned: true, sign: inBody,
			event: `{"value":[{"clientState":"` + guardSecret + `"}],"final":true}`,
		},
		{
			name: "Notion", preset: "notion", body: `{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`, unsigned: true,
			event: `{"final":true}`, sign: notionSigned,
		},
	}
}

// final is what the link of a guarded handshake waits for.
const final = `"outcomes":[{"when":"body.final == true || body.event.event_type == 'final'","do":"succeed"}]`

// Row 98: on a link with a sender, a handshake that the sender signs is answered only if it
// is proven, and any is answered exactly as its sender expects. The task waits for the
// event that counts.
func TestGuardedHandshakes(t *testing.T) {
	programs.Need(t, "openssl")
	n := start(t, at(paymentTime))
	for _, c := range guardedHandshakes(t) {
		t.Run(c.name, func(t *testing.T) {
			n := n.on(t)
			k := n.register("links", fmt.Sprintf(`{"default":{"type":"webhook","sender":{"preset":%q,"secret":%q},%s}}`, c.preset, guardSecret, final))
			if c.contentType == "" {
				c.contentType = "application/json"
			}
			path := k.path("default") + c.query
			if !c.unsigned {
				got := n.post(path, c.contentType, strings.Replace(c.body, "event_hash\":\"", "event_hash\":\"0", 1), c.headers...)
				got.is(http.StatusUnauthorized)
				if c.preset == "xero" && len(got.body) > 0 {
					t.Errorf("the 401 has the body %q", got.body)
				}
			}
			signature := c.sign(t, c.body)
			if c.unsigned {
				signature = nil
			}
			k.expects(c, n.post(path, c.contentType, c.body, append(signature, c.headers...)...))
			k.expects(c, n.chunked(path, c.contentType, c.body, append(signature, c.headers...)...))
			if got := k.got(); len(got) != 0 || k.state() != "pending" {
				t.Fatalf("the task got %q, and the callback is %s", got, k.state())
			}
			if c.preset == "microsoft-graph" {
				c.contentType = "application/json"
			}
			n.post(k.path("default"), c.contentType, c.event, c.sign(t, c.event)...).is(http.StatusOK)
			if got := k.got(); len(got) != 1 || k.state() != "delivered" {
				t.Errorf("the task got %q, and the callback is %s", got, k.state())
			}
		})
	}
}

// expects checks the reply to a handshake.
func (k task) expects(c guardedHandshake, got answer) {
	k.n.t.Helper()
	if c.status == 0 {
		c.status = http.StatusOK
	}
	got.is(c.status)
	want, wantType := c.want, c.wantType
	switch wantType {
	case "":
		want, wantType = `{"id":"`+k.ID+`","status":"ignored"}`+"\n", "application/json"
	case "-":
		wantType = ""
	}
	if string(got.body) != want || got.header.Get("Content-Type") != wantType {
		k.n.t.Errorf("%q of type %q, want %q of type %q", got.body, got.header.Get("Content-Type"), want, wantType)
	}
}

// state is the state of the callback.
func (k task) state() string {
	k.n.t.Helper()
	var seen struct{ State string }
	k.n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").decode(&seen)
	return seen.State
}

// Row 98: Discord tests that a wrong signature gets 401, and a right one a reply of its kind.
func TestGuardedDiscord(t *testing.T) {
	programs.Need(t, "openssl")
	n := start(t, at(paymentTime))
	dir := t.TempDir()
	run := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		out, err := cmd.Output()
		must(t, err)
		return out
	}
	keyFile, message := filepath.Join(dir, "key.pem"), filepath.Join(dir, "message")
	run("genpkey", "-algorithm", "ed25519", "-out", keyFile)
	public := run("pkey", "-in", keyFile, "-pubout", "-outform", "DER")
	sign := func(_ *testing.T, body string) []string {
		must(t, os.WriteFile(message, fmt.Appendf(nil, "%d%s", paymentTime, body), 0o600))
		signature := run("pkeyutl", "-sign", "-inkey", keyFile, "-rawin", "-in", message)
		return []string{"X-Signature-Timestamp", fmt.Sprint(paymentTime), "X-Signature-Ed25519", hex.EncodeToString(signature)}
	}
	for name, c := range map[string]guardedHandshake{
		"interactions": {body: `{"id":"1","application_id":"2","type":1,"version":1}`, wantType: "application/json", want: `{"type":1}`},
		"events":       {body: `{"version":1,"application_id":"2","type":0}`, status: http.StatusNoContent, wantType: "-"},
	} {
		t.Run(name, func(t *testing.T) {
			n := n.on(t)
			k := n.register("links", fmt.Sprintf(`{"default":{"type":"webhook","sender":{"preset":"discord","secret":"%x"},%s}}`, public[len(public)-32:], final))
			headers := sign(t, c.body)
			wrong := append([]string{}, headers...)
			wrong[3] = strings.Repeat("0", 128)
			n.post(k.path("default"), "application/json", c.body, wrong...).is(http.StatusUnauthorized)
			n.post(k.path("default"), "application/json", c.body).is(http.StatusUnauthorized)
			k.expects(c, n.post(k.path("default"), "application/json", c.body, headers...))
			if k.state() != "pending" {
				t.Fatalf("the callback is %s", k.state())
			}
			event := `{"version":1,"type":1,"event":{"type":"X"},"final":true}`
			n.post(k.path("default"), "application/json", event, sign(t, event)...).tells("delivered", false)
		})
	}
}

// subscribing is AWS, as far as SNS needs it.
type subscribing struct {
	certificate string
	broken      bool // the confirmation
	asked       []string
}

// RoundTrip implements [http.RoundTripper].
func (s *subscribing) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.certificate)), Request: r}
	if !strings.HasSuffix(r.URL.Path, ".pem") {
		s.asked = append(s.asked, r.URL.String())
		if s.broken {
			resp.StatusCode = http.StatusInternalServerError
		}
	}
	return resp, nil
}

// Row 98: a subscription of SNS is confirmed once its message is proven, and the task waits
// for the notification. If SNS cannot be reached, it has to ask again.
func TestGuardedSNS(t *testing.T) {
	programs.Need(t, "openssl")
	const topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	dir := t.TempDir()
	keyFile, certFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	openssl := func(input string, args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), "openssl", args...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.Output()
		must(t, err)
		return out
	}
	openssl("", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", keyFile, "-subj", "/CN=sns.amazonaws.com", "-days", "2", "-out", certFile)
	certificate, err := os.ReadFile(certFile)
	must(t, err)
	aws := &subscribing{certificate: string(bytes.TrimSpace(certificate))}
	sender, err := senders.New(senders.Spec{Preset: "sns", Account: topic}, senders.WithKeys(publickeys.New(aws)))
	must(t, err)
	n := start(t, func(s *setup) { s.service.Senders, s.service.Now = configured{"topic": sender}, time.Now })
	k := n.register("links", `{"default":{"type":"webhook","sender":"topic","outcomes":[{"when":"event.type == 'Notification'","do":"succeed","output":"/Message"}]}}`)
	message := func(kind string, fields ...string) string {
		text, body := "", `{"Type":`+quoted(kind)+`,"SignatureVersion":"2","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"`
		for i := 0; i < len(fields); i += 2 {
			text += fields[i] + "\n" + fields[i+1] + "\n"
			body += "," + quoted(fields[i]) + ":" + quoted(fields[i+1])
		}
		signature := openssl(text+"Type\n"+kind+"\n", "dgst", "-sha256", "-sign", keyFile)
		return body + `,"Signature":"` + base64.StdEncoding.EncodeToString(signature) + `"}`
	}
	published := time.Now().UTC().Format(time.RFC3339)
	const subscribe = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"
	confirmation := message("SubscriptionConfirmation", "Message", "m", "MessageId", "1", "SubscribeURL", subscribe, "Timestamp", published, "Token", "2336", "TopicArn", topic)
	post := func(body string) answer {
		return n.post(k.path("default"), "text/plain; charset=UTF-8", body, "X-Amz-Sns-Message-Type", "SubscriptionConfirmation")
	}
	post(strings.Replace(confirmation, "Token=2336", "Token=2337", 1)).isProblem(http.StatusUnauthorized, "unproven")
	post(`{"Type":"SubscriptionConfirmation","TopicArn":"`+topic+`","SubscribeURL":"`+subscribe+`"}`).isProblem(http.StatusUnauthorized, "unproven")
	if len(aws.asked) > 0 {
		t.Fatalf("asked for %v", aws.asked)
	}
	aws.broken = true
	if got := post(confirmation); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	} else {
		got.isProblem(http.StatusServiceUnavailable, "unavailable")
	}
	aws.broken = false
	post(confirmation).tells("ignored", false)
	if len(aws.asked) != 2 || aws.asked[1] != subscribe || k.state() != "pending" {
		t.Fatalf("asked for %v, and the callback is %s", aws.asked, k.state())
	}
	post(message("UnsubscribeConfirmation", "Message", "m", "MessageId", "1", "SubscribeURL", subscribe, "Timestamp", published, "Token", "2336", "TopicArn", topic)).tells("ignored", false)
	n.post(k.path("default"), "text/plain; charset=UTF-8", message("Notification", "Message", "done", "MessageId", "2", "Timestamp", published, "TopicArn", topic)).tells("delivered", false)
	k.gets(`"done"`)
	if len(aws.asked) != 2 {
		t.Errorf("asked for %v", aws.asked)
	}
}

// Row 98: a link that has outcomes or an envelope, and takes posts of everybody, answers
// handshakes like a plain one. So does one whose sender is not known, once it is proven.
func TestHandshakesWithoutPreset(t *testing.T) {
	n := start(t)
	proof := `"sender":{"proof":{"algorithm":"shared-secret","header":"x-key"},"secret":` + quoted(guardSecret) + `}`
	for name, guard := range map[string]string{
		"outcomes": `"outcomes":[{"do":"succeed"}]`, "envelope": `"envelope":{}`,
		"own proof":     proof + `,"otherwise":"succeed"`,
		"header secret": `"sender":{"preset":"header-secret","header":"X-Key","secret":` + quoted(guardSecret) + `}`,
	} {
		for _, c := range handshakes {
			t.Run(name+", "+c.name, func(t *testing.T) {
				n := n.on(t)
				k := n.register("links", `{"default":{"type":"webhook",`+guard+`}}`)
				got := n.post(k.path("default")+c.query, c.contentType, c.body, append([]string{"X-Key", guardSecret}, c.headers...)...)
				expected := guardedHandshake{status: c.status, wantType: c.wantType, want: c.want}
				if c.status == http.StatusNoContent {
					expected.wantType = "-"
				}
				if c.wantType == "text/plain" {
					expected.wantType = "text/plain; charset=utf-8"
				}
				k.expects(expected, got)
				if name := c.wantHeader[0]; name != "" && got.header.Get(name) != c.wantHeader[1] {
					t.Errorf("%s: %q", name, got.header.Get(name))
				}
				if got := k.got(); len(got) != 0 || k.state() != "pending" {
					t.Fatalf("the task got %q, and the callback is %s", got, k.state())
				}
				n.post(k.path("default"), "application/json", `{"final":true}`, "X-Key", guardSecret).tells("delivered", false)
			})
		}
	}
}
