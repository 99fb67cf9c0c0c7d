package handlers_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/programs"
	"callback-relay/senders"
)

// configured are the senders of the configuration file.
type configured map[string]*senders.Sender

func (c configured) Named(name string) (*senders.Sender, bool) {
	sender, found := c[name]
	return sender, found
}

func (c configured) Names() []string { return slices.Sorted(maps.Keys(c)) }

func (c configured) Missed(string) {}

// at sets the clock by which the age of signatures is judged.
func at(unix int64) func(*setup) {
	return func(s *setup) { s.service.Now = func() time.Time { return time.Unix(unix, 0) } }
}

// opensslHMAC signs as another program does.
func opensslHMAC(t *testing.T, secret, signed string) (hexadecimal string) {
	t.Helper()
	programs.Need(t, "openssl")
	cmd := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha256", "-hmac", secret)
	cmd.Stdin = strings.NewReader(signed)
	out, err := cmd.Output()
	must(t, err)
	_, hexadecimal, _ = strings.Cut(strings.TrimSpace(string(out)), "= ")
	return hexadecimal
}

const (
	paymentTime   = 1_700_000_000
	paymentSecret = "whsec_test_secret"
)

// paymentLink is a link for the events of one payment.
const paymentLink = `{"paid":{"type":"webhook","sender":{"preset":"stripe","secret":"` + paymentSecret + `"},"vars":{"payment":"pi_1"},"outcomes":[` +
	`{"when":"body.data.object.id != vars.payment","do":"ignore"},` +
	`{"when":"event.type == 'payment_intent.processing'","do":"heartbeat"},` +
	`{"when":"event.type == 'payment_intent.succeeded'","do":"succeed","output":{"id":"/data/object/id","amount":"/data/object/amount"}},` +
	`{"when":"event.type == 'payment_intent.payment_failed'","do":"fail","error":"Payment.Failed","cause":"/data/object/last_payment_error/message"}]}}`

