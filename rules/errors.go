package rules

import "fmt"

// Error is one mistake in a [Source].
type Error struct {
	Path    string // such as "outcomes[1].when"
	Problem string // continues the path in a sentence; of an expression, with its line and a caret below the place
}

// Error implements error.
func (e *Error) Error() string { return e.Path + " " + e.Problem }

// The reasons why a rule fails.
const (
	ReasonExpression = "expression" // a value has a type that the expression does not expect
	ReasonCost       = "cost"       // judging the event would take too long or too much memory
	ReasonSchema     = "schema"     // the body cannot be checked against a schema
	ReasonPointer    = "pointer"    // what the outcome needs is not in the body
	ReasonOutput     = "output"     // the output would be too large
)

// FailedError is why an event could not be judged. It contains nothing of the event.
type FailedError struct {
	Rule   int    // the outcome; -1 if it is the event's id or type
	Reason string // one of the Reason constants
	Detail string // which part of the rule failed, and how
}

// Error implements error.
func (e *FailedError) Error() string {
	if e.Rule < 0 {
		return e.Detail
	}
	return fmt.Sprintf("outcomes[%d].%s", e.Rule, e.Detail)
}

// failure is a [FailedError] of a rule that is known to the caller.
type failure struct{ reason, detail string }

// Error implements error.
func (f *failure) Error() string { return f.detail }
