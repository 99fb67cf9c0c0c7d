package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"callback-relay/api"
	"callback-relay/programs"
)

const paymentSecret = "whsec_test_secret"

// payments registers a link for the events of one payment.
func payments(r *api.CreateRequest) {
	r.Links["paid"] = api.LinkRequest{
		Type: api.LinkWebhook, Sender: json.RawMessage(`{"preset":"stripe","secret":"` + paymentSecret + `"}`),
		Vars: map[string]json.RawMessage{"payment": json.RawMessage(`"pi_1"`)},
		Outcomes: []api.EventOutcome{
			{When: "body.data.object.id != vars.payment", Do: api.DoIgnore},
			{When: "event.type == 'payment_intent.processing'", Do: api.DoHeartbeat},
			{When: "event.type == 'payment_intent.succeeded'", Do: api.DoSucceed, Output: json.RawMessage(`"/data/object"`)},
		},
	}
}

// payment is an event as its sender posts it.
type payment struct {
	id, kind, about string
	attempt         int
	status          string // that the sender is told
	duplicate       bool
}

// paymentStream is what a sender posts about a payment, and about another one.
var paymentStream = []payment{
	{"evt_1", "created", "pi_1", 1, api.StatusIgnored, false},
	{"evt_2", "processing", "pi_1", 1, api.StatusAlive, false},
	{"evt_3", "processing", "pi_1", 1, api.StatusAlive, false},
	{"evt_3", "processing", "pi_1", 2, api.StatusAlive, false},
	{"evt_4", "succeeded", "pi_2", 1, api.StatusIgnored, false},
	{"evt_5", "succeeded", "pi_1", 1, api.StatusDelivered, false},
	{"evt_5", "succeeded", "pi_1", 2, api.StatusDelivered, true},
	{"evt_6", "succeeded", "pi_1", 1, api.StatusIgnored, false},
}

// call signs an event with another program, as its sender would.
func (p payment) call(t *testing.T, link string) call {
	t.Helper()
	return p.signed(t, link, paymentSecret)
}

// signed is call with another secret.
func (p payment) signed(t *testing.T, link, secret string) call {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"type":"payment_intent.%s","attempt":%d,"data":{"object":{"id":%q,"amount":12345678901234567890123}}}`,
		p.id, p.kind, p.attempt, p.about)
	now := time.Now().Unix()
	sign := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha256", "-hmac", secret)
	sign.Stdin = strings.NewReader(fmt.Sprintf("%d.%s", now, body))
	out, err := sign.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(strings.TrimSpace(string(out)), "= ")
	return call{link: link, body: strings.NewReader(body), header: http.Header{
		"Stripe-Signature": {fmt.Sprintf("t=%d,v1=%s", now, signature)},
	}}
}

// Rows 100, 101 and 102: a stream of events completes the task once, with the output that was
// asked for, although the relay is killed after each of them.
func TestPaymentStreamWithKills(t *testing.T) {
	t.Parallel()
	programs.Need(t, "openssl")
	w := newWorld(t, startStandalone(t), 1)
	task := w.register(payments)
	w.must(w.replicas[0].stop())
	for _, event := range paymentStream {
		relay := w.launch()
		got, err := w.trySend(relay.address, event.call(t, task.Links["paid"].URL))
		w.must(err)
		w.wantTaken(got, task, event.status, event.duplicate)
		relay.kill()
	}
	w.wantOutput(task, `{"id":"pi_1","amount":12345678901234567890123}`)
	if calls := w.steps.Calls().Of("SendTaskHeartbeat"); calls != 3 {
		t.Errorf("%d heartbeats, want 3", calls)
	}
}