// pay posts an event of a payment, signed as its sender signs it.
func (k task) pay(id, kind, payment string, attempt int) answer {
	k.n.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"type":"payment_intent.%s","attempt":%d,"data":{"object":{"id":%q,"amount":12345678901234567890123,`+
		`"last_payment_error":{"message":"The card was declined."}}}}`, id, kind, attempt, payment)
	signature := opensslHMAC(k.n.t, paymentSecret, fmt.Sprintf("%d.%s", paymentTime, body))
	return k.n.post(k.path("paid"), "application/json", body, "Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", paymentTime, signature))
}

// tells checks a status of the relay's own answer.
func (a answer) tells(status string, duplicate bool) {
	a.t.Helper()
	a.is(http.StatusOK)
	var got struct {
		Status    string
		Duplicate bool
	}
	a.decode(&got)
	if got.Status != status || got.Duplicate != duplicate {
		a.t.Errorf("told %s, duplicate %v; want %s, %v", got.Status, got.Duplicate, status, duplicate)
	}
}

// Rows 100, 101 and 102: of all events of a payment, the right one completes the task, once, with
// the output that was asked for.
func TestPaymentStream(t *testing.T) {
	n := start(t, at(paymentTime+300))
	k := n.register("links", paymentLink)
	k.pay("evt_1", "created", "pi_1", 1).tells("ignored", false)
	k.pay("evt_2", "processing", "pi_1", 1).tells("alive", false)
	k.pay("evt_2", "processing", "pi_1", 2).tells("alive", false)
	k.pay("evt_3", "succeeded", "pi_other", 1).tells("ignored", false)
	n.post(k.path("paid"), "application/json", `{"id":"evt_4","type":"payment_intent.succeeded"}`,
		"Stripe-Signature", fmt.Sprintf("t=%d,v1=%064d", paymentTime, 0)).isProblem(http.StatusUnauthorized, "unproven")
	if got := k.got(); len(got) != 0 {
		t.Fatalf("the task got %q before it was paid", got)
	}
	k.pay("evt_5", "succeeded", "pi_1", 1).tells("delivered", false)
	k.pay("evt_5", "succeeded", "pi_1", 2).tells("delivered", true)
	k.pay("evt_6", "succeeded", "pi_1", 1).tells("ignored", false)
	k.pay("evt_7", "payment_failed", "pi_1", 1).tells("ignored", false)
	k.pay("evt_8", "processing", "pi_1", 1).tells("ignored", false)
	k.gets(`{"id":"pi_1","amount":12345678901234567890123}`)
	if strings.Contains(n.log.String(), paymentSecret) {
		t.Error("the log has the sender's secret")
	}
	k.remembers("ignored  evt_1", "heartbeat  evt_2", "heartbeat  evt_2", "ignored  evt_3", "unproven signature ",
		"duplicate  evt_5", "conflict  evt_6", "conflict  evt_7", "ignored answered evt_8")
}

// What conflicts with the answer of a plain link is in the history, too.
func TestConflictIsRemembered(t *testing.T) {
	n := start(t)
	k := n.register()
	k.post("application/json", `{"n":1}`).tells("delivered", false)
	for range 2 {
		k.post("application/json", `{"n":2}`).isProblem(http.StatusConflict, "already-answered")
	}
	k.post("application/json", `{"n":1}`).tells("delivered", true)
	k.remembers("conflict  ")
}

// remembers checks the history: verdict, reason and event of each entry.
func (k task) remembers(want ...string) {
	k.n.t.Helper()
	var history api.History
	k.n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	var got []string
	for _, e := range history.Entries {
		got = append(got, e.Verdict+" "+e.Reason+" "+e.EventID)
		if e.Link == "" || e.Count < 1 || e.At.IsZero() || e.Bytes == 0 {
			k.n.t.Errorf("entry %+v", e)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		k.n.t.Errorf("history (-want +got):\n%s", diff)
	}
}

// Posts that are not proven take an entry for each reason, however many there are and in
// whatever order, so that whoever has the link cannot push out the rest. Only the last 50
// entries are kept.
func TestHistoryIsBounded(t *testing.T) {
	n := start(t, at(paymentTime))
	k := n.register("links", paymentLink)
	forged := func() {
		n.post(k.path("paid"), "application/json", "{}", "Stripe-Signature", fmt.Sprintf("t=%d,v1=%064d", paymentTime, 0)).is(http.StatusUnauthorized)
	}
	for range 30 {
		forged()
	}
	var history api.History
	k.n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	if len(history.Entries) != 1 || history.Entries[0].Count != 30 {
		t.Errorf("history %+v", history.Entries)
	}
	for range 30 {
		forged()
		n.post(k.path("paid"), "application/json", "{}").is(http.StatusUnauthorized)
	}
	k.n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	if got := history.Entries; len(got) != 2 || got[0].Count != 60 || got[1].Count != 30 {
		t.Errorf("history %+v", got)
	}
	for i := range 55 {
		k.pay(fmt.Sprintf("evt_%d", i), "created", "pi_1", 1).tells("ignored", false)
	}
	k.n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	// The ordinary ones give way first.
	if got := history.Entries; len(got) != 50 || got[0].Reason != "signature" || got[1].Reason != "missing" || got[2].EventID != "evt_7" || got[49].EventID != "evt_54" {
		t.Errorf("%d entries, from %+v", len(got), got[0])
	}
	forged() // what is counted up moves to the end
	k.n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	if got := history.Entries; len(got) != 50 || got[0].Reason != "missing" || got[49].Reason != "signature" || got[49].Count != 61 {
		t.Errorf("%d entries, to %+v", len(got), got[len(got)-1])
	}
}

// Row 101: the event that answered is a duplicate whatever its bytes are now, even if the outcomes
// could not judge them.
func TestDuplicateIsKnownBeforeItIsJudged(t *testing.T) {
	n := start(t, at(paymentTime+300))
	k := n.register("links", `{"paid":{"type":"webhook","sender":{"preset":"stripe","secret":"`+paymentSecret+`"},"response":{"text":"Thank you"},
		"outcomes":[{"when":"event.type == 'paid'","do":"succeed","output":"/data/amount"},{"when":"body.n + 1 > 0","do":"ignore"}]}}`)
	post := func(body string) answer {
		return n.post(k.path("paid"), "application/json", body,
			"Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", paymentTime, opensslHMAC(t, paymentSecret, fmt.Sprintf("%d.%s", paymentTime, body))))
	}
	post(`{"id":"evt_1","type":"paid","data":{"amount":1}}`).tells("delivered", false)
	for _, body := range []string{
		`{"id":"evt_1","type":"paid","data":{"amount":1},"attempt":2}`, `{"id":"evt_1","type":"paid"}`, `{"id":"evt_1","type":"open"}`, `{"id":"evt_1","n":"text"}`, `{"id":"evt_1"}`,
	} {
		got := post(body)
		got.tells("delivered", true)
		if !strings.Contains(string(got.body), "Thank you") {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	post(`{"id":"evt_2","type":"paid","data":{"amount":2}}`).tells("ignored", false)
	k.gets(`1`)
}

// What could not be judged is in the history and in the metrics, not only in the answer,
// which nobody may read.
func TestWhatIsUnavailableIsRemembered(t *testing.T) {
	main, err := senders.New(senders.Spec{Preset: "header-secret", Secrets: []string{"sixteen characters"}})
	if err != nil {
		t.Fatal(err)
	}
	named := configured{"main": main}
	n := start(t, func(s *setup) { s.service.Senders, s.service.MaxOutput, s.service.MaxBody = named, 500, 1000 })
	k := n.register("links", `{"default":{"type":"webhook","sender":"main","outcomes":[{"when":"body.n == 1","do":"succeed"}]}}`)
	n.post(k.path("default"), "application/json", `"`+strings.Repeat("x", 4000)+`"`).isProblem(http.StatusRequestEntityTooLarge, "too-large")
	delete(named, "main")
	n.post(k.path("default"), "application/json", `{"n":1}`, "X-Callback-Secret", "sixteen characters").isProblem(http.StatusServiceUnavailable, "unavailable")
	var history api.History
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID+"/history", "").decode(&history)
	var got []string
	for _, e := range history.Entries {
		got = append(got, e.Verdict+" "+e.Reason)
	}
	if diff := cmp.Diff([]string{"too-large ", "unavailable sender"}, got); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
}

// otherwise is for the events that the outcomes of the preset leave. It does not replace them.
func TestOtherwiseBesideAPreset(t *testing.T) {
	n := start(t)
	const secret = "a Connect HMAC key"
	for _, c := range []struct{ otherwise, event, want string }{
		{"ignore", "envelope-sent", api.StatusIgnored}, {"ignore", "envelope-completed", api.StatusDelivered},
		{"succeed", "envelope-sent", api.StatusDelivered}, {"succeed", "envelope-declined", api.StatusDelivered},
	} {
		k := n.register("links", `{"default":{"type":"webhook","sender":{"preset":"docusign","secret":"`+secret+`"},"otherwise":"`+c.otherwise+`"}}`)
		body := `{"event":"` + c.event + `"}`
		signature, err := hex.DecodeString(opensslHMAC(t, secret, body))
		must(t, err)
		n.post(k.path("default"), "application/json", body, "X-DocuSign-Signature-1", base64.StdEncoding.EncodeToString(signature)).tells(c.want, false)
		for _, effect := range n.aws.Effects() {
			if effect.TaskToken == k.taskToken && (effect.Error == "DocuSign.Declined") != (c.event == "envelope-declined") {
				t.Errorf("%s: the task got %q, error %q", c.event, effect.Output, effect.Error)
			}
		}
	}
}

// A sender of the configuration file whose preset changes to one that does not know which events
// are final must not complete tasks with any event.
func TestPresetBehindANameChanges(t *testing.T) {
	made := func(preset string) *senders.Sender {
		sender, err := senders.New(senders.Spec{Preset: preset, Secrets: []string{"a value of sixteen characters"}})
		if err != nil {
			t.Fatal(err)
		}
		return sender
	}
	named := configured{"main": made("header-secret")}
	n := start(t, func(s *setup) { s.service.Senders = named })
	k := n.register("links", `{"default":{"type":"webhook","sender":"main"}}`)
	named["main"] = made("gitlab")
	post := func() answer {
		return n.post(k.path("default"), "application/json", `{"status":"starting"}`, "X-Gitlab-Token", "a value of sixteen characters", "X-Callback-Secret", "a value of sixteen characters")
	}
	post().isProblem(http.StatusServiceUnavailable, "unavailable")
	named["main"] = made("header-secret")
	post().tells("delivered", false)
}

// A sender that a registration describes says itself where its events have their id.
func TestEventOfAnOwnProof(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"default":{"type":"webhook","sender":{"proof":{"algorithm":"shared-secret","header":"x-secret"},"secret":"sixteen characters",
		"event":{"id":"headers['x-event-id']","type":"body.kind"}},"outcomes":[{"when":"event.type == 'done'","do":"succeed"}]}}`)
	post := func(id, body string) answer {
		return n.post(k.path("default"), "application/json", body, "X-Secret", "sixteen characters", "X-Event-Id", id)
	}
	post("1", `{"kind":"begun"}`).tells("ignored", false)
	post("2", `{"kind":"done","attempt":1}`).tells("delivered", false)
	post("2", `{"kind":"done","attempt":2}`).tells("delivered", true)
	post("3", `{"kind":"done","attempt":1}`).tells("ignored", false)
}

