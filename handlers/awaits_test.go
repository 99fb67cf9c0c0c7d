package handlers_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/relay"
	"callback-relay/rules"
	"callback-relay/senders"
	"callback-relay/stepfunctions/standin"
)

// withHooks configures the hook "pay", which has a proof, the hook "open", which has none, and
// the sender "own", which has no hook.
func withHooks(t *testing.T) func(*setup) {
	t.Helper()
	pay, err := senders.New(senders.Spec{Preset: "header-secret", Secrets: []string{hookSecret}, Event: &rules.EventSpec{ID: "body.event", Type: "body.type"}})
	must(t, err)
	own, err := senders.New(senders.Spec{Secrets: []string{hookSecret}, Proof: &senders.Proof{Algorithm: "shared-secret", Header: senders.Names{"X-Own"}}})
	must(t, err)
	rule := func(event rules.EventSpec) *rules.Hook {
		compiled, err := rules.CompileHook(rules.HookSource{Event: event, Key: "body.id"})
		must(t, err)
		return compiled
	}
	return func(s *setup) {
		s.service.Senders = configured{"pay": pay, "own": own}
		s.service.Hooks = hooks{
			"pay":  {Name: "pay", Sender: pay, Rule: rule(pay.Event()), Keep: 15 * time.Minute},
			"open": {Name: "open", Rule: rule(rules.EventSpec{}), Keep: 90 * time.Second},
		}
	}
}

// event brings an event to the hook "pay". key is JSON.
func (n *node) event(id, key string, want relay.EventVerdict) {
	n.t.Helper()
	hook, err := n.service.ResolveHook(strings.TrimPrefix(n.service.HookURL("pay"), "https://relay.example.com/h/"))
	must(n.t, err)
	got, err := n.service.ReceiveEvent(n.t.Context(), hook, relay.Post{
		Header: http.Header{"Content-Type": {"application/json"}, "X-Callback-Secret": {hookSecret}},
		Body:   fmt.Appendf(nil, `{"event":%q,"type":"paid","id":%s}`, id, key), Room: endless{},
	})
	if err != nil || got.Verdict != want {
		n.t.Errorf("event %s: %+v, %v, want %s", id, got, err, want)
	}
}

// endless is memory without a bound.
type endless struct{}

func (endless) Take(int) error { return nil }
func (endless) Give(int)       {}

var _ bodies.Room = endless{}

// paid is an await of the hook "pay". key is JSON.
func paid(key string) string {
	return `{"sender":"pay","key":` + key + `,"outcomes":[{"when":"body.type == 'paid'","do":"succeed","output":"/event"}]}`
}

