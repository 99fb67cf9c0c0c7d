package relay

import (
	"encoding/json"
	"fmt"
	"time"

	"callback-relay/bodies"
)

// Decision is what one person decided. It prints without Comment and Fields. The
// store keeps its JSON, and keeps the members without JSON separately: Fields only until
// they are part of the outcome, Comment as long as the callback unless the approval is to
// be forgotten.
type Decision struct {
	Approved bool      `json:"approved"`
	Choice   string    `json:"choice,omitempty"` // the value of the choice; Approved is then true
	Label    string    `json:"label,omitempty"`  // the choice's label, which pages show when the approval is gone
	Link     string    `json:"link"`             // the link's name
	Number   byte      `json:"-"`                // the link's number: a link that replaces it has the same name
	Approver string    `json:"approver"`
	Typed    bool      `json:"typed,omitempty"`    // the approver's name was typed on the page and not verified
	Verified *Person   `json:"verified,omitempty"` // who it was, if a proxy signed it
	At       time.Time `json:"-"`
	Comment  Payload   `json:"-"`
	Fields   Payload   `json:"-"` // a JSON object
}

// The words for a decision in outputs and in the private API.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// Confirmed is what a page with one button sends instead of a decision.
const Confirmed = "confirmed"

// NotForMe is what a page sends instead of a decision if the person says that the link is
// not for them. Nothing is decided.
const NotForMe = "not-for-me"

// Word returns the value of the choice, [Approved] or [Rejected].
func (d Decision) Word() string {
	switch {
	case d.Choice != "":
		return d.Choice
	case d.Approved:
		return Approved
	}
	return Rejected
}

// ErrorRejected is the error name a workflow gets when a rejection fails the
// task. A state can catch it by this name.
const ErrorRejected = "Callback.Rejected"

// minDecisionBytes is the least room that each decision must have in an output, for
// names, a time and a comment. outputMargin is the room for everything else.
const (
	minDecisionBytes = 2048
	outputMargin     = 1024
)

// decisionBytes returns how many bytes each decision may have in JSON, so that all
// decisions fit into one output.
func (a *Approval) decisionBytes(maxOutput int) int {
	// At most Required-1 approvals and Rejections-1 rejections precede the last
	// decision, which is in the output twice.
	return (maxOutput - outputMargin) / max(a.Required+a.Rejections, 2)
}

// The JSON of a decision. Every member is always present, since Step Functions fails
// a state whose path refers to a missing member.
type decisionJSON struct {
	Decision  string          `json:"decision"`
	By        byJSON          `json:"by"`
	Comment   string          `json:"comment"`
	Fields    json.RawMessage `json:"fields"`
	DecidedAt string          `json:"decidedAt"`
}

type byJSON struct {
	Link     string  `json:"link"`
	Approver string  `json:"approver"`
	Typed    bool    `json:"typed"`
	Verified *Person `json:"verified"` // null if no proxy signed it
}

// instant is RFC 3339 in UTC with milliseconds.
const instant = "2006-01-02T15:04:05.000Z07:00"

func (d Decision) json() decisionJSON {
	fields := json.RawMessage(d.Fields)
	if len(fields) == 0 {
		fields = json.RawMessage("{}")
	}
	return decisionJSON{
		Decision: d.Word(), By: byJSON{d.Link, d.Approver, d.Typed, d.Verified},
		Comment: string(d.Comment), Fields: fields, DecidedAt: d.At.UTC().Format(instant),
	}
}

// verdict tells whether the decisions settle the approval, and whether it is
// approved.
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

// outcome returns what the relay sends to the task. The last of the decisions settled the
// approval.
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
