package relay_test

import (
	"strings"
	"testing"

	"callback-relay/relay"
	"callback-relay/rules"
)

// Nobody but the sender sees the reply to an event whose rule fails. So the history says which
// outcome of the registration failed, and the log why.
func TestFailedRuleOfAnAwait(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	for name, c := range map[string]struct {
		outcomes []rules.Outcome
		event    string // more of the event
		rule     int
		verdict  string
		detail   string // in the log; "" for none
	}{
		"output":  {await("").Outcomes, `"type":"broken"`, 2, relay.NoteFailedRule, `outcomes[2].output: the body has nothing at`},
		"when":    {[]rules.Outcome{{When: "body.n == 1", Do: rules.Ignore}, {When: "body.n + 1 > 2", Do: rules.Succeed}}, `"type":"a","n":"secret payload"`, 1, relay.NoteFailedRule, "outcomes[1].when: "},
		"error":   {[]rules.Outcome{{Do: rules.Fail, Error: "/code"}}, `"type":"a"`, 0, relay.NoteFailedRule, "outcomes[0].error: "},
		"unread":  {[]rules.Outcome{{Do: rules.Succeed}}, `"type":"a","n":1` + strings.Repeat("0", relay.MaxNumberChars), 0, relay.NoteFailedRule, "number"},
		"ignored": {[]rules.Outcome{{When: "body.n == 1", Do: rules.Succeed}, {Do: rules.Ignore}}, `"type":"a"`, 1, relay.NoteIgnored, ""},
		"nobody":  {[]rules.Outcome{{When: "body.n == 1", Do: rules.Succeed}}, `"type":"a"`, -1, relay.NoteIgnored, ""},
		"preset":  {nil, `"type":"a","n":1` + strings.Repeat("0", relay.MaxNumberChars), -1, relay.NoteFailedRule, "number"},
	} {
		r.log.Reset()
		cb, _, err := r.Create(t.Context(), relay.Registration{
			TaskToken: relay.TaskToken(name), Awaits: map[string]relay.Guard{"paid": {Sender: "pay", Key: name, Outcomes: c.outcomes}},
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		post := posted(`{"event":"e-`+name+`","id":"`+name+`",`+c.event+`}`, "Content-Type", "application/json", "X-Callback-Secret", hookSecret)
		if got, err := r.ReceiveEvent(t.Context(), r.hooks["pay"], post); err != nil || got.Verdict != relay.EventMatched {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		history, err := r.History(t.Context(), cb.ID)
		if err != nil || len(history) != 1 || history[0].Verdict != c.verdict || history[0].Rule != c.rule || history[0].Link != "paid" {
			t.Errorf("%s: the history is %+v, %v; want %s by outcome %d", name, history, err, c.verdict, c.rule)
		}
		logged := ""
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, "level=WARN") {
				logged += line
			}
		}
		if c.detail == "" && logged != "" || !strings.Contains(logged, c.detail) || c.detail != "" && !strings.Contains(logged, string(cb.ID)) {
			t.Errorf("%s: the log warns of %q, want %q", name, logged, c.detail)
		}
		if strings.Contains(r.log.String(), "secret payload") {
			t.Errorf("%s: the log has the payload", name)
		}
	}
}

// otherwise is for the events that the outcomes of the preset leave, as at a link. It does not
// replace them: here, they take every event.
func TestOtherwiseOfAnAwait(t *testing.T) {
	f := newFleet(t)
	r := f.replica("k1")
	for _, otherwise := range []rules.Do{"", rules.Ignore, rules.Succeed} {
		key := "key" + string(otherwise)
		registration := awaiting(relay.TaskToken(key), key)
		registration.Awaits["paid"] = relay.Guard{Sender: "pay", Key: key, Otherwise: otherwise}
		if _, _, err := r.Create(t.Context(), registration); err != nil {
			t.Fatal(err)
		}
		r.event("e-"+key, "paid", key, relay.EventMatched)
		f.has("otherwise: "+string(otherwise), relay.TaskToken(key), paid("e-"+key, key))
	}
}
