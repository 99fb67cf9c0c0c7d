package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// history is everything known about one callback: the responses to its
// registration and its senders, the calls that Step Functions got and accepted, and
// the final state.
type history struct {
	kind      string // what was done with it
	taskToken string
	callback  api.Callback // as registered
	bodies    [][]byte     // that were posted
	key       string       // of the event that it awaits; "" if it has a link
	deadline  time.Time    // by the clock of this machine, which is Redis' too

	companions []*history // that await the same event

	mu      sync.Mutex
	events  []event
	noticed []string // what a client itself found to be wrong

	calls     []sent
	effects   []standin.Effect
	final     string // the callback's state in the end
	failovers []span // in which Redis may have lost writes that did not wait for copies

	// For the reader of an objection: what was injected meanwhile, and what each replica
	// logged about the callback.
	injected []injection
	logged   [][]string
}

// span is the time of a fault.
type span struct{ began, ended time.Time }

// injection is a fault as it was injected.
type injection struct {
	span
	name string
}

// What a client of the relay can do.
const (
	didRegister = "register"
	didPost     = "post"
	didCancel   = "cancel"
	didGiveUp   = "give up"
)

// event is one request of a client, and the response.
type event struct {
	what         string
	body         int // of a post: which one
	replica      int
	began, ended time.Time
	told         reply
	err          error // there was no response
}

// note adds an event.
func (h *history) note(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// notice adds a fault that a client itself found.
func (h *history) notice(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noticed = append(h.noticed, what)
}

// told returns the events of one kind with a status.
func (h *history) told(what string, status int) []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []event
	for _, e := range h.events {
		if e.what == what && e.err == nil && e.told.status == status {
			found = append(found, e)
		}
	}
	return found
}

// acknowledged reports whether any sender got a 2xx for an answer.
func (h *history) acknowledged() bool { return len(h.told(didPost, 200)) > 0 }

// String prints the history without payloads and secrets.
func (h *history) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "callback %s (%s), onExpiry %s, deadline %s, in the end %s\n",
		h.callback.ID, h.kind, h.callback.OnExpiry, clock(h.deadline), h.final)
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	for _, e := range h.events {
		text := fmt.Sprintf("%s at replica %d, body %d, since %s: %d %s", e.what, e.replica, e.body, clock(e.began), e.told.status, e.told.word)
		if e.told.duplicate {
			text += ", duplicate"
		}
		if e.err != nil {
			text = fmt.Sprintf("%s at replica %d, body %d, since %s: %s", e.what, e.replica, e.body, clock(e.began), withoutURL(e.err))
		}
		lines = append(lines, line{e.ended, text})
	}
	for _, c := range h.calls {
		lines = append(lines, line{c.at, fmt.Sprintf("%s reaches Step Functions, %s", c.action, h.which(c.outcome))})
	}
	for _, e := range h.effects {
		lines = append(lines, line{e.At, fmt.Sprintf("%s takes effect, %s", e.Action, h.which(string(e.Output)+e.Error+e.Cause))})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	for _, l := range lines {
		fmt.Fprintf(&b, "  %s  %s\n", clock(l.at), l.text)
	}
	for _, f := range h.injected {
		if len(lines) > 0 && f.ended.After(lines[0].at) && f.began.Before(lines[len(lines)-1].at) {
			fmt.Fprintf(&b, "  %s to %s  %s\n", clock(f.began), clock(f.ended), f.name)
		}
	}
	for replica, lines := range h.logged {
		for _, line := range lines {
			fmt.Fprintf(&b, "  replica %d logged %s", replica, line)
		}
	}
	return b.String()
}

// which names an outcome instead of quoting it.
func (h *history) which(outcome string) string {
	for i, body := range h.bodies {
		if outcome == string(body) {
			return fmt.Sprintf("body %d", i)
		}
	}
	if strings.HasPrefix(outcome, expiredError) {
		return expiredError
	}
	return "with bytes that nobody posted"
}

// withoutURL shortens the error of a request, whose text has the link.
func withoutURL(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, `": `); i >= 0 {
		return text[i+3:]
	}
	return text
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("15:04:05.000")
}
