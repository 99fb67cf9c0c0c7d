package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// failure is an SDK error reduced to what may be logged. The SDK's error is not
// kept: its text and its fields quote what AWS said.
type failure struct {
	text  string
	cause error // the end of a context, or nil
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause }

// quotable are the errors whose message is passed on: it names the role, the
// action or the key that an operator must look at. Other messages quote the
// request that they refuse, and those about signatures its headers, among
// which is the session's credential.
var quotable = map[string]bool{
	"AccessDenied":             true,
	"AccessDeniedException":    true,
	"KmsAccessDeniedException": true,
	"KmsInvalidStateException": true,
}

// shortSecret is the length under which a secret is too common to look for: a
// payload of "1" is in every second message.
const shortSecret = 8

// telltale is how many bytes in a row of a secret give it away: AWS shortens
// what it quotes. longestQuote bounds what is passed on.
const (
	telltale     = 16
	longestQuote = 1 << 10
)

// explain words a failure for an operator: operation, HTTP status, AWS's
// request id, and the reason. Whatever contains one of the secrets is left out.
func (a *attempt) explain(err error, secrets []string) error {
	f := &failure{}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			f.cause = end
		}
	}
	var text strings.Builder
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		text.WriteString(operation.OperationName)
		err = operation.Err
	}
	if a.status != 0 {
		fmt.Fprintf(&text, ", HTTP %d", a.status)
	}
	if a.requestID != "" && !containsAny(a.requestID, secrets) {
		fmt.Fprintf(&text, ", request %s", a.requestID)
	}
	if reason := a.reason(err); reason != "" && !containsAny(reason, secrets) {
		fmt.Fprintf(&text, ": %s", reason)
	}
	f.text = text.String()
	return f
}

// reason returns what is known beyond the code.
func (a *attempt) reason(err error) string {
	if a.err != nil {
		return a.err.Error()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if quotable[api.ErrorCode()] && len(api.ErrorMessage()) <= longestQuote {
			return api.ErrorMessage()
		}
		return ""
	}
	if unreadable, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return unreadable.Error()
	}
	return err.Error()
}

// containsAny tells whether a text holds a secret or a part of one, with or
// without the backslashes that quoting adds.
func containsAny(text string, secrets []string) bool {
	plain := strings.ReplaceAll(text, `\`, "")
	for _, secret := range secrets {
		if len(secret) < shortSecret {
			continue
		}
		if strings.Contains(text, secret) {
			return true
		}
		bare := strings.ReplaceAll(secret, `\`, "")
		for at := 0; at+telltale <= len(plain); at++ {
			if strings.Contains(bare, plain[at:at+telltale]) {
				return true
			}
		}
	}
	return false
}