// A failure is told by the sender's own words.
func TestFailedPayment(t *testing.T) {
	n := start(t, at(paymentTime))
	k := n.register("links", paymentLink)
	k.pay("evt_1", "payment_failed", "pi_1", 1).tells("delivered", false)
	for _, effect := range n.aws.Effects() {
		if effect.TaskToken == k.taskToken && (effect.Error != "Payment.Failed" || effect.Cause != "The card was declined.") {
			t.Errorf("the task failed with %q, %q", effect.Error, effect.Cause)
		}
	}
	if len(n.aws.Effects()) != 1 {
		t.Errorf("%d effects", len(n.aws.Effects()))
	}
}

// Rows 11 and 99: each way in which a proof can fail gets 401, and nothing is stored.
func TestUnprovenEvents(t *testing.T) {
	n := start(t, at(paymentTime+301))
	k := n.register("links", paymentLink)
	k.pay("evt_1", "succeeded", "pi_1", 1).isProblem(http.StatusUnauthorized, "stale-timestamp")
	for name, header := range map[string]string{
		"none": "", "no signature": "t=1700000301", "no timestamp": "v1=00", "not hexadecimal": "t=1700000301,v1=zz", "of nothing": "t=1700000301,v1=",
	} {
		got := n.post(k.path("paid"), "application/json", `{"type":"payment_intent.succeeded"}`, "Stripe-Signature", header)
		got.isProblem(http.StatusUnauthorized, "unproven")
		if got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	// Who is not proven learns nothing about the body either.
	for _, body := range []string{"{", "\xff", strings.Repeat(" ", 900_000) + "{}"} {
		n.post(k.path("paid"), "application/json", body, "Stripe-Signature", "t=1700000301,v1=00").isProblem(http.StatusUnauthorized, "unproven")
	}
	if got := k.got(); len(got) != 0 {
		t.Errorf("the task got %q", got)
	}
}

// The relay chooses the value that a sender with a shared value has to post, and stores it
// nowhere.
func TestChosenSecret(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"default":{"type":"webhook","sender":{"preset":"header-secret","header":"X-Job-Secret"}}}`)
	secret := k.Links["default"].Secret
	if len(secret) < 26 || !k.Links["default"].Guarded {
		t.Fatalf("secret %q, guarded %v", secret, k.Links["default"].Guarded)
	}
	var seen struct {
		Links map[string]struct{ Secret string }
	}
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").decode(&seen)
	if seen.Links["default"].Secret != "" {
		t.Error("whoever looks the callback up gets the secret")
	}
	for _, wrong := range []string{"", "x", secret[:len(secret)-1], secret + "a"} {
		n.post(k.path("default"), "application/json", `{"n":1}`, "X-Job-Secret", wrong).isProblem(http.StatusUnauthorized, "unproven")
	}
	if stored := n.redis.Dump(); strings.Contains(stored, secret) {
		t.Error("the secret is stored")
	}
	n.post(k.path("default"), "application/json", `{"n":1}`, "X-Job-Secret", secret).tells("delivered", false)
	k.gets(`{"n":1}`)
}

// A sender that has left the configuration is a fault that can heal: 503, and nothing is lost.
func TestSenderThatLeft(t *testing.T) {
	named := configured{}
	var err error
	named["partner"], err = senders.New(senders.Spec{Preset: "header-secret", Header: "X-Key", Secrets: []string{"a long enough secret"}})
	must(t, err)
	n := start(t, func(s *setup) { s.service.Senders = named })
	n.call(http.MethodPost, "/v1/callbacks", `{"taskToken":"t","links":{"default":{"type":"webhook","sender":"nobody"}}}`).
		isProblem(http.StatusBadRequest, "invalid-request")
	k := n.register("links", `{"default":{"type":"webhook","sender":"partner"}}`)
	partner := named["partner"]
	delete(named, "partner")
	post := func() answer {
		return n.post(k.path("default"), "application/json", `{"n":1}`, "X-Key", "a long enough secret")
	}
	if got := post(); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	} else {
		got.isProblem(http.StatusServiceUnavailable, "unavailable")
	}
	named["partner"] = partner
	post().tells("delivered", false)
}

// vector is a signed request of a sender, as its own library or documentation has it.
type vector struct {
	Sender, Secret, Method, Body, Source, URL string
	Headers                                   map[string]string
	At                                        int64
}

// Every published request is accepted over HTTP, and refused after one bit was changed.
func TestPublishedRequests(t *testing.T) {
	text, err := os.ReadFile("../senders/testdata/vectors.json")
	must(t, err)
	var vectors []vector
	must(t, json.Unmarshal(text, &vectors))
	for _, v := range vectors {
		t.Run(v.Sender, func(t *testing.T) {
			n := start(t, at(v.At))
			where := ""
			if v.URL != "" {
				where = `,"url":` + quoted(v.URL)
			}
			k := n.register("links", fmt.Sprintf(`{"default":{"type":"webhook","sender":{"preset":%q,"secret":%q%s},"otherwise":"succeed"}}`, v.Sender, v.Secret, where))
			var headers []string
			for name, value := range v.Headers {
				if name != "Content-Type" {
					headers = append(headers, name, value)
				}
			}
			changed := []byte(v.Body)
			changed[len(changed)/2] ^= 1
			n.post(k.path("default"), v.Headers["Content-Type"], string(changed), headers...).is(http.StatusUnauthorized)
			if got := k.got(); len(got) != 0 {
				t.Fatalf("the task got %.100q", got)
			}
			n.post(k.path("default"), v.Headers["Content-Type"], v.Body, headers...).is(http.StatusOK)
			if got := k.got(); len(got) != 1 {
				t.Errorf("the task got %.100q", got)
			}
		})
	}
}
