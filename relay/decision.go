package relay

import (
	"encoding/json"
	"fmt"
	"time"

	"callback-relay/bodies"
)

// Decision is what one person decided. It prints without Comment and Fields. Its
// JSON is what the store keeps of it, along with what has no JSON here.
type Decision struct {
	Approved bool      `json:"approved"`
	Link     string    `json:"link"` // the link's name
	Number   byte      `json:"-"`    // and its number: a link that replaced it has the same name
	Approver string    `json:"approver"`
	Typed    bool      `json:"typed,omitempty"` // the approver's name was typed on the page: nobody has verified it
	At       time.Time `json:"-"`
	Comment  Payload   `json:"-"`
	Fields   Payload   `json:"-"` // a JSON object
}

// Words for a decision, as the workflow and the private API get it.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// Confirmed is what a page with one button sends in place of a decision.
const Confirmed = "confirmed"

// Word returns [Approved] or [Rejected].
func (d Decision) Word() string {
	if d.Approved {
		return Approved
	}
	return Rejected
}

// ErrorRejected is the error name a workflow gets when a rejection fails the
// task. A state can catch it by this name.
const ErrorRejected = "Callback.Rejected"

// minDecisionBytes is the least room for one decision in an output, next to
// which there must be room for a comment; outputMargin is what surrounds them.
const (
	minDecisionBytes = 2048
	outputMargin     = 1024
)

// decisionBytes returns how long a decision may be, encoded, so that all those
// that it can take to end it fit into one output.
func (a *Approval) decisionBytes(maxOutput int) int {
	// At most Required-1 and Rejections-1 do not end it, and the last one is in
	// the output twice. More people than these change nothing.
	return (maxOutput - outputMargin) / max(a.Required+a.Rejections, 2)
}

// The JSON of a decision. Every member is always there, since a path that leads
// nowhere fails a state of Step Functions.
type decisionJSON struct {
	Decision  string          `json:"decision"`
	By        byJSON          `json:"by"`
	Comment   string          `json:"comment"`
	Fields    json.RawMessage `json:"fields"`
	DecidedAt string          `json:"decidedAt"`
}

type byJSON struct {
	Link     string `json:"link"`
	Approver string `json:"approver"`
	Typed    bool   `json:"typed"`
}

// instant is RFC 3339 in UTC with milliseconds.
const instant = "2006-01-02T15:04:05.000Z07:00"

func (d Decision) json() decisionJSON {
	fields := json.RawMessage(d.Fields)
	if len(fields) == 0 {
		fields = json.RawMessage("{}")
	}
	return decisionJSON{
		Decision: d.Word(), By: byJSON{d.Link, d.Approver, d.Typed},
		Comment: string(d.Comment), Fields: fields, DecidedAt: d.At.UTC().Format(instant),
	}
}

// verdict tells whether the decisions end it, and how.
func (a *Approval) verdict(decisions []Decision) (final, approved bool) {
	approvals, rejections := Count(decisions)
	return approvals >= a.Required || rejections >= a.Rejections, rejections < a.Rejections
}

// Count counts the approvals and the rejections.
func Count(decisions []Decision) (approvals, rejections int) {
	for _, d := range decisions {
		if d.Approved {
			approvals++
		} else {
			rejections++
		}
	}
	return approvals, rejections
}

// outcome returns what the task is told of the decisions, the last of which
// ended it.
func (a *Approval) outcome(id CallbackID, decisions []Decision) Outcome {
	last := decisions[len(decisions)-1]
	if !last.Approved && a.OnReject == OutcomeFailure {
		cause := string(last.Comment)
		if cause == "" {
			cause = fmt.Sprintf("Rejected by %s.", last.Approver)
		}
		return Outcome{Type: OutcomeFailure, Error: ErrorRejected, Cause: cause}
	}
	var all []decisionJSON
	if a.Quorum() {
		for _, d := range decisions {
			all = append(all, d.json())
		}
	}
	return Outcome{Type: OutcomeSuccess, Output: bodies.Encode(struct {
		decisionJSON
		CallbackID CallbackID     `json:"callbackId"`
		Decisions  []decisionJSON `json:"decisions,omitempty"`
	}{last.json(), id, all})}
}