// A registration waits for an event and gets it. It shows for whose, and of the key only the
// digest that events of the hook show too, which lists leave out.
func TestAwaitsOfARegistration(t *testing.T) {
	n := start(t, withHooks(t))
	k := n.register("awaits", `{"paid":`+paid(`"CANARY:1"`)+`,"other":{"sender":"open","key":42,"otherwise":"succeed"}}`)
	n.event("evt_0", `"CANARY:2"`, relay.EventKept)
	var kept api.KeptEvents
	n.call("GET", "/v1/senders/pay/events", "").decode(&kept)
	digests := n.register("awaits", `{"paid":`+strings.ReplaceAll(paid(`"CANARY:2"`), "paid'", "never'")+`}`).Awaits
	if len(kept.Events) != 1 || digests["paid"].Key != kept.Events[0].Key || k.Awaits["paid"].Key == digests["paid"].Key {
		t.Errorf("an event about %+v, registrations for %+v and %+v", kept.Events, digests, k.Awaits)
	}
	want := map[string]api.Await{"paid": {Sender: "pay", Key: k.Awaits["paid"].Key}, "other": {Sender: "open", Key: k.Awaits["other"].Key}}
	if diff := cmp.Diff(want, k.Awaits); diff != "" || len(k.Links) != 0 || k.URL != "" {
		t.Errorf("registered: %+v (-want +got)\n%s", k.Callback, diff)
	}
	var view api.Callback
	n.call("GET", "/v1/callbacks/"+k.ID, "").decode(&view)
	if diff := cmp.Diff(want, view.Awaits); diff != "" || len(want["other"].Key) != 26 || want["other"].Key == want["paid"].Key {
		t.Errorf("one callback (-want +got)\n%s", diff)
	}
	for _, path := range []string{"/v1/callbacks", "/v1/callbacks?await=pay:CANARY:1", "/v1/callbacks?await=open:42"} {
		got := n.call("GET", path, "")
		if got.is(http.StatusOK); strings.Contains(string(got.body), "CANARY") || !strings.Contains(string(got.body), `"awaits":{"other":{"sender":"open"},"paid":{"sender":"pay"}}`) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	n.event("evt_1", `"CANARY:1"`, relay.EventMatched)
	k.gets(`"evt_1"`)
	var cb api.Callback
	n.call("GET", "/v1/callbacks/"+k.ID, "").decode(&cb)
	if cb.State != "delivered" || cb.Outcome.By != "paid" {
		t.Errorf("afterwards: %+v", cb)
	}
	if diff := cmp.Diff(want, cb.Awaits); diff != "" {
		t.Errorf("afterwards (-want +got)\n%s", diff)
	}
	n.event("evt_1", `"CANARY:1"`, relay.EventDuplicate)

	// Beside awaits, a registration has the links that it asks for, and no other.
	k = n.register("awaits", `{"paid":`+paid(`"2"`)+`}`, "links", `{"skip":{"type":"success"}}`)
	if len(k.Links) != 1 || len(k.Awaits) != 1 {
		t.Errorf("with a link: %+v", k.Callback)
	}
	if strings.Contains(n.log.String(), "CANARY") {
		t.Error("the log quotes a key")
	}
}

// A number as a key is the whole number, however either side writes it.
func TestNumbersAsKeys(t *testing.T) {
	n := start(t, withHooks(t))
	for i, c := range []struct{ registered, event string }{
		{`42`, `42`}, {`"43"`, `43`}, {`44`, `"44"`}, {`45.0`, `45`}, {`46`, `46.00`}, {`1e3`, `1000`}, {`9007199254740993`, `9007199254740993`}, {`"\u0041"`, `"A"`},
		{`"` + strings.Repeat("k", 1024) + `"`, `"` + strings.Repeat("k", 1024) + `"`},
	} {
		k := n.register("awaits", `{"paid":`+paid(c.registered)+`}`)
		n.event(fmt.Sprint("evt_", i), c.event, relay.EventMatched)
		k.gets(fmt.Sprintf(`"evt_%d"`, i))
	}
	n.register("awaits", `{"paid":`+paid(`9007199254740993`)+`}`)
	n.event("evt_a", `9007199254740992`, relay.EventKept)
}

// Row 72: repeated with the same awaits, a registration finds the same callback.
func TestAwaitsRegisteredAgain(t *testing.T) {
	n := start(t, withHooks(t))
	k := n.register("awaits", `{"paid":`+paid(`42`)+`}`)
	register := func(fields string) answer {
		return n.call("POST", "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+fields+`}`)
	}
	for _, same := range []string{paid(`42`), paid(`"42"`), paid(` 4.2e1 `)} {
		again := register(`,"awaits":{"paid":` + same + `}`)
		again.is(http.StatusOK)
		var cb api.Callback
		if again.decode(&cb); cmp.Diff(k.Callback, cb) != "" {
			t.Errorf("%s: %s", same, cmp.Diff(k.Callback, cb))
		}
	}
	for name, fields := range map[string]string{
		"another key":    `,"awaits":{"paid":` + paid(`43`) + `}`,
		"another sender": `,"awaits":{"paid":` + strings.Replace(paid(`42`), `"pay"`, `"open"`, 1) + `}`,
		"another name":   `,"awaits":{"done":` + paid(`42`) + `}`,
		"outcomes":       `,"awaits":{"paid":{"sender":"pay","key":42,"otherwise":"succeed"}}`,
		"one more":       `,"awaits":{"paid":` + paid(`42`) + `,"more":` + paid(`42`) + `}`,
		"a link":         `,"links":{"paid":{"type":"webhook"}}`,
		"neither":        ``,
	} {
		if p := register(fields).isProblem(http.StatusConflict, "settings-differ"); p.Detail == "" {
			t.Errorf("%s: no detail", name)
		}
	}
	n.event("evt_1", `42`, relay.EventMatched)
	k.gets(`"evt_1"`)
	register(`,"awaits":{"paid":` + paid(`42`) + `}`).is(http.StatusOK)
}

func TestMistakesInAwaits(t *testing.T) {
	n := start(t, withHooks(t))
	awaits := func(members string) string { return `{"taskToken":"CANARY","awaits":{` + members + `}}` }
	of := func(fields string) string { return awaits(`"paid":{"sender":"open","key":"CANARY",` + fields + `}`) }
	for _, c := range []struct{ name, body, wrong string }{
		{"all at once", awaits(`"X":{"sender":"pay","key":"k"},"expiry":{"sender":"open","key":"k"},"a":{"sender":"CANARY","key":"k"},"b":{"key":"k"},"c":{"sender":"open"},"d":{"sender":"own","key":""}`),
			"awaits awaits.c.key awaits.d.key awaits.expiry awaits.a.sender awaits.b.sender awaits.d.sender"},
		{"the name of a link", `{"taskToken":"CANARY","links":{"paid":{"type":"webhook"}},"awaits":{"paid":{"sender":"open","key":"k"}}}`, "awaits.paid"},
		{"a name twice", awaits(`"a":{"sender":"open","key":"k"},"a":{"sender":"open","key":"k"}`), "awaits.a"},
		{"more than 32 with the links", `{"taskToken":"CANARY","links":{"a":{"type":"webhook"}},"awaits":{` + entries(32, `"a%d":{"sender":"open","key":"k"}`) + `}}`, "awaits"},
		{"a list", `{"taskToken":"CANARY","awaits":["CANARY"]}`, "awaits"},
		{"a text", awaits(`"paid":"CANARY"`), "awaits.paid"},
		{"null", awaits(`"paid":null`), "awaits.paid.key awaits.paid.sender"},
		{"a sender that is an object", awaits(`"paid":{"sender":{"preset":"github","secret":"CANARY"},"key":"k"}`), "awaits.paid.sender"},
		{"a key that is no whole number", awaits(`"paid":{"sender":"open","key":1.5},"more":{"sender":"open","key":18446744073709551616}`), "awaits.more.key awaits.paid.key"},
		{"a key that is true", awaits(`"paid":{"sender":"open","key":true}`), "awaits.paid.key"},
		{"a key that is null", awaits(`"paid":{"sender":"open","key":null}`), "awaits.paid.key"},
		{"a key that is an object", awaits(`"paid":{"sender":"open","key":{"id":"CANARY"}}`), "awaits.paid.key"},
		{"half a character in a key", awaits(`"paid":{"sender":"open","key":"CANARY\ud800"}`), "awaits.paid.key"},
		{"a type", of(`"type":"await"`), "awaits.paid.type"},
		{"a URL", of(`"url":"CANARY"`), "awaits.paid.url"},
		{"a key twice", of(`"key":"CANARY"`), "awaits.paid.key"},
		{"outcomes that are not valid", of(`"outcomes":[{"when":"body.(","do":"succeed"},{"do":"explode"}]`), "awaits.paid.outcomes[0].when awaits.paid.outcomes[1].do"},
		{"vars without outcomes", of(`"vars":{"a":1}`), "awaits.paid.vars"},
		{"an await as the type of a link", `{"taskToken":"CANARY","links":{"a":{"type":"await"}}}`, "links.a.type"},
	} {
		t.Run(c.name, func(t *testing.T) { n.on(t).refuses(c.body, http.StatusBadRequest, "invalid-request", c.wrong) })
	}
	got := n.call("POST", "/v1/callbacks", awaits(`"paid":{"sender":"CANARY","key":"k"}`)).isProblem(http.StatusBadRequest, "invalid-request")
	if !strings.Contains(got.Detail, "use one of open, pay") {
		t.Errorf("an unknown sender: %q", got.Detail)
	}
	if keys := n.redis.Keys(); len(keys) != 1 {
		t.Errorf("Redis holds %q", keys)
	}
}

// 100 callbacks can wait for a key. One that is refused has registered, and waits once there
// is room.
func TestTooManyWait(t *testing.T) {
	n := start(t, withHooks(t))
	var first task
	for i := range relay.MaxWaiters {
		k := n.register("awaits", `{"paid":`+paid(`"k"`)+`}`)
		if i == 0 {
			first = k
		}
	}
	token := n.aws.NewTask(standin.TaskOptions{})
	body := `{"taskToken":` + quoted(token) + `,"awaits":{"paid":` + paid(`"k"`) + `}}`
	n.call("POST", "/v1/callbacks", body).isProblem(http.StatusConflict, "too-many-waiters")
	n.call("POST", "/v1/callbacks", body).isProblem(http.StatusConflict, "too-many-waiters")
	n.call("DELETE", "/v1/callbacks/"+first.ID+"/links/paid", "").is(http.StatusOK)
	n.call("POST", "/v1/callbacks", body).is(http.StatusOK)
}

// An await is closed as a link is. It gets no events from then on, and its name stays taken.
func TestAwaitIsClosed(t *testing.T) {
	n := start(t, withHooks(t))
	k := n.register("awaits", `{"paid":`+paid(`"k"`)+`,"also":`+paid(`"other"`)+`}`)
	k.addLink(`{"name":"paid","type":"webhook"}`).isProblem(http.StatusBadRequest, "invalid-request")
	for range 2 {
		var cb api.Callback
		got := n.call("DELETE", "/v1/callbacks/"+k.ID+"/links/paid", "")
		got.is(http.StatusOK)
		got.decode(&cb)
		if want := map[string]api.Await{"paid": {Sender: "pay", Closed: true}, "also": {Sender: "pay"}}; !maps.Equal(cb.Awaits, want) {
			t.Errorf("closed: %+v", cb.Awaits)
		}
	}
	k.addLink(`{"name":"paid","type":"webhook"}`).isProblem(http.StatusBadRequest, "invalid-request")
	if found := n.awaiting("pay:k"); len(found) != 0 {
		t.Errorf("still waits: %q", found)
	}
	n.event("evt_1", `"k"`, relay.EventKept)
	if got := k.got(); len(got) != 0 {
		t.Errorf("Step Functions got %q", got)
	}
	// The registration repeated does not open it again.
	n.call("POST", "/v1/callbacks", `{"taskToken":`+quoted(k.taskToken)+`,"awaits":{"paid":`+paid(`"k"`)+`,"also":`+paid(`"other"`)+`}}`).is(http.StatusOK)
	n.call("PATCH", "/v1/callbacks/"+k.ID, `{"expiresIn":"2h"}`).is(http.StatusOK)
	if found := n.awaiting("pay:k"); len(found) != 0 || len(k.got()) != 0 {
		t.Errorf("opened again: %q, %q", found, k.got())
	}
	k.addLink(`{"name":"done","type":"success"}`).is(http.StatusCreated)
	n.event("evt_2", `"other"`, relay.EventMatched)
	k.gets(`"evt_2"`)
}

// Events that a callback ignored are in its history, under the name of the await.
func TestHistoryOfAnAwait(t *testing.T) {
	n := start(t, withHooks(t))
	k := n.register("awaits", `{"paid":{"sender":"pay","key":"k","outcomes":[{"when":"body.type == 'refunded'","do":"succeed"}]}}`)
	n.event("evt_1", `"k"`, relay.EventMatched)
	var h api.History
	n.call("GET", "/v1/callbacks/"+k.ID+"/history", "").decode(&h)
	if len(h.Entries) != 1 || h.Entries[0].Link != "paid" || h.Entries[0].Verdict != "ignored" || h.Entries[0].EventID != "evt_1" || h.Entries[0].Bytes == 0 {
		t.Errorf("history: %+v", h)
	}
}
