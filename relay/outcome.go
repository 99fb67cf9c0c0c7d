package relay

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// OutcomeType says which call of Step Functions carries an outcome.
type OutcomeType string

// The outcomes that a waiting task can get.
const (
	OutcomeSuccess OutcomeType = "success" // SendTaskSuccess, with an output
	OutcomeFailure OutcomeType = "failure" // SendTaskFailure, with an error and a cause
)

// Outcome is what the relay sends to the task: success with Output, or failure with
// Error and Cause. Output is JSON text of at most [MaxOutputBytes] bytes. Error is 1
// to 256 characters: a failure without a name reaches the workflow as null.
// Cause is at most 32,768 characters. It prints without Output and Cause.
type Outcome struct {
	Type   OutcomeType
	Output Payload
	Error  string
	Cause  string
}

// ByExpiry stands in [OutcomeView.By] if the deadline made the outcome. No link can
// have this name.
const ByExpiry = "expiry"

// ErrorExpired is the error name a workflow gets when nobody answered in time.
// A state can catch it by this name.
const ErrorExpired = "Callback.Expired"

// Expiry returns the outcome of a callback that nobody answered before its
// deadline. It depends only on the deadline, so every attempt to deliver it sends
// the same bytes.
func Expiry(deadline time.Time) Outcome {
	return Outcome{
		Type:  OutcomeFailure,
		Error: ErrorExpired,
		Cause: fmt.Sprintf("No answer arrived before the deadline, %s.", deadline.UTC().Format(time.RFC3339)),
	}
}

// summary is the outcome without its payload.
func (o Outcome) summary() string {
	return strings.TrimSpace(string(o.Type)+" "+o.Error) + " " + redacted
}

// Format implements [fmt.Formatter], so that no verb prints the payload.
func (o Outcome) Format(f fmt.State, _ rune) { fmt.Fprint(f, o.summary()) }

// LogValue implements [slog.LogValuer].
func (o Outcome) LogValue() slog.Value { return slog.StringValue(o.summary()) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.summary()), nil }

// Payload returns the part of the outcome that came from outside and is kept
// sealed: the output of a success, the cause of a failure.
func (o Outcome) Payload() Payload {
	if o.Type == OutcomeFailure {
		return Payload(o.Cause)
	}
	return o.Output
}

// NewOutcome makes an outcome from its type, the error name of a failure, and what
// [Outcome.Payload] returned.
func NewOutcome(t OutcomeType, errorName string, payload Payload) Outcome {
	if t == OutcomeFailure {
		return Outcome{Type: t, Error: errorName, Cause: string(payload)}
	}
	return Outcome{Type: t, Output: payload}
}
