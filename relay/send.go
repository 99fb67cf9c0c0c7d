package relay

import (
	"fmt"
	"maps"
	"slices"
)

// SendClass says what a failed call to Step Functions means for a delivery.
type SendClass int

// The classes. A call that succeeded has none: it returned no error.
const (
	// SendNotExecuted: the request certainly did not reach Step Functions, or was
	// refused for a reason that no longer exists. Worth trying again soon.
	SendNotExecuted SendClass = iota + 1
	// SendThrottled: refused because of a quota, and not executed. Calls must slow
	// down.
	SendThrottled
	// SendUnclear: Step Functions may or may not have taken the outcome.
	SendUnclear
	// SendClosed: the task no longer waits, perhaps because of an earlier attempt.
	SendClosed
	// SendNever: Step Functions will never take this outcome.
	SendNever
	// SendNeedsOperator: not executed, and refused until an operator fixes
	// permissions, credentials or KMS. Worth keeping until then.
	SendNeedsOperator
)

var sendClassNames = map[SendClass]string{
	SendNotExecuted:   "not-executed",
	SendThrottled:     "throttled",
	SendUnclear:       "unclear",
	SendClosed:        "closed",
	SendNever:         "never",
	SendNeedsOperator: "needs-operator",
}

// String names the class as metrics and logs do.
func (c SendClass) String() string {
	if name, ok := sendClassNames[c]; ok {
		return name
	}
	return fmt.Sprintf("SendClass(%d)", int(c))
}

// SendClasses returns the names of all classes, sorted.
func SendClasses() []string { return slices.Sorted(maps.Values(sendClassNames)) }

// NotExecuted tells whether calls of this class certainly had no effect.
func (c SendClass) NotExecuted() bool {
	return c == SendNotExecuted || c == SendThrottled || c == SendNeedsOperator
}

// SendError is a failed call to Step Functions. Its text contains neither the task
// token nor the payload.
type SendError struct {
	Class SendClass
	Code  string // AWS' error code, or a short name of ours such as "timeout"
	Err   error
}

// Error implements error.
func (e *SendError) Error() string {
	return fmt.Sprintf("step functions: %s (%s): %v", e.Code, e.Class, e.Err)
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// RefusalError returns the error for callers whose callback Step Functions has
// refused for the given reason (AWS' error code): [ErrTaskClosed] or [ErrRefused].
func RefusalError(reason string) error {
	switch reason {
	case "TaskTimedOut", "TaskDoesNotExist", ReasonGivenUp:
		return ErrTaskClosed
	}
	return ErrRefused
}

// ReasonGivenUp is the reason of a delivery that ends after [GiveUpAfter]: no task
// can still be waiting for it.
const ReasonGivenUp = "given-up"
