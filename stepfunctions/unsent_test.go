package stepfunctions

import (
	"errors"
	"testing"

	"github.com/aws/smithy-go"

	"callback-relay/relay"
)

// TestJudgeUnsent tries the errors that a Sender never causes, since it always sets
// what the SDK requires.
func TestJudgeUnsent(t *testing.T) {
	operation := func(err error) error {
		return &smithy.OperationError{ServiceID: "SFN", OperationName: "SendTaskSuccess", Err: err}
	}
	tests := []struct {
		name string
		err  error
		want verdict
	}{
		{"validation", smithy.InvalidParamsError{Context: "SendTaskSuccessInput"}, verdict{relay.SendNever, codeInvalid}},
		{"serialization", &smithy.SerializationError{Err: errors.New("x")}, verdict{relay.SendNever, codeInvalid}},
		{"endpoint", errors.New("resolve endpoint"), verdict{relay.SendNeedsOperator, codeCannotSign}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := new(attempt).judge(t.Context(), operation(tt.err)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
